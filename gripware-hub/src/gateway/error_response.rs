use std::{error::Error, iter};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use crate::{http::body::BodyError, origin::OriginError};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer of the hub's own: a line of text.
pub(super) fn refusal(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

/// What a client is told whose request could not be read to its end.
pub(super) fn cut_off() -> Response<Bytes> {
    refusal(StatusCode::BAD_REQUEST, "The request was cut off.\n")
}

/// What a client is told where a failure is its own, and not the origin's.
pub(super) fn fault_of_client(error: &OriginError) -> Option<Response<Bytes>> {
    if let OriginError::OutsideBase = error {
        let text = "The path leads out of the application.\n";
        return Some(refusal(StatusCode::BAD_REQUEST, text));
    }
    iter::successors(error.source(), |error| (**error).source())
        .any(<dyn Error>::is::<BodyError>)
        .then(cut_off)
}

/// What a client is told that has too much in progress.
pub(super) fn busy() -> Response<Bytes> {
    let text = "There are too many requests in progress from this address.\n";
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    // It has waited already.
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// What a client is told whose head would be kept, and sent again, and is too large for that.
pub(super) fn head_too_large() -> Response<Bytes> {
    let text = "The head of the request is too large to be held.\n";
    refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text)
}

/// What a client is told when the origin failed. The reason is in the log, and in development in the
/// answer too.
pub(super) fn bad_gateway(status: StatusCode, reason: Option<&str>) -> Response<Bytes> {
    let text = match reason {
        Some(reason) => format!("Error while proxying to origin: {reason}\n"),
        None => "Error while proxying to origin.\n".to_owned(),
    };
    refusal(status, text)
}

/// A reason with those behind it.
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
