//! An error as the answer of a handler, which may use `?` on what it asks of history and presence.

use gripware_core::log;

use crate::{StateError, StateErrorKind};

/// 503 where asking again may help, 500 otherwise.
const fn status(error: &StateError) -> u16 {
    match error.kind() {
        StateErrorKind::Unavailable | StateErrorKind::Uncertain => 503,
        _ => 500,
    }
}

/// What the client is told. The causes are in the log alone.
const TEXT: &str = "the state of the application cannot be used\n";

/// 503 where the engine cannot be reached or did not reply, 500 otherwise. Why is in the log alone.
#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for StateError {
    fn into_response(self) -> axum_core::response::Response {
        log::error(&self);
        let status = http::StatusCode::from_u16(status(&self));
        (
            status.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR),
            TEXT,
        )
            .into_response()
    }
}

/// 503 where the engine cannot be reached or did not reply, 500 otherwise. Why is in the log alone.
#[cfg(feature = "actix")]
impl actix_web::ResponseError for StateError {
    fn status_code(&self) -> actix_web::http::StatusCode {
        let status = actix_web::http::StatusCode::from_u16(status(self));
        status.unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> actix_web::HttpResponse {
        log::error(self);
        actix_web::HttpResponse::build(self.status_code()).body(TEXT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> StateError {
        StateError::from(StateErrorKind::Unavailable).with_source("10.0.0.5 refuses")
    }

    #[cfg(feature = "axum")]
    #[tokio::test]
    async fn a_client_of_axum_learns_nothing_but_whether_to_ask_again() {
        use axum_core::response::IntoResponse;

        let response = unavailable().into_response();
        assert_eq!(response.status(), 503);
        let body = axum::body::to_bytes(response.into_body(), 100).await;
        assert_eq!(body.unwrap(), TEXT);
        let corrupt = StateError::from(StateErrorKind::Corrupt).into_response();
        assert_eq!(corrupt.status(), 500);
    }

    #[cfg(feature = "actix")]
    #[test]
    fn a_client_of_actix_learns_nothing_but_whether_to_ask_again() {
        use actix_web::{ResponseError, body::MessageBody};

        let response = unavailable().error_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.into_body().try_into_bytes().unwrap(), TEXT);
        let corrupt = StateError::from(StateErrorKind::Corrupt);
        assert_eq!(corrupt.status_code(), 500);
    }
}
