//! The last items of each channel, under ids that tell what a reader has missed.
//!
//! What is published is appended first, and gets its id there. A reader comes with the id that it
//! has seen last, and gets what came after it, or is told that this is no longer known
//! ([`Continuity`]).
//!
//! ```
//! use gripware_core::{Item, WsMessage};
//! use gripware_state::{Continuity, Draft, State};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), gripware_state::StateError> {
//! let history = State::memory().history().size(2);
//!
//! let one = history.append("news", Item::from(WsMessage::text("one"))).await?;
//! let seen = one.id().to_string();
//! for text in ["two", "three"] {
//!     let appended = history.append("news", Item::from(WsMessage::text(text))).await?;
//!     if let Some(item) = appended.into_item() {
//!         // publisher.publish("news", item).await?;
//! #       assert!(item.has_id());
//!     }
//! }
//!
//! let page = history.read_after("news", Some(&seen), 10).await?;
//! assert_eq!(page.continuity, Continuity::Complete);
//! assert_eq!(page.entries.len(), 2);
//!
//! // A fourth item, and one that a client was to see is gone: it is told.
//! history.append("news", Draft::from(WsMessage::text("four")).key("request-7")).await?;
//! let page = history.read_after("news", Some(&seen), 10).await?;
//! assert_eq!(page.continuity, Continuity::Trimmed);
//!
//! // The same idempotency key again: the first answer.
//! let again = Draft::from(WsMessage::text("four")).key("request-7");
//! assert!(history.append("news", again).await?.is_duplicate());
//! # Ok(())
//! # }
//! ```

mod appended;
mod backend;
mod draft;
#[allow(clippy::module_inception, reason = "the file is the concept it holds")]
mod history;
mod log;
mod memory;
mod page;
mod template;

pub(crate) use self::history::checked;
pub use self::{
    appended::Appended,
    backend::{AppendedAt, HistoryBackend, NewEntry, StoredPage},
    draft::Draft,
    history::{
        DEFAULT_SIZE, DEFAULT_TTL, EPOCH_TTL, History, MAX_ENTRY_LEN, MAX_KEY_LEN, MAX_SIZE,
    },
    memory::{DEFAULT_MEMORY, MAX_REMEMBERED_KEYS, MemoryHistory},
    page::{Continuity, Entry, MAX_PAGE_ENTRIES, MAX_PAGE_LEN, Page},
    template::Template,
};
