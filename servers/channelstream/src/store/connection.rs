//! Connections: of which user, in which channels, and how far each has been read.
//!
//! A connection is there before its socket, which belongs to it by the proxy's id. It expires where
//! nothing is heard of it, and exactly one process takes what has expired.

use std::{collections::BTreeMap, time::Duration};

use gripware_state::{Expect, StateError, StateErrorKind};
use serde::{Deserialize, Serialize};

use super::Store;
use crate::{name, wire::Moment};

/// How long a connection without a socket lives that is not heard of.
pub(crate) const IDLE: Duration = Duration::from_secs(15);

/// The same with a socket, of which the proxy is heard each 20 s at least, and which ends with a
/// word: two turns may be lost.
pub(crate) const SOCKET_IDLE: Duration = Duration::from_secs(65);

/// While a long poll is held for 5 s.
pub(crate) const POLL_IDLE: Duration = Duration::from_secs(22);

/// How long until its user and its places in channels are renewed, in seconds.
pub(crate) const RENEW: u64 = 10 * 60;

/// A connection of a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) channels: BTreeMap<String, Place>,
    /// What is for the user alone.
    pub(crate) own: Place,
    /// GRIP channels that the socket is subscribed to and no longer shall be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<String>,
    /// The socket, by the proxy's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<String>,
    /// When the socket was last told to follow something, by a proxy that does not say what was
    /// published until that took effect; nothing once the socket has got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unsure: Option<Moment>,
    /// When it was last heard of.
    pub(crate) heard: Moment,
    /// When its user and its places were last renewed.
    pub(crate) renewed: Moment,
}

/// How far a channel was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The cursor.
    #[serde(rename = "a")]
    pub(crate) at: String,
    /// Whether the socket was told to follow it.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub(crate) is_followed: bool,
    /// Whether it was told to only just: see [`Connection::unsure`].
    #[serde(rename = "u", default, skip_serializing_if = "is_false")]
    pub(crate) is_unsure: bool,
}

