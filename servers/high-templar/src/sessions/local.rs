//! The connections of this process, and the rooms that they hear.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{Lost, Sizes, closed_ids::ClosedIds, room_index::RoomIndex};
use crate::{
    connection::{Change, Connection},
    room::Room,
};

#[derive(Debug, Default)]
pub(crate) struct Local(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    connections: HashMap<String, Connection>,
    rooms: RoomIndex,
    closed: ClosedIds,
}

impl Local {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn load(&self, id: &str) -> Option<Connection> {
        self.inner().connections.get(id).cloned()
    }

    pub(super) fn save(&self, id: &str, mut connection: Connection) {
        let mut inner = self.inner();
        for change in connection.take_changes() {
            match change {
                Change::Subscribed(room) => inner.rooms.insert(&room),
                Change::Unsubscribed(room) => inner.rooms.remove(&room),
            }
        }
        inner.connections.insert(id.to_owned(), connection);
    }

    pub(super) fn close(&self, id: &str) -> bool {
        self.inner().close(id)
    }

    pub(super) fn close_unknown(&self, id: &str) -> bool {
        self.inner().closed.insert(id)
    }

    pub(super) fn matching(&self, patterns: &BTreeSet<&Room>) -> BTreeSet<Room> {
        let inner = self.inner();
        let mut rooms = BTreeSet::new();
        for pattern in patterns {
            inner.rooms.extend_with_matches(pattern, &mut rooms);
        }
        rooms
    }

    pub(super) fn subscriptions_of<'a>(&self, rooms: impl IntoIterator<Item = &'a Room>) -> usize {
        let inner = self.inner();
        let rooms = rooms.into_iter();
        rooms.map(|room| inner.rooms.subscriptions_of(room)).sum()
    }

    pub(super) fn sizes(&self) -> Sizes {
        let inner = self.inner();
        Sizes {
            connections: inner.connections.len(),
            rooms: inner.rooms.len(),
        }
    }

    pub(super) fn forget(&self, silence: Duration) -> Vec<Lost> {
        self.inner().forget(silence, SystemTime::now())
    }
}

impl Inner {
    fn close(&mut self, id: &str) -> bool {
        self.closed.insert(id);
        let Some(connection) = self.connections.remove(id) else {
            return false;
        };
        for subscription in connection.subscriptions() {
            self.rooms.remove(&subscription.room);
        }
        true
    }

    /// Forgets connections that are silent for longer than any of them may be.
    fn forget(&mut self, silence: Duration, now: SystemTime) -> Vec<Lost> {
        let silent = |connection: &Connection| connection.silence(now) > silence;
        let silent = self.connections.iter().filter(|(_, it)| silent(it));
        let lost: Vec<_> = silent
            .map(|(id, connection)| Lost {
                id: id.clone(),
                user: connection.user().cloned(),
            })
            .collect();
        for Lost { id, .. } in &lost {
            self.close(id);
        }
        lost
    }
}
