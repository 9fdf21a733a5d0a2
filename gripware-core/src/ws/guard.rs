//! Authentication once, when a WebSocket opens: which requests a layer that authenticates sees.
//!
//! Each request about a WebSocket repeats the headers of its opening, so a token in them has
//! expired some day. A layer that refuses it then would end the connection, and keep from the
//! handler that it ended. Adapters therefore have an `OnOpening` around such a layer: it passes over
//! it for a connection that is open.
//!
//! ```
//! use bytes::Bytes;
//! use gripware_core::{Limits, ws::{Guard, WebSocketContext, WebSocketErrorKind}};
//! use http::{HeaderMap, HeaderValue};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("connection-id", HeaderValue::from_static("1"));
//! headers.insert("content-length", HeaderValue::from_static("10"));
//! let guard = Guard::of(&headers);
//! assert_eq!(guard, Guard::PassedOver);
//!
//! // The length said that it is open, and nobody has been asked who this is.
//! let body = Bytes::from("OPEN 0\r\n\r\n");
//! let mut ws = WebSocketContext::from_request(&headers, body, "", &Limits::default())?;
//! let error = ws.check_guard(guard).unwrap_err();
//! assert_eq!(error.kind(), WebSocketErrorKind::DisguisedOpening);
//! # Ok::<(), gripware_core::ws::WebSocketError>(())
//! ```

use http::HeaderMap;

use super::{WebSocketContext, WebSocketError, WebSocketErrorKind};
use crate::header::{GUARDED, is_open_conversation};

/// Whether a layer for openings has seen a request about a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guard {
    /// It has: the head may be that of an opening.
    Checked,
    /// It has not: the head is that of a request about a connection that is open.
    PassedOver,
}

impl Guard {
    /// Returns which of the two is to be done with a request, by its head. It has to be one that a
    /// trusted proxy sent.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(GUARDED) || is_open_conversation(headers) {
            Self::PassedOver
        } else {
            Self::Checked
        }
    }
}

impl WebSocketContext {
    /// Holds a request to what its head said. An opening that was checked is remembered in the
    /// connection's meta, under `gripware-guarded`: an empty message has the length of an opening,
    /// and is told from it by that alone.
    ///
    /// # Errors
    /// [`WebSocketErrorKind::DisguisedOpening`] if the layer was passed over for an opening.
    pub fn check_guard(&mut self, guard: Guard) -> Result<(), WebSocketError> {
        match guard {
            _ if !self.is_opening() => Ok(()),
            Guard::Checked => self.insert_meta("gripware-guarded", "1"),
            Guard::PassedOver => Err(WebSocketErrorKind::DisguisedOpening.into()),
        }
    }
}
