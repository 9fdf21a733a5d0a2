//! What a handler answers when it fails: 400 with a reason in JSON, or what gripware says.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use conformance::BadRequest;
use gripware_actix::{PublishError, WebSocketError, WebSocketRejection, gripware_core::ErrorChain};
use serde_json::json;
use thiserror::Error;

/// Why a request is not served.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The client asked for something that cannot be. 400.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// An item could not be built (400) or was not accepted (502).
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A conversation went wrong.
    #[error(transparent)]
    WebSocket(#[from] WebSocketRejection),
    /// There is no such thing to publish. 404.
    #[error("there is no such item")]
    NotFound,
    /// There is no room for another line. 507.
    #[error("the feeds are full")]
    Full,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Publish(error) if error.is_invalid() => StatusCode::BAD_REQUEST,
            Self::Publish(_) => StatusCode::BAD_GATEWAY,
            Self::WebSocket(rejection) => rejection.status(),
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::WebSocket(rejection) = self {
            return rejection.error_response();
        }
        let text = ErrorChain(self).to_string();
        HttpResponse::build(self.status_code()).json(json!({ "error": text }))
    }
}

impl From<WebSocketError> for Error {
    fn from(error: WebSocketError) -> Self {
        Self::WebSocket(error.into())
    }
}
