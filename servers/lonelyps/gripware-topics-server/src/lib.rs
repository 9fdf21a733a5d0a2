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
//! A subscriber that is busy keeps a WebSocket instead ([`BroadcasterBuilder::grip`]), which a proxy
//! holds: a hub in the same process, or Pushpin.
//!
//! ```sh
//! gripware-topics --setup . --to-broadcasters-auth hmac --to-subscribers-auth hmac
//! gripware-topics --secrets broadcaster-secrets.json --db sqlite:topics.db --allow-target 127.0.0.1
//! ```
//!
//! | | |
//! |---|---|
//! | [`Broadcaster`] | the router, and what it shares |
//! | [`Store`], [`MemoryStore`], [`SqliteStore`], [`RecordsStore`] | who is subscribed to what |
//! | [`Targets`] | where it may POST to, so that a subscription is no way into a network (SSRF) |
//! | [`Settings`], [`StoreLimits`] | all bounds |
//! | [`program`] | the program as a function |
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `records` | yes | [`RecordsStore`] |
//! | `sqlite` | yes | [`SqliteStore`] |
//! | `program` | yes | the program, and the module `program` |
//!
//! # WebSockets
//! A connection begins with CONFIGURE, and each signature depends on its nonce and a counter, so that
//! none is good a second time or in another order. At most three sends of at most 16 MiB together are
//! not acknowledged; up to 255 messages wait behind them, for as long as a delivery may take. What is
//! late or does not fit was missed, and MISSED says so: the connection of a subscriber that has missed
//! messages of more than 255 topics ends, as does one that is late in the middle of a message.
//!
//! A message is confirmed, and counts as delivered, when CONFIRM_RECEIVE has come. The protocol has no
//! answer that refuses: what is malformed, refused or too much ends the connection, with 1007, 1008, 1009
//! or, where there is no room now, 1013.
//!
//! Messages that are larger than an answer of the proxy may be go out in parts. `lonelypsc` takes 4 MiB
//! at a time, and under hmac no message in parts. With [`Settings::compression`] those of 16 KiB or more
//! are compressed with zstd, once for all who ask for that; there are no trained dictionaries.
//!
//! What waits for a connection is in the process that it was opened at, which therefore has to have all
//! its turns.
//!
//! # Several broadcasters
//! Those that share a [`RecordsStore`] and have the same secrets are as one. Whoever is reached delivers a
//! message to all HTTP subscribers by itself. For WebSockets it is as in the original: a broadcaster with
//! a [`host`](BroadcasterBuilder::host) subscribes itself to what its connections want, at
//! `/v1/receive_for_websockets`, and its confirmation says for how many connections it is; so the count
//! of who was reached is that of all. A message goes from broadcaster to broadcaster once, of any size and
//! signed, and needs no relay, whose items are of at most 1 MiB.
//!
//! A subscription counts at all of them as soon as it is confirmed. One that is gone takes its connections
//! with it, which come back elsewhere; what it had in the store is in its way only until it is not reached
//! for three days.
//!
//! # What it does otherwise than the original
//! - Deliveries go out at the same time, not one after the other.
//! - A subscriber gets a message once, however many of its patterns match.
//! - A message over a WebSocket counts when the subscriber has confirmed it, not when it was sent.
//! - Missed messages are told with waits that double up to two hours, until that is confirmed; what is
//!   missed meanwhile is told with it, or once more. A restart changes nothing of that, with a
//!   [`SqliteStore`] or a [`RecordsStore`].
//! - A subscriber that has missed a message, and confirms nothing for three days
//!   ([`Settings::missed_for`]), is unsubscribed: from what made it get the topic, or, without a recovery
//!   URL, from all that has none. What counts is a message of any topic, or that it has missed some,
//!   confirmed at any broadcaster with the same store. That it is due is seen as it is told, or would be,
//!   so up to two and a half hours later. Where there was no room to try, it stays.
//! - A broadcaster that ends lets deliveries end, and notes those that are not confirmed as missed
//!   ([`Broadcaster::finish`]; the program gives them two seconds).
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
mod room;
mod routes;
mod settings;
mod socket;
mod store;

#[cfg(feature = "records")]
pub use self::store::RecordsStore;
#[cfg(feature = "sqlite")]
pub use self::store::SqliteStore;
pub use self::{
    broadcaster::{Broadcaster, BroadcasterBuilder},
    guard::{Network, NetworkError, Targets},
    settings::Settings,
    store::{Match, MemoryStore, Missed, Store, StoreError, StoreLimits},
};
