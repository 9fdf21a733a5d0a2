//! What a client or a proxy is told where an extractor fails.

use std::error::Error as StdError;

use actix_web::{
    HttpResponse, ResponseError, body::BoxBody, error::PayloadError, http::StatusCode,
};
use gripware_core::{
    log,
    ws::{Reply, WebSocketError},
};
use gripware_publish::PublishError;
#[cfg(feature = "state")]
use gripware_state::{StateError, resume::SocketError};
use thiserror::Error;

use crate::{convert, respond::reply};

/// No [`GripMiddleware`](crate::GripMiddleware) is around the route, so nothing is known about a
/// proxy. The answer is a 500 that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no GRIP context in this request: is GripMiddleware around this route?")]
#[non_exhaustive]
pub struct MiddlewareMissing;

impl ResponseError for MiddlewareMissing {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        log::error(self);
        reply(Reply::text(
            convert::status(self.status_code()),
            format!("{self}\n"),
        ))
        .map_into_boxed_body()
    }
}

/// Why a request could not be read as WebSocket events, or a conversation went wrong.
///
/// Any [`WebSocketError`] and [`PublishError`] becomes one, so a handler may return
/// `Result<WebSocketContext, WebSocketRejection>` and use `?`; with the feature `state` those of
/// `gripware-state` do as well, and errors of anything else go through [`other`](Self::other). As an answer about a connection that is open it closes the client: with
/// 1007 where a message was not what the handler took, with 1011 otherwise.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebSocketRejection {
    /// No middleware is around the route. 500.
    #[error(transparent)]
    MiddlewareMissing(#[from] MiddlewareMissing),
    /// The request is not a `POST` with the content type of WebSocket events. 400.
    #[error("this resource speaks WebSocket only, and the request carries no WebSocket events")]
    NotWebSocket,
    /// The events did not come through a trusted proxy. 403.
    #[error("WebSocket events are taken only from a trusted GRIP proxy")]
    Unsigned,
    /// The body could not be read. 400.
    #[error("the WebSocket events could not be read from the connection")]
    Body(#[source] PayloadError),
    /// The events are not valid, too large, or were misused. The status is
    /// [`WebSocketError::status`].
    #[error(transparent)]
    Events(#[from] WebSocketError),
    /// What a client said was not published. 502, or 500 where the item was built wrong.
    #[error("a message could not be published")]
    Publish(#[from] PublishError),
    /// What else the handler needs has failed, such as a database; made by
    /// [`other`](Self::other). 500.
    #[error("the WebSocket events could not be handled")]
    Other(#[source] Box<dyn StdError + Send + Sync>),
}

impl WebSocketRejection {
    /// Makes one of any error, such as that of a database. The client learns
    /// nothing of it, and the log has it with its causes.
    ///
    /// ```
    /// use gripware_actix::{WebSocketContext, WebSocketRejection};
    ///
    /// async fn look_up() -> Result<String, std::io::Error> {
    /// #   Ok(String::new())
    ///     // …
    /// }
    ///
    /// async fn room(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    ///     ws.accept();
    ///     let topic = look_up().await.map_err(WebSocketRejection::other)?;
    ///     ws.send_text(topic)?;
    ///     Ok(ws)
    /// }
    /// ```
    #[must_use]
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MiddlewareMissing(missing) => missing.status_code(),
            Self::Other(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotWebSocket | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Unsigned => StatusCode::FORBIDDEN,
            Self::Events(error) => convert::to_status(error.status()),
            Self::Publish(error) => convert::to_status(error.status_code()),
        }
    }

    /// The answer, also to an open connection.
    pub(crate) fn to_reply(&self) -> Reply {
        match self {
            Self::Events(error) if error.to_reply().status == http::StatusCode::OK => {
                error.to_reply()
            }
            other => Reply::text(convert::status(other.status()), format!("{other}\n")),
        }
    }
}

#[cfg(feature = "state")]
impl From<StateError> for WebSocketRejection {
    fn from(error: StateError) -> Self {
        Self::other(error)
    }
}

#[cfg(feature = "state")]
impl From<SocketError> for WebSocketRejection {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::WebSocket(error) => Self::Events(error),
            SocketError::State(error) => error.into(),
            error => Self::other(error),
        }
    }
}

impl ResponseError for WebSocketRejection {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        if let Self::MiddlewareMissing(missing) = self {
            return missing.error_response();
        }
        log::warning(self);
        reply(self.to_reply()).map_into_boxed_body()
    }
}
