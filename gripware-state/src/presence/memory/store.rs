//! What is kept. `now` is handed in.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::presence::{
    Count, Lease, LeaseId,
    room::{Held, Place, Room},
};

/// Who is in all channels, and what is due when.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) rooms: HashMap<String, Room>,
    pub(super) due: BTreeMap<Place, Due>,
    places: u64,
    pub(super) leases: HashMap<LeaseId, Open>,
    /// Who joined under leases that have ended.
    orphans: VecDeque<(LeaseId, String, String)>,
    pub(super) members: usize,
}

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Due {
    /// A connection's own lease ends: channel and connection.
    Connection(String, String),
    /// A user's grace ends: channel and user.
    User(String, String),
    /// A count is told of a channel.
    Count(String),
}

/// A node's lease.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) end: Instant,
    /// Channels and connections.
    pub(super) members: HashSet<(String, String)>,
}

impl Store {
    pub(super) fn count(&self, channel: &str) -> Count {
        self.rooms.get(channel).map(Room::count).unwrap_or_default()
    }

    pub(super) fn user_of(&self, channel: &str, connection: &str) -> Option<String> {
        let room = self.rooms.get(channel)?;
        Some(room.connections.get(connection)?.user.clone())
    }

    pub(super) fn schedule(&mut self, at: Instant, due: Due) -> Place {
        self.places += 1;
        let place = (at, self.places);
        self.due.insert(place, due);
        place
    }

    /// Puts a connection under a lease.
    pub(super) fn hold(
        &mut self,
        channel: &str,
        connection: &str,
        lease: Lease<'_>,
        now: Instant,
    ) -> Held {
        let name = (channel.to_owned(), connection.to_owned());
        match lease {
            Lease::Node(id) => {
                if let Some(open) = self.leases.get_mut(id) {
                    open.members.insert(name);
                }
                Held::Node(id.clone())
            }
            Lease::Own(ttl) => Held::Own(self.schedule(now + ttl, Due::Connection(name.0, name.1))),
        }
    }

    /// Takes a connection from under its lease.
    pub(super) fn release(&mut self, channel: &str, connection: &str) {
        let Some(room) = self.rooms.get(channel) else {
            return;
        };
        match room
            .connections
            .get(connection)
            .map(|connection| &connection.lease)
        {
            Some(Held::Node(id)) => {
                if let Some(open) = self.leases.get_mut(id) {
                    open.members
                        .remove(&(channel.to_owned(), connection.to_owned()));
                }
            }
            Some(Held::Own(place)) => {
                self.due.remove(place);
            }
            None => {}
        }
    }

    pub(super) fn touch(
        &mut self,
        channel: &str,
        connection: &str,
        ttl: Duration,
        now: Instant,
    ) -> bool {
        let lease = |store: &Self| {
            let room = store.rooms.get(channel)?;
            match &room.connections.get(connection)?.lease {
                Held::Own(place) => Some(Some(*place)),
                Held::Node(_) => Some(None),
            }
        };
        match lease(self) {
            None => false,
            Some(None) => true,
            Some(Some(place)) => {
                self.due.remove(&place);
                let held = self.hold(channel, connection, Lease::Own(ttl), now);
                let room = self.rooms.get_mut(channel);
                if let Some(found) = room.and_then(|room| room.connections.get_mut(connection)) {
                    found.lease = held;
                }
                true
            }
        }
    }

    /// Takes the members of leases that have ended.
    pub(super) fn bury_leases(&mut self, now: Instant) {
        let ended = self.leases.extract_if(|_, open| open.end <= now);
        for (lease, open) in ended {
            let members = open.members.into_iter();
            self.orphans
                .extend(members.map(|(channel, connection)| (lease.clone(), channel, connection)));
        }
    }

    /// A connection whose lease has ended, and which has not joined under another one since.
    pub(super) fn next_orphan(&mut self) -> Option<(String, String)> {
        while let Some((lease, channel, connection)) = self.orphans.pop_front() {
            let room = self.rooms.get(&channel);
            let held = room.and_then(|room| room.connections.get(&connection));
            if held.is_some_and(|held| matches!(&held.lease, Held::Node(id) if *id == lease)) {
                return Some((channel, connection));
            }
        }
        None
    }

    pub(super) fn next_due(&mut self, now: Instant) -> Option<Due> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
