//! A resumed stream as a response of axum.

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use gripware_core::header::{GRIP_HOLD, UNWRITTEN_HOLD};
use http::{HeaderValue, header::CONTENT_TYPE};

use super::ResumedStream;

/// As the adapter's `Hold` beside a body: its layer writes the hold.
impl IntoResponse for ResumedStream {
    fn into_response(self) -> Response {
        let (hold, content_type, body) = self.into_parts();
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(GRIP_HOLD, UNWRITTEN_HOLD);
        response.extensions_mut().insert(hold);
        response
    }
}
