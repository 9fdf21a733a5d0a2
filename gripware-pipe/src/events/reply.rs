use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

use super::{Exception, RETURN_CODE};
use crate::Body;

/// What a handler of events returns: a MIME type, a code and data.
///
/// | handler returns | status | `X-Event-Return-Code` |
/// |---|---|---|
/// | `serde_json::Value`, [`Json`] | 200, `application/json` | 0 |
/// | `()` | 200, without a body | 0 |
/// | `(mime, 0, data)` | 200 | 0 |
/// | `(mime, code, data)` | the code where it is 400 to 599, otherwise 500 | the code |
/// | `Response<Body>` | its own | its own, if any |
/// | `Err(error)` | 500, the exception | 251 |
pub trait IntoReply {
    /// Makes the response. The traceback of an error is there in `development` only.
    fn into_reply(self, development: bool) -> Response<Body>;
}

/// Data that is written as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl IntoReply for Response<Body> {
    fn into_reply(self, _: bool) -> Response<Body> {
        self
    }
}

impl IntoReply for () {
    fn into_reply(self, development: bool) -> Response<Body> {
        ("application/json", 0, Bytes::new()).into_reply(development)
    }
}

impl IntoReply for serde_json::Value {
    fn into_reply(self, development: bool) -> Response<Body> {
        Json(self).into_reply(development)
    }
}

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self, development: bool) -> Response<Body> {
        match serde_json::to_vec(&self.0) {
            Ok(text) => ("application/json", 0, text).into_reply(development),
            Err(error) => Exception::of(&error, development).into_response(),
        }
    }
}

impl<M: AsRef<str>, D: Into<Bytes>> IntoReply for (M, u16, D) {
    fn into_reply(self, _: bool) -> Response<Body> {
        let (mime, code, data) = self;
        let mut response = Response::new(Body::from(data));
        *response.status_mut() = match code {
            0 => StatusCode::OK,
            400..=599 => StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let Ok(mime) = HeaderValue::from_str(mime.as_ref()) else {
            return Exception::new("MimeType", "the MIME type is none").into_response();
        };
        response.headers_mut().insert(CONTENT_TYPE, mime);
        response.headers_mut().insert(RETURN_CODE, code.into());
        response
    }
}

impl<R: IntoReply, E: Error> IntoReply for Result<R, E> {
    fn into_reply(self, development: bool) -> Response<Body> {
        match self {
            Ok(reply) => reply.into_reply(development),
            Err(error) => Exception::of(&error, development).into_response(),
        }
    }
}
