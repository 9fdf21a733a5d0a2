//! Why a request of the API is not done, as its caller is told.

use std::error::Error as _;

use axum::response::{IntoResponse, Response};
use gripware_axum::PublishError;
use gripware_state::StateError;
use http::{StatusCode, header};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{access::AccessError, wire::Invalid};

#[derive(Debug, Error)]
pub(crate) enum ApiError {
    #[error("the request is not valid")]
    Invalid(Invalid),
    #[error("the body is no JSON")]
    NotJson,
    #[error("the caller may not do that")]
    Access(#[from] AccessError),
    #[error("the state fails")]
    State(#[from] StateError),
    #[error("the proxy has not taken it")]
    Publish(#[from] PublishError),
    /// As 0.2 tells it.
    #[error("an answer of 0.2")]
    First(StatusCode, Value),
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl ApiError {
    pub(crate) fn field(name: &str, message: &str) -> Self {
        Self::Invalid(Invalid::field(name, message))
    }

    fn answer(&self) -> (StatusCode, Value) {
        match self {
            Self::Invalid(Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors.clone()),
            Self::NotJson => (StatusCode::BAD_REQUEST, json!({"request": "Not JSON"})),
            Self::Access(error) => error.answer(),
            // A value of the caller's is too long for a record.
            Self::State(error) if error.is_invalid() => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!({"request": [error.to_string()]}),
            ),
            Self::State(error) => {
                let error = error as &dyn std::error::Error;
                tracing::error!(error, "a request failed");
                let told = json!({"request": "The state is not available"});
                (StatusCode::SERVICE_UNAVAILABLE, told)
            }
            Self::Publish(error) => {
                tracing::error!(error = error.source(), "{error}");
                let told = json!({"request": "The proxy has not taken it"});
                (error.status_code(), told)
            }
            Self::First(status, told) => (*status, told.clone()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, told) = self.answer();
        let json = [(header::CONTENT_TYPE, "application/json")];
        (status, json, told.to_string()).into_response()
    }
}
