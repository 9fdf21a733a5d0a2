//! The rooms that somebody is subscribed to, as presence: found by pattern without walking all of
//! them, by every process that has the same state.

use std::{collections::BTreeSet, future::pending, time::Duration};

use futures_util::future::try_join_all;
use gripware_state::{Member, Presence, State, StateError, presence::MAX_LISTED};
use sha2::{Digest as _, Sha256};

use super::Sizes;
use crate::{hex::short_hex, room::Room};

/// How many members of a room it is found by. Those with more are compared one by one.
const MAX_INDEXED: usize = 8;

/// Who is in this channel is a connection.
const CONNECTIONS: &str = "templar-connections";

/// Who is in this channel is a room.
const ROOMS: &str = "templar-rooms";

/// Rooms are users, by their digests, and what they tell is the room. Each is in a channel of all
/// rooms with the same names of members, and in one for each value.
#[derive(Debug)]
pub(crate) struct RoomPresence {
    presence: Presence,
}

impl RoomPresence {
    pub(super) fn new(state: &State, ttl: Duration) -> Self {
        let presence = state.presence().grace(Duration::ZERO).member_ttl(ttl);
        Self { presence }
    }

    pub(super) async fn connect(&self, id: &str) -> Result<(), StateError> {
        let member = Member::new(short_hex(&Sha256::digest(id)), id)?;
        self.presence.join(CONNECTIONS, &member).await.map(drop)
    }

    pub(super) async fn disconnect(&self, id: &str) -> Result<(), StateError> {
        self.presence.leave(CONNECTIONS, id).await.map(drop)
    }

    /// Adds a connection to those that hear a room.
    pub(super) async fn join(&self, id: &str, room: &Room) -> Result<(), StateError> {
        let member = Member::new(room.digest(), &subscriber(id, room))?.info(room)?;
        let member = &member;
        let joining = channels(room)
            .into_iter()
            .map(|channel| async move { self.presence.join(channel.as_str(), member).await });
        try_join_all(joining).await.map(drop)
    }

    /// Removes it.
    pub(super) async fn leave(&self, id: &str, room: &Room) -> Result<(), StateError> {
        let subscriber = &subscriber(id, room);
        let leaving = channels(room)
            .into_iter()
            .map(|channel| async move { self.presence.leave(channel.as_str(), subscriber).await });
        try_join_all(leaving).await.map(drop)
    }

    /// Keeps a connection and its rooms from expiring, and adds again what has expired.
    pub(super) async fn touch(&self, id: &str, rooms: &BTreeSet<&Room>) -> Result<(), StateError> {
        let mut joined = Vec::new();
        for room in rooms {
            let subscriber = subscriber(id, room);
            let channels = channels(room).into_iter();
            joined.extend(channels.map(|channel| (channel, subscriber.clone(), *room)));
        }
        let pairs: Vec<_> = [(CONNECTIONS, id)]
            .into_iter()
            .chain(
                joined
                    .iter()
                    .map(|(channel, subscriber, _)| (&**channel, &**subscriber)),
            )
            .collect();
        let mut again = BTreeSet::new();
        for missing in self.presence.touch(&pairs).await? {
            match missing.checked_sub(1).and_then(|at| joined.get(at)) {
                Some((_, _, room)) => drop(again.insert(*room)),
                None => self.connect(id).await?,
            }
        }
        for room in again {
            self.join(id, room).await?;
        }
        Ok(())
    }

    /// The rooms that hear a trigger for one of the patterns.
    pub(super) async fn matching(
        &self,
        patterns: &BTreeSet<&Room>,
    ) -> Result<BTreeSet<Room>, StateError> {
        let mut rooms = BTreeSet::new();
        for pattern in patterns {
            for channel in self.narrowest(pattern).await? {
                self.extend_with_matches(&channel, pattern, &mut rooms)
                    .await?;
            }
        }
        Ok(rooms)
    }

    pub(super) async fn sizes(&self) -> Result<Sizes, StateError> {
        let size = async |channel| -> Result<usize, StateError> {
            let count = self.presence.count(channel).await?;
            Ok(usize::try_from(count.users).unwrap_or(usize::MAX))
        };
        Ok(Sizes {
            connections: size(CONNECTIONS).await?,
            rooms: size(ROOMS).await?,
        })
    }

    /// Finds who has gone without a word, for ever.
    pub(super) async fn sweep(&self) {
        self.presence.run(pending()).await;
    }

    /// The channels that have all rooms which hear a trigger, and as few others as possible.
    async fn narrowest(&self, pattern: &Room) -> Result<Vec<String>, StateError> {
        let mut narrowest = (u64::MAX, vec![names_channel(pattern)]);
        let values = pattern.constraints().take(MAX_INDEXED).enumerate();
        for (n, (_, value)) in values {
            let Some(value) = value else { continue };
            let channels = [Some(value), None].map(|value| value_channel(pattern, n, value));
            let mut users = 0;
            for channel in &channels {
                users += self.presence.count(channel.as_str()).await?.users;
            }
            if users < narrowest.0 {
                narrowest = (users, channels.into());
            }
        }
        Ok(narrowest.1)
    }

    async fn extend_with_matches(
        &self,
        channel: &str,
        pattern: &Room,
        rooms: &mut BTreeSet<Room>,
    ) -> Result<(), StateError> {
        let mut after = None;
        loop {
            let page = self.presence.list(channel, after.as_deref(), MAX_LISTED);
            let page = page.await?;
            let told = page.users.iter().filter_map(|user| user.info.as_deref());
            let heard = told.filter_map(|json| serde_json::from_slice::<Room>(json).ok());
            rooms.extend(heard.filter(|room| pattern.meets(room)));
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// A connection in a room. It may hear others with the same value.
fn subscriber(id: &str, room: &Room) -> String {
    let mut digest = Sha256::new();
    digest.update(room.digest());
    digest.update(id);
    short_hex(&digest.finalize())
}

/// The channels that a room is in.
fn channels(room: &Room) -> Vec<String> {
    let values = room.constraints().take(MAX_INDEXED).enumerate();
    let values = values.map(|(n, (_, value))| value_channel(room, n, value));
    [ROOMS.to_owned(), names_channel(room)]
        .into_iter()
        .chain(values)
        .collect()
}

/// The channel of all rooms with the same names of members.
fn names_channel(room: &Room) -> String {
    format!(
        "templar-rooms-{}",
        short_hex(&names_digest(room).finalize())
    )
}

/// The channel of those with the same value, or a `*`, at a place.
fn value_channel(room: &Room, n: usize, value: Option<&str>) -> String {
    let mut digest = names_digest(room);
    digest.update(value.unwrap_or_default());
    let kind = if value.is_some() { "is" } else { "any" };
    format!("templar-rooms-{n}-{kind}-{}", short_hex(&digest.finalize()))
}

fn names_digest(room: &Room) -> Sha256 {
    let mut digest = Sha256::new();
    for name in room.names() {
        digest.update((name.len() as u64).to_be_bytes());
        digest.update(name);
    }
    // What follows is no name.
    digest.update([0xff; 8]);
    digest
}
