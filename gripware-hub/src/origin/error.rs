use std::time::Duration;

use thiserror::Error;

use super::BoxError;

/// Why an HTTP origin has not answered.
#[derive(Debug, Error)]
pub(crate) enum OriginError {
    /// There was no connection to it, so it has not seen the request.
    #[error("the origin cannot be reached")]
    Unreached(#[source] BoxError),
    #[error("the connection to the origin failed")]
    Failed(#[source] BoxError),
    /// The client's fault.
    #[error("the path leads out of the origin's base")]
    OutsideBase,
    #[error("the origin did not answer within {limit:?}")]
    TimedOut { limit: Duration },
}
