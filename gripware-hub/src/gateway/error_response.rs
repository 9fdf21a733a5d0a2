//! The responses that the gateway makes itself, in place of the origin's.

use std::{error::Error, iter};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use crate::{http::body::BodyError, origin::OriginError};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Returns a response of the hub's own: a line of text.
pub(super) fn refusal(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

/// Returns the response for a request that could not be read to its end.
pub(super) fn cut_off() -> Response<Bytes> {
    refusal(StatusCode::BAD_REQUEST, "The request was cut off.\n")
}

/// Returns the response for a failure that is the client's fault; `None` if it is the origin's.
pub(super) fn fault_of_client(error: &OriginError) -> Option<Response<Bytes>> {
    if let OriginError::OutsideBase = error {
        let text = "The path leads out of the application.\n";
        return Some(refusal(StatusCode::BAD_REQUEST, text));
    }
    iter::successors(error.source(), |error| (**error).source())
        .any(<dyn Error>::is::<BodyError>)
        .then(cut_off)
}

/// Returns the response for a client with too many requests in progress.
pub(super) fn busy() -> Response<Bytes> {
    let text = "There are too many requests in progress from this address.\n";
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    // It has waited already.
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Returns the response for a head that is too large to be stored for a hold.
pub(super) fn head_too_large() -> Response<Bytes> {
    let text = "The head of the request is too large to be held.\n";
    refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text)
}

/// Returns the response for a failure of the origin. The reason is for development only: the log has
/// it always.
pub(super) fn bad_gateway(status: StatusCode, reason: Option<&str>) -> Response<Bytes> {
    let text = match reason {
        Some(reason) => format!("Error while proxying to origin: {reason}\n"),
        None => "Error while proxying to origin.\n".to_owned(),
    };
    refusal(status, text)
}

/// Returns an error's text with those of its sources.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        source = error.source();
    }
    reason
}
