//! The answers of a WebSocket as a response.

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use gripware_core::ws::Reply;

use crate::WebSocketContext;

/// The answer, as a proxy wants it: status 200, the exact content type, the events, and the meta
/// that changed.
impl IntoResponse for WebSocketContext {
    fn into_response(self) -> Response {
        reply(self.0.into_reply())
    }
}

/// A reply as it is: nothing is added to its headers.
pub(crate) fn reply(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
