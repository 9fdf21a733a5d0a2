//! The messages over a WebSocket, `/v1/websocket`. All are binary.
//!
//! ```text
//! u16 flags, of which bit 0 means minimal headers · u16 type · headers · payload
//! ```
//!
//! Minimal headers are values alone, in an order that both ends know ([`Header`]); expanded ones have
//! their count and their names. Each end chooses for what it sends, and reads both.
//!
//! ```
//! use gripware_topics::{Digest, Identifier, Topic, Tracing, ws::{FromSubscriber, StreamHead}};
//!
//! let notify = FromSubscriber::Notify {
//!     authorization: None,
//!     tracing: Tracing::default(),
//!     identifier: Identifier::try_from(b"id")?,
//!     head: StreamHead::uncompressed(Topic::try_from("t")?, b"hi"),
//!     payload: "hi".into(),
//! };
//! let bytes = notify.encode(true)?;
//! assert!(bytes.starts_with(b"\0\x01\0\x06\0\0\0\0\0\x02id\0\x01t\0\x01\0\0\x01\x02\0\x01\x02\0\x40"));
//! assert_eq!(FromSubscriber::decode(bytes)?, notify);
//! # Ok::<(), gripware_topics::WireError>(())
//! ```

mod frame;
mod from_broadcaster;
mod from_subscriber;
mod stream;
mod url;
#[cfg(feature = "zstd")]
pub mod zstd;

pub use self::{
    frame::Header,
    from_broadcaster::FromBroadcaster,
    from_subscriber::FromSubscriber,
    stream::{Joined, Joiner, StreamError, StreamHead, StreamPart, split},
    url::{Counter, Side, nonce},
};

/// Most bytes of an identifier over a WebSocket.
pub const MAX_IDENTIFIER: usize = 64;

/// Most bytes of a message over a WebSocket, 16 MiB. What is larger is sent in parts.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Most bytes of a payload, so that its message is within [`MAX_MESSAGE`] with the longest topic and
/// token. What is larger is sent in parts of so many bytes.
pub const MAX_PAYLOAD: usize = MAX_MESSAGE - crate::MAX_FIELD - 8192;

#[cfg(test)]
mod tests;
