//! Why a request to the application came to nothing, whichever way it was sent.

use std::time::Duration;

use thiserror::Error;

use super::BoxError;
use crate::http::silence::Silent;

/// Why the application gave no usable answer.
#[derive(Debug, Error)]
pub(crate) enum OriginError {
    /// It cannot have seen the request, or not all of it: sending it again is safe.
    #[error("the origin cannot be reached")]
    Unreached(#[source] BoxError),
    /// The service itself says so, or the connection broke before the answer began.
    #[error("the origin failed")]
    Failed(#[source] BoxError),
    #[error("the origin's answer was cut off")]
    CutOff(#[source] BoxError),
    #[error("the origin's answer is over the limit of {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the origin did not answer within {limit:?}")]
    TimedOut { limit: Duration },
    /// The client's fault: path traversal.
    #[error("the path leads out of the origin's base")]
    OutsideBase,
    #[error("no route is for this request")]
    NoRoute,
    /// Only for what runs in this process. The panic hook has told where.
    #[error("the application panicked: {message}")]
    Panicked { message: String },
    #[error("the hub has ended")]
    Ended,
}

impl From<Silent> for OriginError {
    fn from(silent: Silent) -> Self {
        Self::TimedOut {
            limit: silent.limit,
        }
    }
}

impl From<BoxError> for OriginError {
    /// Takes what a service returned: an error of this kind as it is, and any other as a failure.
    fn from(error: BoxError) -> Self {
        error
            .downcast()
            .map_or_else(Self::Failed, |error: Box<Self>| *error)
    }
}
