//! The origin's word on a WebSocket that a client asks for (GRIP 2.3).

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use gripware_core::{
    header::{
        CONTENT_BYTES_ACCEPTED, KEEP_ALIVE_INTERVAL, SET_META_PREFIX, WEBSOCKET_EVENTS,
        is_instruction, trim_ows, trim_ows_bytes,
    },
    proxy::MessageMode,
    ws::{DecodeError, EventKind, scan},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        TRAILER,
    },
};

use super::{
    ConnectionMeta, WsSettings,
    deflate::{Agreement, Window},
};
use crate::http::hop_by_hop::{retain, strip_hop_by_hop};

/// What becomes of a client that asks for a WebSocket.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It gets one.
    Accepted(Box<Accepted>),
    /// The origin wants to be asked again, with what it has the proxy remember.
    Again {
        after: Duration,
        meta: ConnectionMeta,
    },
    /// It gets this instead.
    Refused(Response<Bytes>),
    /// It gets a 502: the origin's answer is no answer, for the reason that is said.
    Invalid(Cow<'static, str>),
}

impl Opening {
    fn invalid(why: &'static str) -> Self {
        Self::Invalid(why.into())
    }

    fn no_events(error: &DecodeError) -> Self {
        Self::Invalid(format!("the body is not a list of events: {error}").into())
    }
}

/// An origin's consent to a WebSocket.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What the origin adds to the client's 101, with the subprotocol where it chose one.
    pub(crate) headers: HeaderMap,
    pub(crate) mode: MessageMode,
    pub(crate) meta: ConnectionMeta,
    /// Whether there was more to remember than its limits allow.
    pub(crate) is_forgetful: bool,
    pub(crate) poll: u32,
    /// The whole answer, of which the first event is `OPEN`.
    pub(crate) body: Bytes,
    /// Whether the origin speaks WebSocket itself, and there are no turns.
    pub(crate) is_native: bool,
    /// What messages to the client are compressed with; `None` if they are not.
    pub(crate) window: Option<Window>,
}

impl Accepted {
    /// The consent of an origin that has answered the handshake with a 101.
    pub(crate) fn natively(headers: HeaderMap) -> Self {
        Self {
            mode: MessageMode::of(&headers),
            headers: for_client(headers),
            meta: ConnectionMeta::default(),
            is_forgetful: false,
            poll: 0,
            body: Bytes::new(),
            is_native: true,
            window: None,
        }
    }

    /// Tells the client what it agrees to with the hub about compressing messages.
    pub(crate) fn compress(&mut self, agreement: Option<Agreement>) {
        if let Some(agreement) = agreement {
            let header = agreement.to_header();
            self.headers.insert(SEC_WEBSOCKET_EXTENSIONS, header);
            self.window = Some(agreement.window);
        }
    }
}

/// Headers of an answer that are not for the client's 101.
const NOT_FOR_CLIENT: [HeaderName; 11] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_BYTES_ACCEPTED,
    KEEP_ALIVE_INTERVAL,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    DATE,
    TRAILER,
];

/// Judges the origin's answer to `OPEN`.
///
/// `client` are the headers of the client's request, and `meta` what earlier answers of the
/// kind [`Opening::Again`] had the proxy remember.
pub(crate) fn judge(
    response: Response<Bytes>,
    client: &HeaderMap,
    mut meta: ConnectionMeta,
    settings: &WsSettings,
) -> Opening {
    if !is_events(&response) {
        return refused(response, settings);
    }
    let is_forgetful = !meta.take(response.headers(), &settings.limits);
    let (mut parts, body) = response.into_parts();
    let poll = poll(&parts.headers).unwrap_or(0);
    if body.is_empty() && poll > 0 {
        return Opening::Again {
            after: interval(poll, settings),
            meta,
        };
    }
    let mut events = scan(&body, &settings.limits_of_answers());
    match events.next() {
        Some(Ok((EventKind::Open, _))) => {}
        Some(Ok(_)) | None => return Opening::invalid("the first event is not OPEN"),
        Some(Err(error)) => return Opening::no_events(&error),
    }
    if let Some(Err(error)) = events.find(Result::is_err) {
        return Opening::no_events(&error);
    }
    forget_empty_subprotocol(&mut parts.headers);
    if !is_offered(&parts.headers, client) {
        return Opening::invalid("the subprotocol is none that the client offers");
    }
    let mode = MessageMode::of(&parts.headers);
    Opening::Accepted(Box::new(Accepted {
        headers: for_client(parts.headers),
        mode,
        meta,
        is_forgetful,
        poll,
        body,
        is_native: false,
        window: None,
    }))
}

