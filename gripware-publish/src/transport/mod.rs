//! How requests reach an endpoint: with hyper, or with a client of one's own.

mod hyper;

use std::{error::Error, fmt, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};

pub(crate) use self::hyper::HyperTransport;

/// The most bytes of an answer that are read. Pushpin's have 10; the rest of a longer one is
/// nothing that anybody looks at.
pub const MAX_ANSWER: usize = 16 * 1024;

/// Sends one HTTP request to a control endpoint.
///
/// The request is complete: its URI, its headers with the credentials, and its body, whose length
/// has to be sent as `Content-Length` (Pushpin takes no chunks). Redirections are not followed:
/// the publisher follows those that it may. A transport bounds the answer's body, to [`MAX_ANSWER`] for example. It sets no time limit and
/// tries nothing twice, since the publisher does both: on time-out the future is dropped.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends the request.
    ///
    /// # Errors
    /// See [`TransportError`]: whether the endpoint can have seen the request decides whether it
    /// is sent again.
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_>;
}

/// The answer that a [`Transport`] waits for.
pub type TransportFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// Why there is no answer.
///
/// ```
/// use gripware_publish::TransportError;
///
/// let error = TransportError::connect_message("the circuit is open");
/// assert!(error.is_connect());
/// assert_eq!(error.to_string(), "the circuit is open");
/// assert!(!TransportError::broken_message("reset").is_connect());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    is_connect: bool,
    message: String,
}

impl TransportError {
    /// No connection was made, so the endpoint has not seen the request.
    #[must_use]
    pub fn connect(error: &(dyn Error + 'static)) -> Self {
        Self {
            is_connect: true,
            message: chain(error),
        }
    }

    /// The connection broke. The endpoint may have seen the request.
    #[must_use]
    pub fn broken(error: &(dyn Error + 'static)) -> Self {
        Self {
            is_connect: false,
            message: chain(error),
        }
    }

    /// As [`connect`](Self::connect), by what it says: for a client whose error is none of Rust's.
    #[must_use]
    pub fn connect_message(message: impl Into<String>) -> Self {
        Self {
            is_connect: true,
            message: message.into(),
        }
    }

    /// As [`broken`](Self::broken), by what it says.
    #[must_use]
    pub fn broken_message(message: impl Into<String>) -> Self {
        Self {
            is_connect: false,
            message: message.into(),
        }
    }

    /// Returns `true` if no connection was made.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.is_connect
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TransportError {}

/// An error with all that caused it. Clients keep the reason that helps several levels down.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