impl Place {
    pub(crate) fn new(at: String) -> Self {
        Self {
            at,
            is_followed: false,
            is_unsure: false,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Connection {
    pub(crate) fn new(id: &str, user: &str, own: String) -> Self {
        let now = Moment::now();
        Self {
            id: id.to_owned(),
            user: user.to_owned(),
            channels: BTreeMap::new(),
            own: Place::new(own),
            left: Vec::new(),
            socket: None,
            unsure: None,
            heard: now,
            renewed: now,
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.channels.keys().cloned().collect()
    }

    /// All that it hears: GRIP channels with how far they were read, the user's own among them.
    pub(crate) fn places(&self) -> impl Iterator<Item = (String, &Place)> {
        let own = name::user_channel(&name::digest(&self.user));
        let channels = self.channels.iter();
        let channels = channels.map(|(channel, place)| (name::channel(channel), place));
        channels.chain([(own, &self.own)])
    }

    pub(crate) fn places_mut(&mut self) -> impl Iterator<Item = (String, &mut Place)> {
        let own = name::user_channel(&name::digest(&self.user));
        let channels = self.channels.iter_mut();
        let channels = channels.map(|(channel, place)| (name::channel(channel), place));
        channels.chain([(own, &mut self.own)])
    }

    /// Adds a channel. Returns `false` if it was there.
    pub(crate) fn subscribe(&mut self, channel: &str, at: &str) -> bool {
        if self.channels.contains_key(channel) {
            return false;
        }
        let mut place = Place::new(at.to_owned());
        let grip = name::channel(channel);
        // The socket still follows what it was not yet told to leave.
        if let Some(left) = self.left.iter().position(|left| *left == grip) {
            self.left.swap_remove(left);
            place.is_followed = true;
        }
        self.channels.insert(channel.to_owned(), place);
        true
    }

    /// Removes a channel. Returns `false` if it was not there.
    pub(crate) fn unsubscribe(&mut self, channel: &str) -> bool {
        let Some(place) = self.channels.remove(channel) else {
            return false;
        };
        if place.is_followed {
            self.left.push(name::channel(channel));
        }
        true
    }

    /// Gives it another socket, which follows nothing yet.
    pub(crate) fn attach(&mut self, socket: &str) -> Option<String> {
        self.left.clear();
        self.unsure = None;
        for (_, place) in self.places_mut() {
            place.is_followed = false;
        }
        self.socket.replace(socket.to_owned())
    }

    /// Whether its socket does not follow what it shall yet.
    pub(crate) fn is_behind(&self) -> bool {
        let follows = self.places().all(|(_, place)| place.is_followed);
        self.socket.is_some() && (!follows || !self.left.is_empty())
    }

    /// How long it lives from now on.
    fn ttl(&self) -> Duration {
        match self.socket {
            Some(_) => SOCKET_IDLE,
            None => IDLE,
        }
    }
}

/// A connection with the version of its record.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) connection: Connection,
    pub(crate) version: u64,
}

impl Store {
    pub(crate) async fn connection(&self, digest: &str) -> Result<Option<Loaded>, StateError> {
        let key = name::connection_key(digest);
        let record = self.records.get::<Connection>(&key).await?;
        Ok(record.map(|record| Loaded {
            connection: record.value,
            version: record.version,
        }))
    }

    /// Makes a connection known. Returns `false` if there is one of that id.
    pub(crate) async fn enter_connection(
        &self,
        digest: &str,
        connection: &Connection,
    ) -> Result<bool, StateError> {
        let key = name::connection_key(digest);
        let put = self
            .records
            .put(&key, connection, Expect::Absent, Some(IDLE));
        if put.await?.is_none() {
            return Ok(false);
        }
        self.list_connection(&connection.id, digest, &connection.user)
            .await?;
        Ok(true)
    }

    /// Changes a connection that is known. `change` may be called more than once, and what it
    /// refuses stays as it is.
    pub(crate) async fn change_connection<R>(
        &self,
        digest: &str,
        idle: Option<Duration>,
        mut change: impl FnMut(&mut Connection) -> Option<R>,
    ) -> Result<Option<(Connection, u64, R)>, StateError> {
        let key = name::connection_key(digest);
        // Others change the same record at most a few times: one turn at a time, and calls.
        for _ in 0..super::TRIES {
            let Some(Loaded {
                mut connection,
                version,
            }) = self.connection(digest).await?
            else {
                return Ok(None);
            };
            let Some(result) = change(&mut connection) else {
                return Ok(None);
            };
            let ttl = idle.unwrap_or_else(|| connection.ttl());
            let expect = Expect::Version(version);
            let put = self
                .records
                .put(&key, &connection, expect, Some(ttl))
                .await?;
            if let Some(version) = put {
                return Ok(Some((connection, version, result)));
            }
        }
        Err(StateErrorKind::Unavailable.into())
    }

    /// Renews what a connection stands for, where that is due.
    pub(crate) async fn renew(
        &self,
        digest: &str,
        connection: &mut Connection,
        now: Moment,
    ) -> Result<(), StateError> {
        if now.seconds_since(connection.renewed) < RENEW {
            return Ok(());
        }
        connection.renewed = now;
        self.touch_user(&name::digest(&connection.user)).await?;
        let channels = connection.channels.keys().map(String::as_str);
        self.touch_members(channels, &connection.user, digest, &connection.id)
            .await
    }

    /// Removes a connection's record, if it is of this version or whatever version it is of. Returns
    /// `true` to one caller of all.
    pub(crate) async fn remove_connection(
        &self,
        digest: &str,
        expect: Expect,
    ) -> Result<bool, StateError> {
        let key = name::connection_key(digest);
        self.records.remove(&key, expect).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_told_to_leave_what_it_follows_and_nothing_else() {
        let mut connection = Connection::new("1", "bob", "0".to_owned());
        assert!(connection.subscribe("a", "0") && connection.subscribe("b", "0"));
        assert!(!connection.subscribe("a", "0"));
        assert_eq!(connection.attach("socket"), None);
        if let Some(place) = connection.channels.get_mut("a") {
            place.is_followed = true;
        }
        assert!(connection.unsubscribe("a") && connection.unsubscribe("b"));
        assert!(!connection.unsubscribe("c"));
        assert_eq!(connection.left, ["channel:a"]);
        assert!(connection.subscribe("a", "0"));
        assert!(connection.left.is_empty() && connection.channels["a"].is_followed);
        assert_eq!(connection.attach("other").as_deref(), Some("socket"));
        assert!(!connection.channels["a"].is_followed);
    }
}
