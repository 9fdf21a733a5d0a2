//! What adapters write into the log, in the same words. Without the feature `tracing` nothing does.

use std::error::Error;

use http::StatusCode;

#[cfg(feature = "tracing")]
use crate::ErrorChain;
use crate::{GripContext, Refusal};

/// A request or a response was stopped.
#[cfg(feature = "tracing")]
pub fn refusal(cx: &GripContext, refusal: &Refusal) {
    if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR {
        error(refusal);
    } else {
        tracing::warn!(target: "gripware", trust = %cx.trust(), "{refusal}");
    }
}

/// Something from outside could not be taken.
#[cfg(feature = "tracing")]
pub fn warning(error: &(dyn Error + 'static)) {
    tracing::warn!(target: "gripware", "{}", ErrorChain(error));
}

/// The application did something that cannot work.
#[cfg(feature = "tracing")]
pub fn error(error: &(dyn Error + 'static)) {
    tracing::error!(target: "gripware", "{}", ErrorChain(error));
}

/// An open WebSocket was answered with something else than events.
#[cfg(feature = "tracing")]
pub fn rescue(status: StatusCode) {
    tracing::error!(
        target: "gripware",
        status = status.as_u16(),
        "an open WebSocket was answered with no events: the client is closed with 1011. If a layer \
         that authenticates refused it, let that see openings alone (OnOpening)"
    );
}

/// A request or a response was stopped.
#[cfg(not(feature = "tracing"))]
pub fn refusal(_: &GripContext, _: &Refusal) {}

/// Something from outside could not be taken.
#[cfg(not(feature = "tracing"))]
pub fn warning(_: &(dyn Error + 'static)) {}

/// The application did something that cannot work.
#[cfg(not(feature = "tracing"))]
pub fn error(_: &(dyn Error + 'static)) {}

/// An open WebSocket was answered with something else than events.
#[cfg(not(feature = "tracing"))]
pub fn rescue(_: StatusCode) {}
