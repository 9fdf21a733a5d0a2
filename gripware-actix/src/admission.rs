//! What the middleware leaves in a request for extractors.
//!
//! It is a value without a size where what is to be known follows from the request's headers and the
//! first policy of the process: a box would be an allocation for each request, and most handlers
//! never ask.

use std::time::SystemTime;

use actix_web::{HttpMessage as _, HttpRequest, dev::Extensions};
use gripware_core::{Admission, GripContext, SharedPolicy};
use http::HeaderMap;

use crate::convert;

/// A middleware with the first policy of the process is around the route.
struct OfFirst;

/// Leaves an admission in the request, in place of that of a middleware around.
pub(crate) fn leave(admission: &Admission, extensions: &mut Extensions) {
    if !admission.is_implied() {
        extensions.insert(admission.clone());
        return;
    }
    if !SharedPolicy::is_only_one() {
        // One of another policy may be around this middleware.
        extensions.remove::<Admission>();
    }
    extensions.insert(OfFirst);
}

/// Returns what the middleware knows of a request; `None` if there is no middleware.
pub(crate) fn admission(request: &HttpRequest) -> Option<Admission> {
    let extensions = request.extensions();
    let first;
    let policy = match extensions.get::<Admission>() {
        Some(left) if left.is_refused() => return Some(left.clone()),
        Some(left) => left.shared_policy(),
        None => {
            first = SharedPolicy::first().filter(|_| extensions.contains::<OfFirst>())?;
            &first
        }
    };
    let marks = convert::marks(request.headers());
    Some(policy.admit(&marks, SystemTime::now))
}

/// Returns what a handler may know of its request; `None` if there is no middleware.
pub(crate) fn context(request: &HttpRequest) -> Option<GripContext> {
    let admission = admission(request)?;
    let headers = if admission.is_proxied() {
        convert::request_headers(request.headers())
    } else {
        HeaderMap::new()
    };
    Some(admission.context(&headers))
}
