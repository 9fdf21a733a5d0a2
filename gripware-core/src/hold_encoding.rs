//! The way of a hold out of the application: which form it needs, and how a response is written.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{
    GripContext, Hold, HoldError, HoldMode, KeepAlive, Link, Policy, Refusal,
    header::{GRIP_HOLD, GRIP_INSTRUCT, UNWRITTEN_HOLD, has_essence, is_instruction},
    log,
};

/// With the value `no` it has nginx pass on each byte of a response as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How a hold travels to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HoldEncoding {
    /// It does not: a `HEAD` request is answered and never held.
    None,
    /// In the headers of the response, whose body passes as it comes.
    Headers,
    /// In the headers of the response, whose body has to be read first: a proxy takes only so much
    /// of what it is to answer with later, and nobody knows yet how long this one is.
    HeadersOnceRead,
    /// In an `application/grip-instruct` body around the response, since a header would change
    /// something.
    Body,
}

impl HoldEncoding {
    /// Returns `true` if the body of the response has to be read before the hold is written, up to
    /// [`Limits::instruct_body`](crate::Limits::instruct_body).
    #[must_use]
    pub fn reads_body(self) -> bool {
        matches!(self, Self::HeadersOnceRead | Self::Body)
    }
}

impl Policy {
    /// Whether a response without a [`Hold`] may leave. Instructions that somebody wrote into the
    /// headers by hand need a proxy just as well, and are taken out of the answer to a `HEAD`.
    /// Channels in them get no prefix.
    ///
    /// # Errors
    /// [`Refusal::HoldWithoutProxy`] where such a response answers a request that came without a
    /// proxy; [`Refusal::LostHold`] where there was a hold and it did not come this far.
    pub fn check_response(
        &self,
        cx: &GripContext,
        method: &Method,
        headers: &mut HeaderMap,
    ) -> Result<(), Refusal> {
        let is_instruct = has_essence(headers, GRIP_INSTRUCT);
        if !is_instruct && !headers.keys().any(is_instruction) {
            return Ok(());
        }
        if headers
            .get(GRIP_HOLD)
            .is_some_and(|hold| hold == UNWRITTEN_HOLD)
        {
            return Err(Refusal::LostHold);
        }
        if !cx.is_proxied() {
            return Err(Refusal::HoldWithoutProxy);
        }
        if method == Method::HEAD {
            take_instructions(headers);
            if is_instruct {
                headers.remove(CONTENT_TYPE);
            }
        }
        Ok(())
    }

