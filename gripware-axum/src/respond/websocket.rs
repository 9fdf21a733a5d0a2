use axum_core::response::{IntoResponse, Response};

use crate::WebSocketContext;

/// The answer, as a proxy wants it: status 200, the exact content type, the events, and the meta
/// that changed.
impl IntoResponse for WebSocketContext {
    fn into_response(self) -> Response {
        let reply = self.0.into_reply();
        (reply.status, reply.headers, reply.body).into_response()
    }
}
