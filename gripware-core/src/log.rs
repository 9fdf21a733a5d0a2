//! What adapters write into the log, in the same words. Without the feature `tracing` nothing does.

use std::error::Error;

use http::StatusCode;

#[cfg(feature = "tracing")]
use crate::{ErrorChain, private_stream::is_capability};
use crate::{GripContext, Hold, Link, Refusal};

/// The request to `path`, or the response to it, was stopped; `hold` is that of the response.
#[cfg(feature = "tracing")]
pub fn refusal(cx: &GripContext, refusal: &Refusal, path: &str, hold: Option<&Hold>) {
    let path = without_capability(path);
    let channel = hold.and_then(|hold| hold.channels().first());
    let channel = channel.map(|channel| tracing::field::debug(channel.name()));
    if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(target: "gripware", path, channel, "{}", ErrorChain(refusal));
    } else {
        let trust = cx.trust();
        tracing::warn!(target: "gripware", path, channel, %trust, "{refusal}");
    }
}

/// Returns a path without the capability of a private stream that it may end with.
#[cfg(feature = "tracing")]
fn without_capability(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((parent, last)) if is_capability(last) => parent,
        _ => path,
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

/// A client with a login gets a next link that anybody may follow. Once in a process: where the
/// stream is public, that is as it should be.
#[cfg(feature = "tracing")]
pub fn link_without_login(link: &Link) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            target: "gripware",
            %link,
            "a proxy follows the next link without the client's Cookie and Authorization: if the \
             answer depends on them, make the link with GripContext::private_link"
        );
    });
}

/// A client with a login gets a next link that anybody may follow.
#[cfg(not(feature = "tracing"))]
pub fn link_without_login(_: &Link) {}

/// A request or a response was stopped.
#[cfg(not(feature = "tracing"))]
pub fn refusal(_: &GripContext, _: &Refusal, _: &str, _: Option<&Hold>) {}

/// Something from outside could not be taken.
#[cfg(not(feature = "tracing"))]
pub fn warning(_: &(dyn Error + 'static)) {}

/// The application did something that cannot work.
#[cfg(not(feature = "tracing"))]
pub fn error(_: &(dyn Error + 'static)) {}

/// An open WebSocket was answered with something else than events.
#[cfg(not(feature = "tracing"))]
pub fn rescue(_: StatusCode) {}
