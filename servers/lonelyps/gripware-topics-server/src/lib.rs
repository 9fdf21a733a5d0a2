//! The broadcaster of httppubsub: services that want each other's messages without keeping
//! connections.
//!
//! A subscriber is an HTTP endpoint. The [`Broadcaster`] POSTs each message of a topic to whoever is
//! subscribed to it, exactly or by a pattern, all at the same time and each within its bounds: a slow
//! subscriber delays nobody else. Deliveries are signed both ways and confirmed; a subscriber that
//! cannot be reached is told later that it has missed something.
//!
//! It speaks the protocol of the Python packages `lonelypsc` and `lonelypss`, in place of the latter:
//! as an axum router ([`Broadcaster::router`]), and as the program `gripware-topics`.
//!
//! ```sh
//! gripware-topics --setup . --to-broadcasters-auth hmac --to-subscribers-auth hmac
//! gripware-topics --secrets broadcaster-secrets.json --db sqlite:topics.db --allow-target 127.0.0.1
//! ```
//!
//! | | |
//! |---|---|
//! | [`Broadcaster`] | the router, and what it shares |
//! | [`Store`], [`MemoryStore`], [`SqliteStore`] | who is subscribed to what |
//! | [`Targets`] | where it may POST to, so that a subscription is no way into a network (SSRF) |
//! | [`Settings`], [`StoreLimits`] | all bounds |
//! | [`program`] | the program as a function |
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `sqlite` | yes | [`SqliteStore`] |
//! | `program` | yes | the program, and the module `program` |
//!
//! # What it does otherwise than the original
//! - Deliveries go out at the same time, not one after the other.
//! - A subscriber gets a message once, however many of its patterns match.
//! - Missed messages are told with waits that double up to two hours, for three days, and what is
//!   confirmed is forgotten. A subscriber that is not reached for so long is unsubscribed.
//! - `set_subscriptions` changes recovery URLs of what is there as well.
//! - A fragment in a subscriber's URL is signed by both ends.
//! - It POSTs to public addresses and to networks that are named, and to no others.
//! - Messages are kept in memory, at most 64 MiB each and 256 MiB of all; the original writes those
//!   over 10 MiB to the disk.
//! - `GLOB` is of one dialect on every platform ([`gripware_topics::glob`]).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-topics-server/latest")]

mod broadcaster;
mod clock;
mod deliver;
mod dial;
mod guard;
#[cfg(feature = "program")]
pub mod program;
mod routes;
mod settings;
mod store;

#[cfg(feature = "sqlite")]
pub use self::store::SqliteStore;
pub use self::{
    broadcaster::{Broadcaster, BroadcasterBuilder},
    guard::{Network, NetworkError, Targets},
    settings::Settings,
    store::{Match, MemoryStore, Missed, Store, StoreError, StoreLimits},
};
