//! The connections of this process, and the rooms that they hear.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    connection::{Connection, Subscription},
    frame::Refusal,
    room::Room,
    room_index::RoomIndex,
};

/// All connections, by their `Connection-Id`.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: HashMap<String, Entry>,
    rooms: RoomIndex,
}

#[derive(Debug)]
struct Entry {
    connection: Connection,
    /// When the client last said something.
    heard: Instant,
}

impl Connections {
    pub(crate) fn open(&mut self, id: &str, allowed: Vec<Room>, now: Instant) {
        let connection = Connection::new(allowed);
        let entry = Entry {
            connection,
            heard: now,
        };
        self.all.insert(id.to_owned(), entry);
    }

    /// Notes a frame of the client. Whether the connection is known.
    pub(crate) fn hear(&mut self, id: &str, now: Instant) -> bool {
        match self.all.get_mut(id) {
            Some(entry) => {
                entry.heard = now;
                true
            }
            None => false,
        }
    }

    /// How long ago the client said something, or `None` if the connection is not known.
    pub(crate) fn silence(&self, id: &str, now: Instant) -> Option<Duration> {
        Some(now.duration_since(self.all.get(id)?.heard))
    }

    /// Adds a subscription, and returns it, or `None` if it exists already.
    pub(crate) fn subscribe(
        &mut self,
        id: &str,
        room: Room,
        request_id: Value,
        max: usize,
    ) -> Result<Option<Subscription>, Refusal> {
        let entry = self.all.get_mut(id).ok_or(Refusal::RoomNotFound)?;
        let subscription = entry.connection.subscribe(room, request_id, max)?;
        if let Some(subscription) = &subscription {
            self.rooms.insert(&subscription.room);
        }
        Ok(subscription)
    }

    /// Ends a subscription, and returns it.
    pub(crate) fn unsubscribe(&mut self, id: &str, request_id: &Value) -> Option<Subscription> {
        let entry = self.all.get_mut(id)?;
        let ended = entry.connection.unsubscribe(request_id)?;
        self.rooms.remove(&ended.room);
        Some(ended)
    }

    /// Sets what a user may hear from now on, and returns the subscriptions that end by that.
    pub(crate) fn allow(&mut self, id: &str, allowed: Vec<Room>) -> Vec<Subscription> {
        let Some(entry) = self.all.get_mut(id) else {
            return Vec::new();
        };
        let ended = entry.connection.allow(allowed);
        for subscription in &ended {
            self.rooms.remove(&subscription.room);
        }
        ended
    }

    /// Forgets a connection. Whether it was known.
    pub(crate) fn close(&mut self, id: &str) -> bool {
        let Some(entry) = self.all.remove(id) else {
            return false;
        };
        for subscription in entry.connection.subscriptions() {
            self.rooms.remove(&subscription.room);
        }
        true
    }

    /// Forgets connections that are silent for longer than any of them may be, as the proxy never
    /// said that they ended. Returns how many.
    pub(crate) fn forget(&mut self, silence: Duration, now: Instant) -> usize {
        let silent = |entry: &Entry| now.duration_since(entry.heard) > silence;
        let lost = self.all.iter().filter(|(_, entry)| silent(entry));
        let lost: Vec<_> = lost.map(|(id, _)| id.clone()).collect();
        lost.iter().filter(|id| self.close(id)).count()
    }

    /// The rooms in which a trigger is heard, each once, however many of the patterns fit it.
    pub(crate) fn matching(&self, patterns: &[Room]) -> BTreeSet<Room> {
        let mut rooms = BTreeSet::new();
        for pattern in patterns {
            self.rooms.extend_with_matches(pattern, &mut rooms);
        }
        rooms
    }

    /// How many subscriptions a room has.
    pub(crate) fn subscriptions_of(&self, room: &Room) -> usize {
        self.rooms.subscriptions_of(room)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn rooms(&self) -> usize {
        self.rooms.len()
    }
}
