//! What the middleware leaves in a request for extractors.
//!
//! It is a value without a size where what is to be known follows from the request's headers and the
//! first policy of the process: a box would be an allocation for each request, and most handlers
//! never ask.

use std::time::SystemTime;

use actix_web::{
    HttpMessage as _, HttpRequest,
    dev::{Extensions, RequestHead},
    http::header::HeaderValue,
};
use gripware_core::{Admission, GripContext, SharedPolicy};
use http::HeaderMap;

use crate::convert::{self, name};

/// A middleware with the first policy of the process is around the route.
struct OfFirst;

/// Reads from the head whether a request came through a proxy that may be believed.
pub(crate) fn admit(policy: &SharedPolicy, head: &RequestHead) -> Admission {
    let signatures = head.headers.get_all(name::GRIP_SIG);
    policy.admit_signed(
        signatures.map(HeaderValue::as_bytes),
        || head.headers.contains_key(name::GRIP_FEATURE),
        SystemTime::now,
    )
}

/// Leaves an admission in the request, in place of that of a middleware around.
pub(crate) fn leave(admission: &Admission, extensions: &mut Extensions) {
    if admission.is_implied() {
        extensions.remove::<Admission>();
        extensions.insert(OfFirst);
    } else {
        extensions.insert(admission.clone());
    }
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
    Some(admit(policy, request.head()))
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
