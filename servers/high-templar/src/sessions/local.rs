//! The connections of this process, and the rooms that they hear.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{Sizes, room_index::RoomIndex};
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
                Change::Hears(room) => inner.rooms.insert(&room),
                Change::HearsNoMore(room) => inner.rooms.remove(&room),
            }
        }
        inner.connections.insert(id.to_owned(), connection);
    }

    pub(super) fn close(&self, id: &str) -> bool {
        self.inner().close(id)
    }

    pub(super) fn matching(&self, patterns: &[Room]) -> BTreeSet<Room> {
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

    pub(super) async fn sweep(&self, ttl: Duration) {
        loop {
            tokio::time::sleep(ttl / 2).await;
            let forgotten = self.inner().forget(ttl, SystemTime::now());
            if forgotten > 0 {
                tracing::warn!(forgotten, "connections ended without a word of the proxy");
            }
        }
    }
}

impl Inner {
    fn close(&mut self, id: &str) -> bool {
        let Some(connection) = self.connections.remove(id) else {
            return false;
        };
        for subscription in connection.subscriptions() {
            self.rooms.remove(&subscription.room);
        }
        true
    }

    /// Forgets connections that are silent for longer than any of them may be. Returns how many.
    fn forget(&mut self, silence: Duration, now: SystemTime) -> usize {
        let silent = |connection: &Connection| connection.silence(now) > silence;
        let lost = self.connections.iter().filter(|(_, it)| silent(it));
        let lost: Vec<_> = lost.map(|(id, _)| id.clone()).collect();
        lost.iter().filter(|id| self.close(id)).count()
    }
}
