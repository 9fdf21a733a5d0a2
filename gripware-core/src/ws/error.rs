//! What can go wrong with a request that carries WebSocket events, or with its answer.
//!
//! ```
//! use gripware_core::{
//!     Limits,
//!     ws::{WebSocketContext, WebSocketErrorKind},
//! };
//! use http::{HeaderMap, StatusCode};
//!
//! let result =
//!     WebSocketContext::from_request(&HeaderMap::new(), "OPEN\r\n".into(), "", &Limits::default());
//! let error = result.unwrap_err();
//! assert_eq!(error.kind(), WebSocketErrorKind::MissingConnectionId);
//! assert!(error.is_proxy());
//! assert_eq!(error.to_reply().status, StatusCode::BAD_REQUEST);
//! ```

mod kind;

use std::{error::Error, fmt};

use http::StatusCode;

pub use self::kind::WebSocketErrorKind;
use super::{Close, CloseCode, Reply};

/// Why a request could not be read, or why something could not be put into its answer.
///
/// It answers whose fault it is: [`is_proxy`](Self::is_proxy), [`is_client`](Self::is_client) or
/// [`is_origin`](Self::is_origin), which is us. Its `source` says more where there is more.
#[derive(Debug)]
pub struct WebSocketError {
    kind: WebSocketErrorKind,
    opening: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl WebSocketError {
    pub(super) const fn new(kind: WebSocketErrorKind) -> Self {
        Self {
            kind,
            opening: false,
            source: None,
        }
    }

    pub(super) fn caused_by(
        kind: WebSocketErrorKind,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::new(kind)
        }
    }

    /// Says that the connection was not open yet.
    pub(super) const fn while_opening(mut self, opening: bool) -> Self {
        self.opening = opening;
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> WebSocketErrorKind {
        self.kind
    }

    /// Returns `true` if the request is not what a proxy sends: it comes from something else, or
    /// its bounds and ours differ.
    #[must_use]
    pub const fn is_proxy(&self) -> bool {
        matches!(
            self.kind,
            WebSocketErrorKind::MissingConnectionId
                | WebSocketErrorKind::InvalidConnectionId
                | WebSocketErrorKind::InvalidEvents
                | WebSocketErrorKind::InvalidReplayedBytes
                | WebSocketErrorKind::RequestTooLarge
                | WebSocketErrorKind::DisguisedOpening
        )
    }

    /// Returns `true` if a message is not what the handler expects of it, or the client is one that
    /// may not connect.
    #[must_use]
    pub const fn is_client(&self) -> bool {
        matches!(
            self.kind,
            WebSocketErrorKind::ForeignOrigin
                | WebSocketErrorKind::NotUtf8
                | WebSocketErrorKind::InvalidJson
        )
    }

    /// Returns `true` if the handler asked for what a proxy would refuse or ignore.
    #[must_use]
    pub const fn is_origin(&self) -> bool {
        !self.is_proxy() && !self.is_client()
    }

    /// Returns the status of an answer: 413 for a request over a limit, 403 for a page of another
    /// host, 400 for every other fault of a proxy or client, 500 for ours.
    ///
    /// Once a connection is open, any status but 200 makes the proxy drop the client without a
    /// word; [`to_reply`](Self::to_reply) knows better.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            WebSocketErrorKind::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            WebSocketErrorKind::ForeignOrigin => StatusCode::FORBIDDEN,
            _ if self.is_origin() => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Returns the code that a client is closed with: 1007 for its own fault, 1011 for any other.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        if self.is_client() {
            CloseCode::INVALID_PAYLOAD
        } else {
            CloseCode::INTERNAL_ERROR
        }
    }

    /// Returns the answer to a request whose handling ended with this error.
    ///
    /// A request that could not be read, and an opening one, is refused with
    /// [`status`](Self::status). An open connection is closed with
    /// [`close_code`](Self::close_code): the client learns that it is over, and its proxy has
    /// nothing to guess.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        if self.opening || self.is_proxy() {
            Reply::refusal(self.status())
        } else {
            Reply::closing(&Close::new(self.close_code()))
        }
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for WebSocketError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<WebSocketErrorKind> for WebSocketError {
    fn from(kind: WebSocketErrorKind) -> Self {
        Self::new(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_fault_of_exactly_one_of_three() {
        for (kind, status, code) in [
            (WebSocketErrorKind::InvalidEvents, 400, 1011),
            (WebSocketErrorKind::RequestTooLarge, 413, 1011),
            (WebSocketErrorKind::NotUtf8, 400, 1007),
            (WebSocketErrorKind::NotAccepted, 500, 1011),
        ] {
            let error = WebSocketError::from(kind);
            let faults = [error.is_proxy(), error.is_client(), error.is_origin()];
            assert_eq!(faults.iter().filter(|fault| **fault).count(), 1);
            assert_eq!(error.status(), status);
            assert_eq!(error.close_code().as_u16(), code);
        }
    }

    #[test]
    fn an_open_connection_is_closed_and_an_opening_one_refused() {
        let open = WebSocketError::new(WebSocketErrorKind::NotUtf8).to_reply();
        assert_eq!(open.status, StatusCode::OK);
        assert_eq!(open.body, &b"CLOSE 2\r\n\x03\xef\r\n"[..]);

        let opening = WebSocketError::new(WebSocketErrorKind::NotAccepted)
            .while_opening(true)
            .to_reply();
        assert_eq!(opening.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(opening.body, "");

        let unreadable = WebSocketError::new(WebSocketErrorKind::InvalidEvents).to_reply();
        assert_eq!(unreadable.status, StatusCode::BAD_REQUEST);
    }
}