    /// In what form a hold leaves. `length` is that of the response's body in bytes, where it is
    /// known.
    ///
    /// # Errors
    /// [`Refusal::HoldWithoutProxy`] where there is nobody to obey it, [`Refusal::BadHold`] where
    /// a proxy would refuse it.
    pub fn hold_encoding(
        &self,
        cx: &GripContext,
        method: &Method,
        hold: &Hold,
        length: Option<u64>,
    ) -> Result<HoldEncoding, Refusal> {
        if !cx.is_proxied() {
            return Err(Refusal::HoldWithoutProxy);
        }
        hold.check_prefixed(self.prefix(), self.limits())?;
        if let Some(link) = unguarded_link(cx, hold).filter(|_| cfg!(debug_assertions)) {
            log::link_without_login(link);
        }
        if method == Method::HEAD {
            return Ok(HoldEncoding::None);
        }
        if !hold.is_header_safe(self.prefix(), self.limits()) {
            return Ok(HoldEncoding::Body);
        }
        if hold.mode() != Some(HoldMode::Response) {
            return Ok(HoldEncoding::Headers);
        }
        let limit = self.limits().instruct_body;
        match length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)) {
            None => Ok(HoldEncoding::HeadersOnceRead),
            Some(length) if length > limit => Err(HoldError::BodyTooLarge { length, limit }.into()),
            Some(_) => Ok(HoldEncoding::Headers),
        }
    }

    /// Writes a hold into the head of the response that it was returned with. `body` is the
    /// response's, if the encoding [reads it](HoldEncoding::reads_body), and empty otherwise. Returns
    /// the body to send in its place, where there is another.
    ///
    /// # Server-sent events
    /// A hold [of server-sent events](Hold::is_sse) gives the response their content type, unless
    /// it has one that was set on purpose. A stream hold of that content type, wherever it is from,
    /// gets what event streams need behind the servers people have, unless the handler says
    /// otherwise:
    ///
    /// * `Cache-Control: no-cache`, which keeps caches and compressing servers from collecting it,
    /// * `X-Accel-Buffering: no`: an nginx with nothing but `proxy_pass` sends neither the head nor
    ///   an event before its buffer is full,
    /// * a keep-alive, which is an empty comment after [`KeepAlive::DEFAULT_SSE_TIMEOUT`] without an
    ///   event; see [`Hold::without_keep_alive`].
    ///
    /// # Errors
    /// [`Refusal::BadHold`] where something is over a limit.
    pub fn write(
        &self,
        encoding: HoldEncoding,
        hold: &Hold,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<Option<Bytes>, Refusal> {
        take_instructions(headers);
        add_content_type(hold, headers);
        let hold = &*prepare_event_stream(hold, headers);
        let (prefix, limits) = (self.prefix(), self.limits());
        match encoding {
            HoldEncoding::None => hold.write_plain(status, headers),
            HoldEncoding::Headers | HoldEncoding::HeadersOnceRead => {
                *status = hold.write_headers(prefix, limits, *status, headers)?;
            }
            HoldEncoding::Body => {
                let (outer, body) = hold.to_instruct(prefix, limits, *status, headers, body)?;
                *status = StatusCode::OK;
                *headers = outer;
                return Ok(Some(body));
            }
        }
        Ok(None)
    }
}

/// Returns the next link that a client with a login is given, if it does not say whose it is.
fn unguarded_link<'a>(cx: &GripContext, hold: &'a Hold) -> Option<&'a Link> {
    hold.next_link()
        .filter(|link| cx.has_login() && !link.is_private())
}

/// Takes every instruction out of the headers: a hold says all there is to say.
fn take_instructions(headers: &mut HeaderMap) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| is_instruction(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Adds the headers and the keep-alive of an event stream where the handler has none.
fn prepare_event_stream<'a>(hold: &'a Hold, headers: &mut HeaderMap) -> Cow<'a, Hold> {
    if hold.mode() != Some(HoldMode::Stream) || !has_essence(headers, "text/event-stream") {
        return Cow::Borrowed(hold);
    }
    for (name, value) in [(CACHE_CONTROL, "no-cache"), (X_ACCEL_BUFFERING, "no")] {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
    if hold.needs_keep_alive() {
        let keep_alive = KeepAlive::sse(KeepAlive::DEFAULT_SSE_TIMEOUT);
        return Cow::Owned(hold.clone().keep_alive(keep_alive));
    }
    Cow::Borrowed(hold)
}

