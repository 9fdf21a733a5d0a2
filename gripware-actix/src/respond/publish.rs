//! What a client is told where publishing failed.

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http::StatusCode};
use gripware_core::{log, ws::Reply};
use gripware_publish::PublishError;
use thiserror::Error;

use crate::{convert, respond::reply};

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
        convert::to_status(self.0.status_code())
    }
}

impl ResponseError for PublishRejection {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        log::error(self);
        reply(Reply::text(
            convert::status(self.status()),
            "The message could not be published.\n",
        ))
        .map_into_boxed_body()
    }
}
