//! Connections in a state that several processes share.

use std::time::{Duration, SystemTime};

use futures_util::future::try_join_all;
use gripware_state::{Expect, Records, State, StateError, StateErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::room_presence::RoomPresence;
use crate::{
    connection::{Change, Connection, Kept, unix_seconds},
    hex::hex,
};

/// How many bytes of JSON one record has, so that it has room for each to be escaped.
const PART: usize = 8_000;

/// A connection is a record with times and the names of its parts; what it may hear and hears is in
/// the parts, which are written anew when that changes. A connection has one turn at a time, so
/// nobody else writes.
#[derive(Debug)]
pub(crate) struct Shared {
    records: Records,
    rooms: RoomPresence,
    ttl: Duration,
}

/// The record of a connection.
#[derive(Serialize, Deserialize)]
struct Head {
    heard: u64,
    kept: Kept,
}

impl Shared {
    pub(super) fn new(state: &State, ttl: Duration) -> Self {
        Self {
            records: state.records(),
            rooms: RoomPresence::new(state, ttl),
            ttl,
        }
    }

    pub(super) fn rooms(&self) -> &RoomPresence {
        &self.rooms
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<Connection>, StateError> {
        let Some(head) = self.records.get::<Head>(&key(id)).await? else {
            return Ok(None);
        };
        let Head { heard, kept } = head.value;
        let names = kept.parts(id);
        let parts = names.iter().map(|name| self.records.get::<String>(name));
        let mut json = String::new();
        for part in try_join_all(parts).await? {
            match part {
                Some(part) => json.push_str(&part.value),
                None => return Ok(None),
            }
        }
        let connection: Connection = serde_json::from_str(&json)
            .map_err(|error| StateError::new(StateErrorKind::Corrupt).with_source(error))?;
        Ok(Some(connection.loaded(heard, kept)))
    }

    pub(super) async fn save(
        &self,
        id: &str,
        mut connection: Connection,
    ) -> Result<(), StateError> {
        let older = connection.kept();
        let mut kept = older;
        let changes = connection.take_changes();
        let now = unix_seconds(SystemTime::now());
        if kept.parts == 0 {
            self.rooms.connect(id).await?;
            kept.touched = now;
        }
        if kept.parts == 0 || connection.is_changed() {
            kept.revision += 1;
            kept.parts = self.write_parts(id, kept.revision, &connection).await?;
            self.apply(id, &connection, &changes).await?;
        }
        if now.saturating_sub(kept.touched) >= self.ttl.as_secs() / 4 {
            let names = kept.parts(id);
            let touching = names.iter().map(|name| self.records.touch(name, self.ttl));
            try_join_all(touching).await?;
            self.rooms.touch(id, &connection.rooms()).await?;
            kept.touched = now;
        }
        let heard = connection.heard();
        let head = Head { heard, kept };
        self.records
            .put(&key(id), &head, Expect::Any, Some(self.ttl))
            .await?;
        if kept.revision != older.revision {
            self.remove_parts(id, older).await?;
        }
        Ok(())
    }

    pub(super) async fn close(
        &self,
        id: &str,
        connection: &Connection,
    ) -> Result<bool, StateError> {
        let was_known = self.records.remove(&key(id), Expect::Any).await?;
        self.remove_parts(id, connection.kept()).await?;
        // One that was given up in this turn is left as well.
        let mut rooms = connection.rooms();
        rooms.extend(connection.changes().iter().map(Change::room));
        let leaving = rooms.into_iter().map(|room| self.rooms.leave(id, room));
        try_join_all(leaving).await?;
        self.rooms.disconnect(id).await?;
        Ok(was_known)
    }

    pub(super) async fn note(&self, id: &str, ttl: Duration) -> Result<bool, StateError> {
        let name = note(id);
        let put = self.records.put(&name, &(), Expect::Absent, Some(ttl));
        Ok(put.await?.is_some())
    }

    pub(super) async fn forget_note(&self, id: &str) -> Result<(), StateError> {
        self.records.remove(&note(id), Expect::Any).await.map(drop)
    }

    async fn write_parts(
        &self,
        id: &str,
        revision: u64,
        connection: &Connection,
    ) -> Result<usize, StateError> {
        let json = serde_json::to_string(connection)
            .map_err(|error| StateError::new(StateErrorKind::Invalid).with_source(error))?;
        let parts = split(&json);
        let names = Kept {
            revision,
            parts: parts.len(),
            touched: 0,
        }
        .parts(id);
        let ttl = Some(self.ttl);
        let writing = names
            .iter()
            .zip(&parts)
            .map(|(name, text)| self.records.put(name, *text, Expect::Any, ttl));
        try_join_all(writing).await?;
        Ok(parts.len())
    }

    async fn remove_parts(&self, id: &str, kept: Kept) -> Result<(), StateError> {
        let names = kept.parts(id);
        let removing = names
            .iter()
            .map(|name| self.records.remove(name, Expect::Any));
        try_join_all(removing).await.map(drop)
    }

    async fn apply(
        &self,
        id: &str,
        connection: &Connection,
        changes: &[Change],
    ) -> Result<(), StateError> {
        let rooms = connection.rooms();
        for change in changes {
            match change {
                Change::Hears(room) => self.rooms.join(id, room).await?,
                // Under another request id it is still heard.
                Change::HearsNoMore(room) if rooms.contains(room) => {}
                Change::HearsNoMore(room) => self.rooms.leave(id, room).await?,
            }
        }
        Ok(())
    }
}

impl Kept {
    /// The names of the parts.
    fn parts(self, id: &str) -> Vec<String> {
        let names = (0..self.parts).map(|n| format!("templar:{id}:{}:{n}", self.revision));
        names.collect()
    }
}

fn key(id: &str) -> String {
    format!("templar:{id}")
}

/// Ids of requests are as long as a header may be.
fn note(id: &str) -> String {
    format!("templar-trigger:{}", hex(&Sha256::digest(id)))
}

fn split(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some(at) = (1..=PART.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
    {
        let (part, rest) = text.split_at(at);
        parts.push(part);
        text = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{PART, split};

    #[test]
    fn what_is_split_is_whole_again() {
        let text = "é\"".repeat(PART);
        let parts = split(&text);
        assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= PART));
        assert_eq!(parts.concat(), text);
    }
}