/// Gives server-sent events their content type: where there is none, and where it is one that
/// frameworks set for any text or bytes, which no browser would take for events.
fn add_content_type(hold: &Hold, headers: &mut HeaderMap) {
    let is_unspecific = || {
        ["text/plain", "application/octet-stream"]
            .iter()
            .any(|essence| has_essence(headers, essence))
    };
    if hold.is_sse() && (!headers.contains_key(CONTENT_TYPE) || is_unspecific()) {
        let events = HeaderValue::from_static("text/event-stream");
        headers.insert(CONTENT_TYPE, events);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use http::header::CACHE_CONTROL;

    use super::*;
    use crate::{KeepAlive, header::GRIP_KEEP_ALIVE};

    fn written(
        method: &Method,
        hold: &Hold,
        headers: &[(&'static str, &'static str)],
    ) -> HeaderMap {
        let policy = Arc::new(Policy::new().trusting_unsigned_proxies());
        let mut request = HeaderMap::new();
        request.insert("grip-feature", HeaderValue::from_static("status"));
        let cx = policy.admit(&request, std::time::SystemTime::now);
        let encoding = policy.hold_encoding(&cx, method, hold, Some(0)).unwrap();
        let mut answer = HeaderMap::new();
        for (name, value) in headers {
            answer.insert(*name, HeaderValue::from_static(value));
        }
        let mut status = StatusCode::OK;
        let body = policy.write(encoding, hold, &mut status, &mut answer, b"");
        assert_eq!(body.unwrap().is_some(), encoding == HoldEncoding::Body);
        answer
    }

    const SSE: [(&str, &str); 1] = [("content-type", "text/event-stream; charset=utf-8")];

    #[test]
    fn an_event_stream_passes_buffering_servers_and_is_kept_alive() {
        for hold in [Hold::stream("a"), Hold::sse("a")] {
            let headers = written(&Method::GET, &hold, &SSE);
            assert_eq!(headers[CACHE_CONTROL], "no-cache");
            assert_eq!(headers[X_ACCEL_BUFFERING], "no");
            let keep_alive = r":\n\n; format=cstring; timeout=20";
            assert_eq!(headers[GRIP_KEEP_ALIVE], keep_alive);
        }
        let headers = written(&Method::HEAD, &Hold::sse("a"), &[]);
        assert_eq!(headers[CONTENT_TYPE], "text/event-stream");
        assert_eq!(headers[X_ACCEL_BUFFERING], "no");
    }

    #[test]
    fn what_a_handler_says_of_an_event_stream_stays() {
        let own = [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "yes"),
        ];
        let keep_alive = KeepAlive::text(": hi\n\n").timeout(Duration::from_secs(5));
        let headers = written(
            &Method::GET,
            &Hold::stream("a").keep_alive(keep_alive),
            &own,
        );
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[X_ACCEL_BUFFERING], "yes");
        assert!(
            headers[GRIP_KEEP_ALIVE]
                .to_str()
                .unwrap()
                .contains("timeout=5")
        );

        let quiet = Hold::sse("a").without_keep_alive();
        let headers = written(&Method::GET, &quiet, &[]);
        assert_eq!(headers[CONTENT_TYPE], "text/event-stream");
        assert!(!headers.contains_key(GRIP_KEEP_ALIVE));
    }

    #[test]
    fn other_holds_get_none_of_it() {
        let next = Hold::next_page("/more");
        for (hold, headers) in [
            (&Hold::stream("a"), &[("content-type", "text/plain")][..]),
            (&Hold::stream("a"), &[]),
            (&Hold::response("a"), &SSE),
            (&next, &SSE),
        ] {
            let headers = written(&Method::GET, hold, headers);
            assert!(!headers.contains_key(CACHE_CONTROL), "{hold:?}");
            assert!(!headers.contains_key(X_ACCEL_BUFFERING), "{hold:?}");
            assert!(!headers.contains_key(GRIP_KEEP_ALIVE), "{hold:?}");
        }
    }

    #[test]
    fn a_link_that_a_login_does_not_follow_is_noticed() {
        let key = crate::LinkKey::new([7; 32]).unwrap();
        let policy = Arc::new(Policy::new().with_link_key(key));
        let now = std::time::SystemTime::now;
        let cx = policy.admit(&HeaderMap::new(), now);
        let public = Hold::stream("a").next("/a");
        let private = Hold::stream("a").next(cx.private_link_at(now(), "/a", "anna", "a"));
        assert_eq!(unguarded_link(&cx, &public), None);
        let cx = cx.with_login(true).for_response();
        assert_eq!(unguarded_link(&cx, &public).map(Link::as_str), Some("/a"));
        assert_eq!(unguarded_link(&cx, &private), None);
        assert_eq!(unguarded_link(&cx, &Hold::stream("a")), None);
    }

    #[test]
    fn a_hold_in_a_body_has_them_too() {
        let headers = written(&Method::GET, &Hold::sse("a").in_body(), &[]);
        assert_eq!(
            headers[GRIP_KEEP_ALIVE],
            r":\n\n; format=cstring; timeout=20"
        );
        assert_eq!(headers[CONTENT_TYPE], GRIP_INSTRUCT);
    }
}
