//! History, presence and records for realtime handlers: nobody misses an item, everybody knows who
//! is there, and what an application knows of a user or a connection is there on every node.
//!
//! They are parts for the origin and need no hub: they work the same with the hub inside, behind
//! Pushpin and behind Fastly Fanout. In one process they need nothing installed; several nodes set
//! `GRIPWARE_STATE=redis://…` and hand in `gripware_redis::state()`.
//!
//! ```
//! use gripware_core::{SseEvent, WsMessage};
//! use gripware_state::{Continuity, State};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), gripware_state::StateError> {
//! let history = State::memory().history();
//!
//! // Append first, then publish what comes back: it has an id, and the id of the one before it.
//! let appended = history.append("news", SseEvent::new().data("hello")).await?;
//! let seen = appended.id().to_string();
//! if let Some(item) = appended.into_item() {
//!     // publisher.publish("news", item).await?;
//! #   drop(item);
//! }
//!
//! // A client comes back with the last id it has seen.
//! let _ = history.append("news", WsMessage::text("it was cut off")).await?;
//! let page = history.read_after("news", Some(&seen), 100).await?;
//! assert_eq!((page.entries.len(), page.continuity), (1, Continuity::Complete));
//!
//! // An id of another life of the channel proves nothing, and the client is told.
//! let page = history.read_after("news", Some("aaaaaaaa.1"), 100).await?;
//! assert_eq!(page.continuity, Continuity::OtherEpoch);
//! # Ok(())
//! # }
//! ```
//!
//! - [`history`]: the last items of each channel.
//! - [`presence`]: who is in a channel.
//! - [`records`]: values under keys, with versions and expiries.
//! - [`resume`]: handlers of streams, long polls and WebSockets that miss nothing.
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `axum` | no | a resumed stream is a response of axum |
//! | `actix` | no | a resumed stream is a response of actix-web |
//! | `suite` | no | [`suite`]: the tests that every backend passes, for those who write one |
//! | `tracing` | yes | says in the log what could not be announced, renewed or swept |
//! | `aws-lc-rs` | yes | signs with aws-lc-rs; see `gripware-core` |
//! | `rust-crypto` | no | signs in pure Rust; see `gripware-core` |
//!
//! # Limits and defaults
//! | what | default | at most | beyond it |
//! |---|---|---|---|
//! | entries of a channel | 100 | 10 000 | the oldest are dropped |
//! | time of its entries after the last append | 300 s | 30 days | they are dropped, their numbers stay |
//! | time of its numbers after the last append | 30 days | | a new epoch |
//! | an entry, as JSON | | 256 KiB | refused |
//! | an idempotency key | | 128 bytes | refused |
//! | a page | | 1 000 entries, 500 000 bytes | there are more pages |
//! | a user's name; what it tells | | 256 bytes; 4 KiB | refused |
//! | time of a connection without a word | 60 s | | it is removed |
//! | a node's lease, renewed every 5 s | 15 s | | its connections are removed |
//! | grace of a user without a connection | 10 s | | it leaves |
//! | users of a channel whose joins and leaves are told | | 1 000 | a count once a second |
//! | a page of users | | 1 000 | there are more pages |
//! | a record; its key | | 16 KiB; 512 bytes | refused |
//! | an expired record that nobody takes | | 1 day | it is dropped |
//! | in memory: histories; records; connections | 64 MiB; 64 MiB; 200 000 | | channels of the oldest appends are dropped; refused; refused |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-state/latest")]

mod config_error;
mod entry_id;
mod error;
pub mod history;
mod namespace;
pub mod presence;
mod provider;
pub mod records;
pub mod resume;
mod state;
#[cfg(feature = "suite")]
pub mod suite;
mod task;

pub use config_error::ConfigError;
pub use entry_id::{EntryId, EntryIdError, Epoch, Position};
pub use error::{StateError, StateErrorKind};
pub use history::{Appended, Continuity, Draft, Entry, History, Page, Template};
pub use namespace::{MAX_CLUSTER_LEN, Namespace};
pub use presence::{Member, Presence};
pub use provider::{Backends, NoProvider, StateProvider};
pub use records::{Expect, Record, Records};
pub use state::{State, StateBuilder};
pub use task::Task;
