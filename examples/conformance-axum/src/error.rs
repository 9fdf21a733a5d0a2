//! What a handler answers when it fails: 400 with a reason in JSON, or what gripware says.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use conformance::BadRequest;
use gripware_axum::{PublishError, WebSocketError, WebSocketRejection};
use serde_json::json;

/// Why a request is not served.
pub(crate) enum Error {
    /// The client asked for something that cannot be. 400.
    BadRequest(BadRequest),
    /// An item could not be built (400) or was not accepted (502).
    Publish(PublishError),
    /// A conversation went wrong.
    WebSocket(WebSocketRejection),
    /// There is no such thing to publish. 404.
    NotFound,
    /// There is no room for another line. 507.
    Full,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::BadRequest(error) => (StatusCode::BAD_REQUEST, error.to_string()),
            Self::Publish(error) if error.is_invalid() => (
                StatusCode::BAD_REQUEST,
                BadRequest::because(error).to_string(),
            ),
            Self::Publish(error) => (
                StatusCode::BAD_GATEWAY,
                BadRequest::because(error).to_string(),
            ),
            Self::WebSocket(rejection) => return rejection.into_response(),
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such item".to_owned()),
            Self::Full => (
                StatusCode::INSUFFICIENT_STORAGE,
                "the feeds are full".to_owned(),
            ),
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}

impl From<BadRequest> for Error {
    fn from(error: BadRequest) -> Self {
        Self::BadRequest(error)
    }
}

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

impl From<WebSocketRejection> for Error {
    fn from(rejection: WebSocketRejection) -> Self {
        Self::WebSocket(rejection)
    }
}

impl From<WebSocketError> for Error {
    fn from(error: WebSocketError) -> Self {
        Self::WebSocket(error.into())
    }
}
