//! Connections in a state that several processes share.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::future::try_join_all;
use gripware_state::{
    Expect, Records, State, StateError, StateErrorKind,
    records::{Expired, MAX_EXPIRED},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Lost, room_presence::RoomPresence};
use crate::{
    connection::{Change, Connection, StoredParts, unix_seconds},
    hex::short_hex,
};

/// How many bytes of JSON one record has, so that it has room for each to be escaped.
const PART: usize = 8_000;

/// The kind of records that are connections and their parts.
const CONNECTION: &str = "templar";

/// The kind of records that are triggers' ids.
const TRIGGER: &str = "templar-trigger";

/// The kind of record that has what the backend knows the user of a connection by. It expires when
/// the connection is lost, which is how that is noticed.
const USER: &str = "templar-user";

/// A connection is a record with times and the names of its parts; what it may hear and hears is in
/// the parts, which are written anew when that changes. A connection has one turn at a time, so
/// nobody else writes.
#[derive(Debug)]
pub(crate) struct Shared {
    records: Records,
    rooms: RoomPresence,
    ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct ConnectionRecord {
    last_heard: u64,
    parts: StoredParts,
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
        let Some(record) = self.records.get::<ConnectionRecord>(&key(id)).await? else {
            return Ok(None);
        };
        let ConnectionRecord { last_heard, parts } = record.value;
        let stored = parts;
        let names = stored.names(id);
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
        Ok(Some(connection.loaded(last_heard, stored)))
    }

    pub(super) async fn save(
        &self,
        id: &str,
        mut connection: Connection,
    ) -> Result<(), StateError> {
        let older = connection.stored();
        let mut parts = older;
        let changes = connection.take_changes();
        let now = unix_seconds(SystemTime::now());
        if parts.count == 0 {
            self.rooms.connect(id).await?;
            self.write_user(id, connection.user()).await?;
            parts.touched = now;
        }
        if parts.count == 0 || connection.is_changed() {
            parts.revision += 1;
            parts.count = self.write_parts(id, parts.revision, &connection).await?;
            self.apply(id, &connection, &changes).await?;
        }
        if now.saturating_sub(parts.touched) >= self.ttl.as_secs() / 4 {
            let names = parts.names(id);
            let touching = names.iter().map(|name| self.records.touch(name, self.ttl));
            try_join_all(touching).await?;
            self.rooms.touch(id, &connection.rooms()).await?;
            self.write_user(id, connection.user()).await?;
            parts.touched = now;
        }
        let last_heard = connection.last_heard();
        let record = ConnectionRecord { last_heard, parts };
        self.records
            .put(&key(id), &record, Expect::Any, Some(self.ttl))
            .await?;
        if parts.revision != older.revision {
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
        self.records.remove(&user_key(id), Expect::Any).await?;
        self.remove_parts(id, connection.stored()).await?;
        // One that was given up in this turn is left as well.
        let mut rooms = connection.rooms();
        rooms.extend(connection.changes().iter().map(Change::room));
        let leaving = rooms.into_iter().map(|room| self.rooms.leave(id, room));
        try_join_all(leaving).await?;
        self.rooms.disconnect(id).await?;
        Ok(was_known)
    }

    /// The connections that are lost. What else has expired is cleared away with them.
    pub(super) async fn forget(&self) -> Result<Vec<Lost>, StateError> {
        let mut lost = Vec::new();
        for kind in [CONNECTION, TRIGGER, USER] {
            loop {
                let expired = self.records.take_expired(kind, MAX_EXPIRED).await?;
                let is_last = expired.len() < MAX_EXPIRED;
                lost.extend(expired.iter().filter_map(lost_user));
                if is_last {
                    break;
                }
            }
        }
        Ok(lost)
    }

    pub(super) async fn insert_webhook_id(
        &self,
        id: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let name = webhook_key(id);
        let put = self.records.put(&name, &(), Expect::Absent, Some(ttl));
        Ok(put.await?.is_some())
    }

    pub(super) async fn remove_webhook_id(&self, id: &str) -> Result<(), StateError> {
        let key = webhook_key(id);
        self.records.remove(&key, Expect::Any).await.map(drop)
    }

    async fn write_user(
        &self,
        id: &str,
        headers: Option<&Arc<HeaderMap>>,
    ) -> Result<(), StateError> {
        let Some(headers) = headers else {
            return Ok(());
        };
        let pairs = headers.iter().filter_map(|(name, value)| {
            Some((name.as_str(), str::from_utf8(value.as_bytes()).ok()?))
        });
        let pairs: Vec<_> = pairs.collect();
        let (key, ttl) = (user_key(id), Some(self.ttl));
        match self.records.put(&key, &pairs, Expect::Any, ttl).await {
            // Longer than a record may be.
            Err(error) if error.is_invalid() => {
                tracing::warn!("the headers of a user are too long to be kept");
                Ok(())
            }
            put => put.map(drop),
        }
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
        let names = StoredParts {
            revision,
            count: parts.len(),
            touched: 0,
        }
        .names(id);
        let ttl = Some(self.ttl);
        let writing = names
            .iter()
            .zip(&parts)
            .map(|(name, text)| self.records.put(name, *text, Expect::Any, ttl));
        try_join_all(writing).await?;
        Ok(parts.len())
    }

    async fn remove_parts(&self, id: &str, parts: StoredParts) -> Result<(), StateError> {
        let names = parts.names(id);
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
                Change::Subscribed(room) => self.rooms.join(id, room).await?,
                // Under another request id it is still heard.
                Change::Unsubscribed(room) if rooms.contains(room) => {}
                Change::Unsubscribed(room) => self.rooms.leave(id, room).await?,
            }
        }
        Ok(())
    }
}

