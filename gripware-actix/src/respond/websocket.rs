//! The answers of a WebSocket as a response.

use actix_web::{HttpRequest, HttpResponse, Responder};
use bytes::Bytes;
use gripware_core::ws::Reply;

use crate::{WebSocketContext, convert};

/// The answer, as a proxy wants it: status 200, the exact content type, the events, and the meta
/// that changed.
impl Responder for WebSocketContext {
    type Body = Bytes;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<Bytes> {
        reply(self.0.into_reply())
    }
}

/// A reply as it is: nothing is added to its headers.
pub(crate) fn reply(reply: Reply) -> HttpResponse<Bytes> {
    let mut response = HttpResponse::with_body(convert::to_status(reply.status), reply.body);
    convert::write_headers(&reply.headers, response.headers_mut());
    response
}
