//! What a client or a proxy is told where an extractor fails.

use axum_core::{
    BoxError,
    response::{IntoResponse, Response},
};
use gripware_core::{
    log,
    ws::{Reply, WebSocketError},
};
use gripware_publish::PublishError;
#[cfg(feature = "state")]
use gripware_state::{StateError, resume::SocketError};
use http::StatusCode;
use thiserror::Error;

use crate::respond::reply;

/// No [`GripLayer`](crate::GripLayer) is around the route, so nothing is known about a proxy, or a
/// layer between hands requests to [another task](crate#the-order-of-layers). The answer is a 500
/// that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "there is no GRIP context in this request: is GripLayer around this route? Layers inside of it \
     must not run the handler in another task"
)]
#[non_exhaustive]
pub struct LayerMissing;

impl IntoResponse for LayerMissing {
    fn into_response(self) -> Response {
        log::error(&self);
        reply(Reply::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("{self}\n"),
        ))
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
    /// No layer is around the route. 500.
    #[error(transparent)]
    LayerMissing(#[from] LayerMissing),
    /// The request is not a `POST` with the content type of WebSocket events. 400.
    #[error("this resource speaks WebSocket only, and the request carries no WebSocket events")]
    NotWebSocket,
    /// The events did not come through a trusted proxy. 403.
    #[error("WebSocket events are taken only from a trusted GRIP proxy")]
    Unsigned,
    /// The body could not be read. 400.
    #[error("the WebSocket events could not be read from the connection")]
    Body(#[source] BoxError),
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
    Other(#[source] BoxError),
}

impl WebSocketRejection {
    /// Makes one of any error, such as that of a database. The client learns
    /// nothing of it, and the log has it with its causes.
    ///
    /// ```
    /// use gripware_axum::{WebSocketContext, WebSocketRejection};
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
    pub fn other(error: impl Into<BoxError>) -> Self {
        Self::Other(error.into())
    }

    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::LayerMissing(_) | Self::Other(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotWebSocket | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Unsigned => StatusCode::FORBIDDEN,
            Self::Events(error) => error.status(),
            Self::Publish(error) => error.status_code(),
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

impl IntoResponse for WebSocketRejection {
    fn into_response(self) -> Response {
        if !matches!(self, Self::LayerMissing(_)) {
            log::warning(&self);
        }
        match self {
            Self::LayerMissing(missing) => missing.into_response(),
            Self::Events(error) if error.to_reply().status == StatusCode::OK => {
                reply(error.to_reply())
            }
            other => reply(Reply::text(other.status(), format!("{other}\n"))),
        }
    }
}
