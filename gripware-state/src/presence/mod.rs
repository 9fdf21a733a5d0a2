//! Who is in a channel, over all nodes and all tabs.
//!
//! A *connection* joins as a *user*. Only a user's first connection is a join, and only its last one
//! a leave, which waits for a [grace](Presence::grace) so that a page can be reloaded. Connections
//! that end without a word are found by their *lease*: that of their node where the proxy is in
//! this process ([`Presence::by_node`]), or a time of their own behind another proxy. A task of the
//! application has to run [`Presence::run`], which looks for what is over: without it leaves are not
//! told. Where nobody has begun to 10 s after the first join, the log says so once, as a warning.
//!
//! Joins and leaves are entries of the history of the channel `<channel>:presence`, and are
//! published there, by [`Presence::publishing`] or [`Presence::announcing`], so that whoever follows
//! it misses none: see [`PresenceEvent`].
//!
//! ```
//! use gripware_state::{Member, State};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), gripware_state::StateError> {
//! let presence = State::memory().presence().announcing(|_channel, _item| async {
//!     // publisher.publish(channel, item).await?;
//!     Ok(())
//! });
//!
//! let phone = Member::new("anna", "5c384ad4")?;
//! let laptop = Member::new("anna", "97a1e3b0")?.info(&serde_json::json!({ "name": "Anna" }))?;
//! assert!(presence.join("room", &phone).await?.is_first());
//! assert!(!presence.join("room", &laptop).await?.is_first());
//!
//! let count = presence.count("room").await?;
//! assert_eq!((count.users, count.connections), (1, 2));
//!
//! presence.leave("room", phone.connection()).await?;
//! let list = presence.list("room", None, 100).await?;
//! assert_eq!(list.users[0].user, "anna");
//!
//! // A user's name is no place for a line end.
//! assert!(Member::new("an\nna", "5c384ad4").unwrap_err().is_invalid());
//! # Ok(())
//! # }
//! ```
//!
//! # Behind Pushpin
//! Pushpin 1.36 has no gone links. A WebSocket's end is told by CLOSE or DISCONNECT; a stream's end
//! shows only when it is no longer asked for its next link. So streams that are
//! [present](crate::resume::StreamResume::present) set a next link's timeout of [`STREAM_INTERVAL`],
//! and join again each time. Pushpin fetches 10 next links a second at most:
//! some 200 streaming members are what one bears.

mod announcing;
mod backend;
mod event;
mod lease;
mod member;
mod memory;
mod node;
#[allow(clippy::module_inception, reason = "the file is the concept it holds")]
mod presence;
mod room;
mod socket;
mod sweeping;

pub use self::{
    backend::{Announcement, Change, Count, Joining, Members, PresenceBackend, Present, Swept},
    event::{PresenceEvent, SUFFIX},
    lease::{Lease, LeaseId},
    member::{MAX_INFO_LEN, MAX_USER_LEN, Member},
    memory::{DEFAULT_MEMBERS, MemoryPresence},
    node::{LEASE_TTL, MAX_NODE_MEMBERS, RENEW_INTERVAL},
    presence::{
        COUNT_INTERVAL, DEFAULT_GRACE, DEFAULT_MEMBER_TTL, MAX_ANNOUNCED, MAX_LISTED, MAX_TOUCHED,
        Presence, STREAM_INTERVAL,
    },
    sweeping::SWEEP_INTERVAL,
};
