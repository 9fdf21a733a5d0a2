//! Why a request or a turn is refused.

use std::error::Error;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gripware_axum::{PublishError, WebSocketError};
use gripware_state::{StateError, resume::SocketError};
use thiserror::Error;

#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("that is no name")]
    NoName,
    #[error("the token is none, or was used")]
    NoToken,
    #[error("a connection has no user")]
    NoUser,
    #[error("the conversation failed")]
    WebSocket(#[from] WebSocketError),
    #[error("what is kept cannot be reached")]
    State(#[from] StateError),
    #[error("the conversation cannot be resumed")]
    Resume(#[from] SocketError),
    #[error("a message was not published")]
    Publish(#[from] PublishError),
    #[error("there are no random bytes")]
    Random(#[from] getrandom::Error),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoName => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            _ => {
                tracing::error!(error = &self as &dyn Error, "a request failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        status.into_response()
    }
}
