//! What clients are told about requests of their own that cannot be served.

use std::{error::Error, iter};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};

use crate::{
    http::{body::BodyError, refusal::refusal},
    origin::OriginError,
};

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
