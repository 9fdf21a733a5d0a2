use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};

use crate::{
    GripContext, Hold, HoldError, HoldMode, Policy, Refusal,
    header::{GRIP_HOLD, GRIP_INSTRUCT, UNWRITTEN_HOLD, has_essence, is_instruction},
};

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
    /// Whether the body of the response has to be read before the hold is written, up to
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
    /// A hold with the keep-alive of server-sent events gives the response their content type,
    /// where it has none of its own.
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
