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
//! # In handlers
//! With the feature `state` of `gripware-axum`; that of `gripware-actix` has the same names:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # mod application {
//! use axum::{Router, extract::State, routing::{any, get}};
//! use gripware_axum::{
//!     Grip, GripContext, GripLayer, Item, LastEventId, Publisher, SseEvent, WebSocketContext,
//!     WebSocketRejection, WsMessage,
//! };
//! use gripware_state::{Draft, History, Member, Presence, StateError, resume::ResumedStream};
//!
//! #[derive(Clone)]
//! struct App {
//!     publisher: Publisher,
//!     history: History,
//!     presence: Presence,
//! }
//!
//! /// Events from where the browser was cut off: those that are kept, then those that are published.
//! async fn events(
//!     State(app): State<App>,
//!     cx: GripContext,
//!     cursor: LastEventId,
//! ) -> Result<ResumedStream, StateError> {
//!     app.history.stream("room", "/events").resume(&cx, &cursor).await
//! }
//!
//! async fn room(
//!     State(app): State<App>,
//!     mut ws: WebSocketContext,
//! ) -> Result<WebSocketContext, WebSocketRejection> {
//!     if ws.is_opening() {
//!         ws.accept();
//!         app.history.socket("room")?.subscribe(&mut ws, None).await?;
//!         ws.subscribe("room:presence")?;
//!     }
//!     let me = Member::new("anna", ws.connection_id().as_str())?;
//!     app.presence.turn(&mut ws, "room", &me).await?;
//!     while let Some(said) = ws.receive()? {
//!         let text = said.into_text()?;
//!         let draft = Draft::with_id(move |id| {
//!             let event = SseEvent::new().id(id).data(&text);
//!             Item::from(event).ws_message(WsMessage::text(&text))
//!         });
//!         let appended = app.history.append("room", draft).await?;
//!         if let Some(item) = appended.into_item() {
//!             app.publisher.publish("room", item).await?;
//!         }
//!     }
//!     Ok(ws)
//! }
//!
//! /// `grip` is the hub's, or `Grip::from_env()?`.
//! pub fn application(grip: &Grip) -> Result<Router, gripware_state::ConfigError> {
//!     let state = gripware_state::State::from_env()?;
//!     let publisher = grip.publisher();
//!     let presence = state.presence().publishing(&publisher);
//!     // Without this nobody is found to have gone.
//!     let running = presence.clone();
//!     tokio::spawn(async move { running.run(std::future::pending()).await });
//!     Ok(Router::new()
//!         .route("/events", get(events))
//!         .route("/room", any(room))
//!         .layer(GripLayer::new(grip))
//!         .with_state(App { publisher, history: state.history(), presence }))
//! }
//! # }
//! ```
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `axum` | no | a resumed stream is a response of axum, and so is a [`StateError`] |
//! | `actix` | no | a resumed stream is a response of actix-web, and so is a [`StateError`] |
//! | `publish` | no | [`Presence::publishing`]; the adapters have it on with their feature `state` |
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
#[cfg(any(feature = "axum", feature = "actix"))]
mod respond;
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
