//! Items: what is published to a channel (GRIP 3.2).
//!
//! An item has one *format* for each kind of hold it is meant for. A client gets the format of its
//! own hold, and nothing if the item has none for it.
//!
//! ```
//! use gripware_core::item::{HttpStream, Item, ItemError, WsMessage};
//!
//! let item = Item::new()
//!     .http_stream(HttpStream::text("hi\n"))
//!     .ws_message(WsMessage::text("hi"))
//!     .id("5")
//!     .prev_id("4")
//!     .sender("anna");
//!
//! let mut json = Vec::new();
//! item.encode_json("room", "", &mut json)?;
//! assert_eq!(
//!     String::from_utf8_lossy(&json),
//!     concat!(
//!         r#"{"channel":"room","id":"5","prev-id":"4","meta":{"sender":"anna"},"#,
//!         r#""formats":{"http-stream":{"content":"hi\n"},"ws-message":{"content":"hi"}}}"#,
//!     ),
//! );
//!
//! // Setters never fail. What they found is brought forward when the item is used.
//! let broken = Item::from(WsMessage::close(1005, "")).id("");
//! assert_eq!(broken.check(), Err(ItemError::CloseCode { code: 1005 }));
//! # Ok::<(), ItemError>(())
//! ```

mod action;
mod content;
mod encode;
mod error;
mod http_response;
mod http_stream;
#[allow(clippy::module_inception, reason = "the file is the concept it holds")]
mod item;
mod json;
#[cfg(feature = "proxy")]
mod size;
mod sse_event;
mod sse_events;
#[cfg(test)]
mod tests;
mod ws_message;

pub use action::Action;
pub use content::Content;
pub use error::ItemError;
pub use http_response::{HttpBody, HttpResponse};
pub use http_stream::HttpStream;
pub use item::{Item, ItemParts};
pub use sse_event::SseEvent;
pub use ws_message::{WsMessage, WsMessageKind};
