//! The other half of the protocol: what a proxy reads. Needs the feature `proxy`.
//!
//! An application needs nothing of this. It is for those who build a proxy, as `gripware-hub` does,
//! or pretend to be one, as `gripware-test` does. Like all of this crate it takes bytes and headers
//! and returns values: nothing is sent, and no clock is read.
//!
//! - [`Instruction`]: what a response tells the proxy, in headers or in a body (GRIP 1.4 to 1.8).
//! - [`decode_items`]: what is published, as it stands in the body of the request (GRIP 3.1, 3.2).
//! - [`Sequencer`]: the order of what is published, and deduplication (GRIP 3.6).
//! - [`Resync`]: what is buffered while the origin is asked what was missed (GRIP 1.8).
//! - [`Subject`]: the filters between an item and one subscriber (GRIP 1.9).
//! - [`resolve_link`]: where a next or gone link leads (GRIP 1.8).
//! - [`patch`]: an item that changes a stored body (GRIP 1.11).
//!
//! ```
//! use bytes::Bytes;
//! use gripware_core::proxy::{Head, Instruction, decode_items};
//! use http::Response;
//!
//! let response = Response::builder()
//!     .header("Grip-Hold", "stream")
//!     .header("Grip-Channel", "news")
//!     .body("the first bytes, which may follow later")?;
//! let Head::Held(hold) = Instruction::read_head(response.status(), response.headers())? else {
//!     return Err("no hold".into());
//! };
//!
//! let body = br#"{"items": [{"channel": "news", "formats": {"http-stream": {"content": "hi\n"}}}]}"#;
//! let (channel, item) = decode_items(body)?.remove(0);
//! assert!(hold.channel(channel.name()).is_some());
//! let content = item.into_parts()?.http_stream.map(|format| format.content().as_bytes().clone());
//! assert_eq!(content, Some(Bytes::from("hi\n")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base64;
mod dialect;
mod filter;
mod framing;
mod instruction;
mod items;
mod lenient_json;
mod link;
mod merge;
mod message_mode;
mod patch;
mod resync;
mod sequencer;
mod sequential;
mod status;
mod template;

pub use dialect::Dialect;
pub use filter::{MAX_GROWTH, Subject, Verdict};
pub use instruction::{Head, Instruction, InstructionError, KeepAlive};
pub use items::{DecodeError, MAX_ITEM_META, MAX_ITEMS, decode_items, decode_message};
pub use link::{LinkScope, resolve_link};
pub use merge::merge;
pub use message_mode::MessageMode;
pub use patch::{MAX_DEPTH, MAX_OPERATIONS, MAX_PATCH_STEPS, MAX_PATCHED, patch};
pub use resync::{MAX_BUFFERED, MAX_BUFFERED_BYTES, Resync, ResyncState};
pub use sequencer::{MAX_WAITING, Sequenced, Sequencer};
pub use sequential::Sequential;

pub use crate::last::append_last;
