use std::{fmt, time::Duration};

use bytes::Bytes;

use super::{Lease, LeaseId, Member};
use crate::{Position, StateError, Task};

/// Stores who is where. Each method is one atomic step, also between nodes; arguments are valid and
/// within their limits.
///
/// Transitions of users are computed in the step that causes them, and appended to the history of
/// the channel's presence in the same step: each is there once, whoever causes it and however many
/// try. The feature `suite` has the tests that a backend passes.
pub trait PresenceBackend: fmt::Debug + Send + Sync + 'static {
    /// Adds a connection to a channel, or renews one that is there: its lease, and its user's info.
    /// The name of a connection that is there for another user changes hands.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::StateErrorKind::LeaseLost) where the node's lease is not open.
    fn join<'a>(
        &'a self,
        channel: &'a str,
        joining: Joining<'a>,
    ) -> Task<'a, Result<Change, StateError>>;

    /// Removes a connection. Its user leaves after `grace` unless another connection is there by
    /// then.
    fn leave<'a>(
        &'a self,
        channel: &'a str,
        connection: &'a str,
        grace: Duration,
    ) -> Task<'a, Result<Change, StateError>>;

    /// Sets the time that connections with leases of their own have from now. Returns the indexes of
    /// those that are not there.
    fn touch<'a>(
        &'a self,
        connections: &'a [(&'a str, &'a str)],
        ttl: Duration,
    ) -> Task<'a, Result<Vec<usize>, StateError>>;

    /// Lists the users of a channel, from where an earlier list ended, about `limit` of them. No
    /// step of it looks at all of them.
    fn list<'a>(
        &'a self,
        channel: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Task<'a, Result<Members, StateError>>;

    /// Counts who is in a channel.
    fn count<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Count, StateError>>;

    /// Opens a node's lease, which ends after `ttl` unless it is renewed.
    fn open_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<(), StateError>>;

    /// Renews a lease. Returns `false` if somebody has begun to sweep it: it is lost, with all that
    /// joined under it.
    fn renew_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<bool, StateError>>;

    /// Ends a lease now. Its connections are removed by sweeping.
    fn end_lease<'a>(&'a self, lease: &'a LeaseId) -> Task<'a, Result<(), StateError>>;

    /// Removes at most about `limit` connections whose lease has ended and users whose grace has,
    /// and tells counts that are due. Any number of nodes may sweep at once.
    fn sweep(&self, limit: usize, grace: Duration) -> Task<'_, Result<Swept, StateError>>;
}

/// A connection that joins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Joining<'a> {
    /// Who.
    pub member: &'a Member,
    /// Until when.
    pub lease: Lease<'a>,
    /// The grace of a user who loses the connection to this one.
    pub grace: Duration,
}

impl<'a> Joining<'a> {
    /// A connection of a member, under a lease.
    #[must_use]
    pub const fn new(member: &'a Member, lease: Lease<'a>, grace: Duration) -> Self {
        Self {
            member,
            lease,
            grace,
        }
    }
}

/// What one step changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Change {
    /// Whether the user was not in the channel before.
    pub first: bool,
    /// Whether the user has no more connection in the channel.
    pub last: bool,
    /// What was appended to the history of the channel's presence.
    pub announcements: Vec<Announcement>,
}

impl Change {
    /// Returns `true` if the user was not in the channel before.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Returns `true` if the user has no more connection in the channel. Without a new one it leaves
    /// after the grace.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

/// An item that tells of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Announcement {
    /// The channel that it is for.
    pub channel: String,
    /// The item, as JSON.
    pub json: Bytes,
    /// Whether the backend has handed it to all nodes.
    pub is_relayed: bool,
}

/// A part of the users in a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Members {
    /// The users, in no particular order. Between two pages one may come twice.
    pub users: Vec<Present>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
    /// The position of the channel's presence when this page was read. The events after that of the
    /// first page bring a list up to date.
    pub version: Position,
}

/// A user who is in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Present {
    /// The user.
    pub user: String,
    /// How many connections it has; 0 during the grace.
    pub connections: u64,
    /// What the user tells, as JSON.
    pub info: Option<Bytes>,
}

/// How many are in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Count {
    /// The users, with those whose grace lasts.
    pub users: u64,
    /// Their connections.
    pub connections: u64,
}

/// What a sweep came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Swept {
    /// What was appended to the histories.
    pub announcements: Vec<Announcement>,
    /// How many connections, users and counts were due.
    pub due: usize,
    /// Whether more may be due.
    pub has_more: bool,
}
