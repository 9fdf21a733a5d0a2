//! The header names of GRIP and WebSocket-over-HTTP, each in one place, and what is trimmed from
//! values.
//!
//! ```
//! use gripware_core::header;
//!
//! assert_eq!(header::GRIP_SIG.as_str(), "grip-sig");
//! assert!(header::is_instruction(&header::GRIP_HOLD));
//! assert!(!header::is_instruction(&http::header::CONTENT_TYPE));
//! ```

mod ows;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};

pub use self::ows::{trim_ows, trim_ows_bytes};

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)*) => {
        $($(#[$doc])* pub const $constant: HeaderName = HeaderName::from_static($name);)*
    };
}

names! {
    /// The proxy's signature, a JWT. Request.
    GRIP_SIG = "grip-sig";
    /// What the proxy can do, a comma-separated list. Request.
    GRIP_FEATURE = "grip-feature";
    /// The last id the proxy delivered on a channel, one line a channel. Request.
    GRIP_LAST = "grip-last";
    /// What the proxy also takes as an answer to a WebSocket's handshake that it passes on. Request.
    GRIP_OFFER = "grip-offer";
    /// `response` or `stream`. Response.
    GRIP_HOLD = "grip-hold";
    /// The channels of a hold with their parameters. Response.
    GRIP_CHANNEL = "grip-channel";
    /// Seconds after which a response hold is answered. Response.
    GRIP_TIMEOUT = "grip-timeout";
    /// What is sent on an idle stream, and when. Response.
    GRIP_KEEP_ALIVE = "grip-keep-alive";
    /// Connection meta for filters. Response.
    GRIP_SET_META = "grip-set-meta";
    /// The status line that the client gets in place of the real one. Response.
    GRIP_STATUS = "grip-status";
    /// Where to go on (`next`), or whom to tell (`gone`). Response.
    GRIP_LINK = "grip-link";
    /// Which headers of the response the client may see. Response.
    GRIP_EXPOSE_HEADERS = "grip-expose-headers";

    /// The proxy's name for one WebSocket. Request.
    CONNECTION_ID = "connection-id";
    /// Seconds between polls of an idle WebSocket. Response.
    KEEP_ALIVE_INTERVAL = "keep-alive-interval";
    /// How many content bytes of the events were taken. Response.
    CONTENT_BYTES_ACCEPTED = "content-bytes-accepted";
    /// How many content bytes at the start of the body were offered before. Request.
    CONTENT_BYTES_REPLAYED = "content-bytes-replayed";
}

/// Starts the name of a header that tells a proxy something.
pub const GRIP_PREFIX: &str = "grip-";
/// Starts the name of a request header that carries one item of a WebSocket's meta.
pub const META_PREFIX: &str = "meta-";
/// Starts the name of a response header that changes one item of a WebSocket's meta.
pub const SET_META_PREFIX: &str = "set-meta-";

/// The item of a WebSocket's meta that says that a layer for openings has seen its opening.
pub const GUARDED: HeaderName = HeaderName::from_static("meta-gripware-guarded");

/// The content type of WebSocket-over-HTTP bodies. Proxies compare it byte for byte in answers.
pub const WEBSOCKET_EVENTS: &str = "application/websocket-events";
/// The content type of a response that is itself an instruction in JSON.
pub const GRIP_INSTRUCT: &str = "application/grip-instruct";

/// Returns `true` if a proxy reads this response header as an instruction to itself and keeps it
/// from the client: every name that starts with `Grip-` is.
#[must_use]
pub fn is_instruction(name: &HeaderName) -> bool {
    name.as_str().starts_with(GRIP_PREFIX)
}

/// Returns `true` if a response with these headers instructs a proxy: by a header or as a body.
///
/// ```
/// use gripware_core::header::has_instructions;
///
/// assert!(has_instructions([("vary", &b"*"[..]), ("grip-hold", b"stream")]));
/// assert!(has_instructions([("content-type", &b"application/grip-instruct"[..])]));
/// assert!(!has_instructions([("content-type", &b"text/plain"[..])]));
/// ```
#[must_use]
pub fn has_instructions<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> bool {
    headers.into_iter().any(|(name, value)| {
        name.starts_with(GRIP_PREFIX)
            || (name == CONTENT_TYPE.as_str() && is_essence(value, GRIP_INSTRUCT))
    })
}

/// Stands in a `Grip-Hold` header until the layer around a handler writes the hold. No proxy obeys
/// it: where no layer is, or a hold does not reach it, the request fails and says why.
pub const UNWRITTEN_HOLD: HeaderValue =
    HeaderValue::from_static("unwritten: no GRIP layer is around this route");

/// Returns `true` if the content type of a request says that it carries WebSocket events.
#[must_use]
pub fn is_websocket_events(headers: &HeaderMap) -> bool {
    has_essence(headers, WEBSOCKET_EVENTS)
}

/// Returns `true` if this content type is that of WebSocket events.
#[must_use]
pub fn is_websocket_events_type(content_type: &[u8]) -> bool {
    is_essence(content_type, WEBSOCKET_EVENTS)
}

/// The value of [`GRIP_OFFER`]: the application may answer the handshake with events, as if it had
/// come as `OPEN`, or with a 101 of its own.
pub const OFFERED_EVENTS: HeaderValue = HeaderValue::from_static("websocket-events");

/// Returns `true` if a request is a turn of a conversation over a WebSocket: a `POST` that carries
/// events, or a `GET` that [offers](offers_events) to take them as its answer.
#[must_use]
pub fn is_conversation(method: &Method, headers: &HeaderMap) -> bool {
    match *method {
        Method::POST => is_websocket_events(headers),
        Method::GET => offers_events(headers),
        _ => false,
    }
}

/// Returns `true` if a request is the handshake of a WebSocket as the client sent it, and its proxy
/// takes events as an answer too. Proxies remove headers with such a name from what clients send.
#[must_use]
pub fn offers_events(headers: &HeaderMap) -> bool {
    headers.get(GRIP_OFFER) == Some(&OFFERED_EVENTS)
}

/// Returns `true` if a turn of a conversation is about a connection that is open already, as far as
/// the head of the request tells: an opening comes alone, and has the length of its one event. A
/// lone empty message has the same, and only the body tells those two apart.
#[must_use]
pub fn is_open_conversation(headers: &HeaderMap) -> bool {
    const OPENING: &[u8] = b"6";
    headers
        .get(CONTENT_LENGTH)
        .is_some_and(|length| length.as_bytes() != OPENING)
}

/// Whether the content type is this one, whatever its case and its parameters are.
pub(crate) fn has_essence(headers: &HeaderMap, essence: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| is_essence(value.as_bytes(), essence))
}

fn is_essence(content_type: &[u8], essence: &str) -> bool {
    // Nearly all content types are told by their length.
    content_type.len() >= essence.len()
        && content_type
            .split(|byte| *byte == b';')
            .next()
            .is_some_and(|value| trim_ows_bytes(value).eq_ignore_ascii_case(essence.as_bytes()))
}