impl StoredParts {
    fn names(self, id: &str) -> Vec<String> {
        let names = (0..self.count).map(|n| format!("{CONNECTION}:{id}:{}:{n}", self.revision));
        names.collect()
    }
}

fn key(id: &str) -> String {
    format!("{CONNECTION}:{id}")
}

fn user_key(id: &str) -> String {
    format!("{USER}:{id}")
}

/// The user of a connection, if that is what has expired.
fn lost_user(expired: &Expired) -> Option<Lost> {
    let id = expired.key.strip_prefix(USER)?.strip_prefix(':')?;
    let pairs: Vec<(String, String)> = serde_json::from_slice(&expired.value).ok()?;
    let header = |(name, value)| {
        let name = HeaderName::try_from(name).ok()?;
        Some((name, HeaderValue::try_from(value).ok()?))
    };
    let headers: HeaderMap = pairs.into_iter().filter_map(header).collect();
    Some(Lost {
        id: id.to_owned(),
        user: Some(Arc::new(headers)),
    })
}

/// Ids of requests are as long as a header may be.
fn webhook_key(id: &str) -> String {
    format!("{TRIGGER}:{}", short_hex(&Sha256::digest(id)))
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
    use std::time::{Duration, SystemTime};

    use gripware_state::{Backends, State};
    use http::HeaderMap;

    use super::{PART, Shared, split};
    use crate::connection::Connection;

    #[test]
    fn what_is_split_is_whole_again() {
        let text = "é\"".repeat(PART);
        let parts = split(&text);
        assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= PART));
        assert_eq!(parts.concat(), text);
    }

    fn connection(cookie: &str) -> Connection {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", cookie.parse().unwrap());
        Connection::new(Vec::new(), SystemTime::now()).with_user(headers)
    }

    #[tokio::test]
    async fn another_process_finds_the_users_of_one_that_was_killed() {
        const TTL: Duration = Duration::from_millis(300);
        let state = State::new(Backends::memory());
        let [killed, other] = [(); 2].map(|()| Shared::new(&state, TTL));
        let names = ["lost", "closed", "there"];
        for id in names {
            killed.save(id, connection(id)).await.unwrap();
        }
        // Longer than a record may be.
        let long = connection(&"x".repeat(20_000));
        killed.save("long", long).await.unwrap();
        let closed = killed.load("closed").await.unwrap().unwrap();
        assert!(killed.close("closed", &closed).await.unwrap());
        assert!(other.forget().await.unwrap().is_empty());
        drop(killed);
        for _ in 0..4 {
            tokio::time::sleep(TTL / 3).await;
            let there = other.load("there").await.unwrap().unwrap();
            let headers = HeaderMap::clone(connection("there").user().unwrap());
            other.save("there", there.with_user(headers)).await.unwrap();
        }
        let lost = other.forget().await.unwrap();
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].id, "lost");
        assert_eq!(lost[0].user.as_ref().unwrap()["cookie"], "lost");
        assert!(other.forget().await.unwrap().is_empty());
        assert!(other.load("there").await.unwrap().is_some());
    }
}