/// Whether an answer is one of events: status 200 and their content type.
///
/// Pushpin compares the type byte for byte. Frameworks add a charset by themselves, which says
/// nothing about a list of events, so parameters and case are passed over here.
pub(crate) fn is_events<B>(response: &Response<B>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    let essence =
        content_type.and_then(|value| value.as_bytes().split(|byte| *byte == b';').next());
    response.status() == StatusCode::OK
        && essence.is_some_and(|essence| {
            trim_ows_bytes(essence).eq_ignore_ascii_case(WEBSOCKET_EVENTS.as_bytes())
        })
}

/// Returns after how many idle seconds an answer wants to be polled, or `None` if it does not
/// say. 0 is never, and so is what is no number.
pub(crate) fn poll(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get(KEEP_ALIVE_INTERVAL)?;
    let seconds = value
        .to_str()
        .ok()
        .and_then(|text| trim_ows(text).parse::<i64>().ok());
    let seconds = seconds.unwrap_or(0).clamp(0, i64::from(i32::MAX));
    Some(u32::try_from(seconds).unwrap_or(0))
}

/// How long the time between two polls is.
pub(crate) fn interval(poll: u32, settings: &WsSettings) -> Duration {
    Duration::from_secs(poll.into()).max(settings.min_keep_alive_interval)
}

fn refused(mut response: Response<Bytes>, settings: &WsSettings) -> Opening {
    if response.status().is_informational() {
        return Opening::invalid("a status that ends no request");
    }
    if response.body().len() > settings.limits.refusal_body {
        return Opening::invalid("the body of a refusal is over its limit");
    }
    let headers = response.headers_mut();
    strip_hop_by_hop(headers);
    retain(headers, |name| !is_for_proxy(name));
    headers.remove(KEEP_ALIVE_INTERVAL);
    Opening::Refused(response)
}

fn for_client(mut headers: HeaderMap) -> HeaderMap {
    strip_hop_by_hop(&mut headers);
    retain(&mut headers, |name| !is_for_proxy(name));
    for name in NOT_FOR_CLIENT {
        headers.remove(name);
    }
    headers
}

fn is_for_proxy(name: &HeaderName) -> bool {
    is_instruction(name) || name.as_str().starts_with(SET_META_PREFIX)
}

/// Takes an empty subprotocol for none, as clients do not: a framework that has nothing to choose from
/// may write it all the same.
fn forget_empty_subprotocol(answer: &mut HeaderMap) {
    let all = answer.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    if all
        .map(HeaderValue::as_bytes)
        .all(|it| trim_ows_bytes(it).is_empty())
    {
        answer.remove(SEC_WEBSOCKET_PROTOCOL);
    }
}

/// Whether the subprotocol that the origin chose is one that the client offered, or it chose none.
/// A client that offered some fails on another one; without one it may go on (RFC 6455, 4.1).
fn is_offered(answer: &HeaderMap, client: &HeaderMap) -> bool {
    let mut chosen = answer.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let (Some(chosen), None) = (chosen.next(), chosen.next()) else {
        return !answer.contains_key(SEC_WEBSOCKET_PROTOCOL);
    };
    let offered = client.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .map(HeaderValue::as_bytes)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|protocol| trim_ows_bytes(protocol) == chosen.as_bytes())
}
