use actix_web::{HttpRequest, HttpResponse, Responder};
use bytes::Bytes;

use crate::{WebSocketContext, answer};

/// The answer, as a proxy wants it: status 200, the exact content type, the events, and the meta
/// that changed.
impl Responder for WebSocketContext {
    type Body = Bytes;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<Bytes> {
        answer::reply(self.0.into_reply())
    }
}
