//! Answers that are written here and not by a handler.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, HeaderValue},
};
use bytes::Bytes;
use gripware_core::ws::Reply;
use http::StatusCode;

use crate::convert;

/// A text for whoever sent the request.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> HttpResponse<Bytes> {
    let mut response = HttpResponse::with_body(convert::to_status(status), text.into());
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// An answer about a WebSocket, with nothing added: its content type has no charset.
pub(crate) fn reply(reply: Reply) -> HttpResponse<Bytes> {
    let mut response = HttpResponse::with_body(convert::to_status(reply.status), reply.body);
    convert::write_headers(&reply.headers, response.headers_mut());
    response
}
