//! Who is in one channel, in memory. Sans-IO: `now` is handed in, and what is due later is said.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use tokio::time::Instant;

use super::{COUNT_INTERVAL, Count, LeaseId, MAX_ANNOUNCED, Present};

/// The connections and the users of one channel.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) connections: HashMap<String, Connection>,
    pub(super) users: BTreeMap<String, User>,
    /// When a count was told last.
    counted: Option<Instant>,
    is_count_due: bool,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) user: String,
    pub(super) lease: Held,
}

/// A place in the list of what is due: a time, and a number for those of one time.
pub(super) type Place = (Instant, u64);

/// A connection's lease.
#[derive(Debug)]
pub(super) enum Held {
    Node(LeaseId),
    Own(Place),
}

#[derive(Debug, Default)]
pub(super) struct User {
    connections: u64,
    info: Option<Bytes>,
    /// When its grace ends.
    pub(super) leaves: Option<Place>,
}

/// What has to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Join,
    Leave,
    Count,
    /// A count, at this time.
    CountAt(Instant),
    Nothing,
}

impl Room {
    /// Adds a connection of a user. Returns whether the user is new, and the end of its grace, which
    /// is off.
    pub(super) fn add(&mut self, user: &str, info: Option<&Bytes>) -> (bool, Option<Place>) {
        let is_new = !self.users.contains_key(user);
        let entry = self.users.entry(user.to_owned()).or_default();
        entry.connections += 1;
        if let Some(info) = info {
            entry.info = Some(info.clone());
        }
        (is_new, entry.leaves.take())
    }

    pub(super) fn set_info(&mut self, user: &str, info: Option<&Bytes>) {
        if let Some(info) = info
            && let Some(user) = self.users.get_mut(user)
        {
            user.info = Some(info.clone());
        }
    }

    /// Takes a connection from a user. Returns whether it was the last one.
    pub(super) fn subtract(&mut self, user: &str) -> bool {
        let Some(user) = self.users.get_mut(user) else {
            return false;
        };
        user.connections = user.connections.saturating_sub(1);
        user.connections == 0
    }

    /// Removes a user who has no connection. Returns `false` if it has one, or is not there.
    pub(super) fn remove(&mut self, user: &str) -> bool {
        let is_alone = self
            .users
            .get(user)
            .is_some_and(|user| user.connections == 0);
        if is_alone {
            self.users.remove(user);
        }
        is_alone
    }

    /// What is told of a user who has joined.
    pub(super) fn joined(&mut self, now: Instant) -> Told {
        if self.count().users <= MAX_ANNOUNCED {
            return Told::Join;
        }
        self.count_at(now)
    }

    /// What is told of a user who has left.
    pub(super) fn left(&mut self, now: Instant) -> Told {
        if self.count().users < MAX_ANNOUNCED {
            return Told::Leave;
        }
        self.count_at(now)
    }

    /// What is told when a count is due.
    pub(super) fn count_is_due(&mut self, now: Instant) -> Told {
        self.is_count_due = false;
        self.count_at(now)
    }

    fn count_at(&mut self, now: Instant) -> Told {
        let next = self.counted.map(|counted| counted + COUNT_INTERVAL);
        match next {
            _ if self.is_count_due => Told::Nothing,
            Some(next) if now < next => {
                self.is_count_due = true;
                Told::CountAt(next)
            }
            _ => {
                self.counted = Some(now);
                Told::Count
            }
        }
    }

    pub(super) fn count(&self) -> Count {
        Count {
            users: u64::try_from(self.users.len()).unwrap_or(u64::MAX),
            connections: u64::try_from(self.connections.len()).unwrap_or(u64::MAX),
        }
    }

    /// The users after one, in the order of their names.
    pub(super) fn users_after(&self, after: Option<&str>, limit: usize) -> Vec<Present> {
        use std::ops::Bound::{Excluded, Unbounded};

        let from = after.map_or(Unbounded, Excluded);
        let users = self.users.range::<str, _>((from, Unbounded)).take(limit);
        users
            .map(|(name, user)| Present {
                user: name.clone(),
                connections: user.connections,
                info: user.info.clone(),
            })
            .collect()
    }
}
