//! The answer to a request that carries WebSocket events (GRIP 2.3).
//!
//! ```
//! use gripware_core::ws::{Close, CloseCode, Reply};
//! use http::{StatusCode, header::CONTENT_TYPE};
//!
//! let reply = Reply::closing(&Close::new(CloseCode::GOING_AWAY));
//! assert_eq!(reply.status, StatusCode::OK);
//! assert_eq!(reply.headers[CONTENT_TYPE], "application/websocket-events");
//! assert_eq!(reply.body, &b"CLOSE 2\r\n\x03\xe9\r\n"[..]);
//! ```

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};

use super::{Close, CloseCode, Event, encode};
use crate::header::WEBSOCKET_EVENTS;

/// An answer, to be sent as it is.
///
/// Nothing further out may touch it: another status, a `charset` at its content type, a
/// compressed body or a redirect makes a proxy drop the client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// 200, unless it refuses.
    pub status: StatusCode,
    /// Its headers, without `Content-Length`.
    pub headers: HeaderMap,
    /// Its events, or what the client gets that is refused.
    pub body: Bytes,
}

impl Reply {
    /// Creates an answer with these events, and no other headers than the content type.
    #[must_use]
    pub fn events(body: Bytes) -> Self {
        Self::with_headers(HeaderMap::new(), body)
    }

    /// Closes an open connection.
    #[must_use]
    pub fn closing(close: &Close) -> Self {
        Self::events(encode(&[Event::close(close)]))
    }

    /// Returns `true` if an answer with this status and these headers is one that a proxy reads as
    /// events: status 200, and the content type byte for byte.
    #[must_use]
    pub fn is_events(status: StatusCode, headers: &HeaderMap) -> bool {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        status == StatusCode::OK && content_type == Some(WEBSOCKET_EVENTS.as_bytes())
    }

    /// What goes to a proxy in place of an answer about a connection that is open: nothing else,
    /// where it is one of [events](Self::is_events); otherwise a close with 1011. A proxy would
    /// drop the client without a word.
    #[must_use]
    pub fn rescue(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let closing = || Self::closing(&Close::new(CloseCode::INTERNAL_ERROR));
        (!Self::is_events(status, headers)).then(closing)
    }

    /// Creates an answer in plain text, to whatever is no conversation.
    #[must_use]
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
        Self {
            status,
            headers,
            body: text.into(),
        }
    }

    /// Refuses a connection that is opening, without a body.
    #[must_use]
    pub fn refusal(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn with_headers(mut headers: HeaderMap, body: Bytes) -> Self {
        // Also where there are no events: an empty answer without it drops the client.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(WEBSOCKET_EVENTS));
        Self {
            status: StatusCode::OK,
            headers,
            body,
        }
    }
}
