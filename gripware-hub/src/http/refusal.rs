//! Responses of the hub's own, in place of the application's.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Returns a response with a line of text.
pub(crate) fn refusal(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

/// Returns the response for a failure of the origin. The reason is for development only: the log has
/// it always.
pub(crate) fn bad_gateway(reason: Option<&str>) -> Response<Bytes> {
    let text = match reason {
        Some(reason) => format!("Error while proxying to origin: {reason}\n"),
        None => "Error while proxying to origin.\n".to_owned(),
    };
    refusal(StatusCode::BAD_GATEWAY, text)
}
