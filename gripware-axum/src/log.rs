//! What goes into the log. Without the feature `tracing` nothing does.

use std::error::Error;

#[cfg(feature = "tracing")]
use gripware_core::Causes;
use gripware_core::{GripContext, Refusal};
use http::StatusCode;

#[cfg(feature = "tracing")]
pub(crate) fn refusal(cx: &GripContext, refusal: &Refusal) {
    if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR {
        error(refusal);
    } else {
        tracing::warn!(target: "gripware", trust = %cx.trust(), "{refusal}");
    }
}

#[cfg(feature = "tracing")]
pub(crate) fn warning(error: &(dyn Error + 'static)) {
    tracing::warn!(target: "gripware", "{}", Causes(error));
}

#[cfg(feature = "tracing")]
pub(crate) fn error(error: &(dyn Error + 'static)) {
    tracing::error!(target: "gripware", "{}", Causes(error));
}

#[cfg(feature = "tracing")]
pub(crate) fn rescue(status: StatusCode) {
    tracing::error!(
        target: "gripware",
        status = status.as_u16(),
        "an open WebSocket was answered with no events: the client is closed with 1011"
    );
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn refusal(_: &GripContext, _: &Refusal) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn warning(_: &(dyn Error + 'static)) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn error(_: &(dyn Error + 'static)) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn rescue(_: StatusCode) {}
