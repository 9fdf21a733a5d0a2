//! The messages over HTTP: what is POSTed, and the bodies of answers.
//!
//! | path at the broadcaster | request | answer |
//! |---|---|---|
//! | [`SUBSCRIBE_EXACT`], [`SUBSCRIBE_GLOB`] | [`Subscribe`] | [`Reply::Generic`] |
//! | [`UNSUBSCRIBE_EXACT`], [`UNSUBSCRIBE_GLOB`] | [`Unsubscribe`] | [`Reply::Generic`] |
//! | [`CHECK_SUBSCRIPTIONS`] | [`CheckSubscriptions`] | [`Reply::Check`] |
//! | [`SET_SUBSCRIPTIONS`] | [`SetSubscriptions`] | [`Reply::Generic`] |
//! | [`NOTIFY`] | [`NotifyHead`], then the message | [`Reply::Notify`] |
//!
//! | path at the subscriber | request | answer |
//! |---|---|---|
//! | [`RECEIVE`] behind its own | [`ReceiveHead`], then the message | [`Reply::ConfirmReceive`] or [`Reply::UnsubscribeImmediate`] |
//! | [`RECOVER`] behind its own | [`Missed`] | [`Reply::ConfirmMissed`] |
//!
//! Of several broadcasters with one store, each gets what its WebSockets want from the others, as a
//! subscriber does, at [`RECEIVE_FOR_WEBSOCKETS`] and [`MISSED_FOR_WEBSOCKETS`].
//!
//! A message with a body has a *head* that is decoded from what has arrived, so that its signature
//! is checked before its body is read.
//!
//! ```
//! use gripware_topics::{Digest, Identifier, Topic, Tracing, http::NotifyHead};
//!
//! let head = NotifyHead {
//!     topic: Topic::try_from("foo/bar")?,
//!     digest: Digest::of(b"hello"),
//!     tracing: Tracing::default(),
//!     identifier: Identifier::try_from(b"id")?,
//!     length: 5,
//! };
//! let bytes = head.encode();
//! assert_eq!(NotifyHead::decode(&bytes.slice(..20))?, None); // there has to come more
//! assert_eq!(NotifyHead::decode(&bytes)?, Some((head, bytes.len())));
//! # Ok::<(), gripware_topics::WireError>(())
//! ```

mod check;
mod missed;
mod notify;
mod receive;
mod reply;
mod set;
mod subscribe;

pub use self::{
    check::CheckSubscriptions,
    missed::Missed,
    notify::NotifyHead,
    receive::ReceiveHead,
    reply::Reply,
    set::SetSubscriptions,
    subscribe::{Subscribe, Unsubscribe},
};
use crate::WireError;

/// Where topics are subscribed to.
pub const SUBSCRIBE_EXACT: &str = "/v1/subscribe/exact";
/// Where patterns are subscribed to.
pub const SUBSCRIBE_GLOB: &str = "/v1/subscribe/glob";
/// Where topics are unsubscribed from.
pub const UNSUBSCRIBE_EXACT: &str = "/v1/unsubscribe/exact";
/// Where patterns are unsubscribed from.
pub const UNSUBSCRIBE_GLOB: &str = "/v1/unsubscribe/glob";
/// Where the etag of what a URL is subscribed to is asked for.
pub const CHECK_SUBSCRIPTIONS: &str = "/v1/check_subscriptions";
/// Where all that a URL is subscribed to is replaced.
pub const SET_SUBSCRIPTIONS: &str = "/v1/set_subscriptions";
/// Where messages are published.
pub const NOTIFY: &str = "/v1/notify";
/// Where a WebSocket is opened.
pub const WEBSOCKET: &str = "/v1/websocket";
/// Where a subscriber gets messages, behind its own path.
pub const RECEIVE: &str = "/v1/receive";
/// Where a subscriber is told that it has missed messages, behind its own path.
pub const RECOVER: &str = "/v1/recover";
/// Where a broadcaster gets messages for its WebSockets from other broadcasters.
pub const RECEIVE_FOR_WEBSOCKETS: &str = "/v1/receive_for_websockets";
/// Where a broadcaster is told by others that its WebSockets have missed messages.
pub const MISSED_FOR_WEBSOCKETS: &str = "/v1/missed_for_websockets";
/// The type of all bodies.
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// Most bytes of a head: two fields of 65 535 bytes, a digest, an identifier, and their lengths.
pub const MAX_HEAD: usize = 2 + 65_535 + 64 + 2 + 65_535 + 1 + 255 + 8;

/// Decodes a head from the bytes that have arrived so far: `None` if there have to be more.
fn head<T>(
    bytes: &bytes::Bytes,
    read: impl FnOnce(&mut crate::wire::Reader) -> Result<T, WireError>,
) -> Result<Option<(T, usize)>, WireError> {
    let mut reader = crate::wire::Reader::new(bytes.clone());
    match read(&mut reader) {
        Ok(head) => Ok(Some((head, bytes.len() - reader.left()))),
        Err(WireError::Truncated) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
