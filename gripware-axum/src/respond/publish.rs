//! What a client is told where publishing failed.

use axum_core::response::{IntoResponse, Response};
use gripware_core::{log, ws::Reply};
use gripware_publish::PublishError;
use http::StatusCode;
use thiserror::Error;

use crate::respond::reply;

/// What a client is told where an item was not published: 502 where an endpoint did not accept it,
/// 500 where the application built it wrong. Which endpoint, and why, is in the log alone.
///
/// Any [`PublishError`] becomes one, so a handler may return `Result<_, PublishRejection>` and use
/// `?`.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct PublishRejection(#[from] PublishError);

impl PublishRejection {
    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status_code()
    }
}

impl IntoResponse for PublishRejection {
    fn into_response(self) -> Response {
        log::error(&self);
        reply(Reply::text(
            self.status(),
            "The message could not be published.\n",
        ))
    }
}
