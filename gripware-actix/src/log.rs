//! What goes into the log. Without the feature `tracing` nothing does.

use gripware_core::{GripContext, Refusal};
use http::StatusCode;

use crate::{PublishRejection, WebSocketRejection};

#[cfg(feature = "tracing")]
pub(crate) fn refusal(cx: &GripContext, refusal: &Refusal) {
    match std::error::Error::source(refusal) {
        Some(cause) => tracing::error!(target: "gripware", %cause, "{refusal}"),
        None => tracing::warn!(target: "gripware", trust = %cx.trust(), "{refusal}"),
    }
}

#[cfg(feature = "tracing")]
pub(crate) fn rejection(rejection: &WebSocketRejection) {
    tracing::warn!(target: "gripware", status = rejection.status().as_u16(), "{rejection}");
}

#[cfg(feature = "tracing")]
pub(crate) fn rescue(status: StatusCode) {
    tracing::error!(target: "gripware",
        status = status.as_u16(),
        "a handler answered an open WebSocket with no events: the client is closed with 1011"
    );
}

#[cfg(feature = "tracing")]
pub(crate) fn unpublished(rejection: &PublishRejection) {
    tracing::error!(target: "gripware", "{rejection}");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn refusal(_: &GripContext, _: &Refusal) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn rejection(_: &WebSocketRejection) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn rescue(_: StatusCode) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn unpublished(_: &PublishRejection) {}
