//! Why a trigger has not reached the clients, and what whoever sent it is told.

use gripware_axum::PublishError;
use gripware_publish::CommandError;
use gripware_state::StateError;
use http::StatusCode;
use thiserror::Error;

/// Why a trigger has not reached the clients.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The proxy has not taken it.
    #[error("the proxy has not taken it")]
    Publish(#[from] PublishError),
    /// The proxy's command socket has not taken it.
    #[error("the proxy's command socket has not taken it")]
    Command(#[from] CommandError),
    /// It is not known who hears the rooms.
    #[error("the state that says who hears the rooms fails")]
    State(#[from] StateError),
}

impl DeliverError {
    /// What an HTTP client that has sent it is answered: 502 or 504 for the proxy, 503 for the state.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        match self {
            Self::Publish(error) => error.status_code(),
            Self::Command(CommandError::TimedOut) => StatusCode::GATEWAY_TIMEOUT,
            Self::Command(_) => StatusCode::BAD_GATEWAY,
            Self::State(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
