//! Who is in a channel, and the lists of all users, channels and connections.

use std::{collections::BTreeMap, time::Duration};

use gripware_state::{Member, Presence, StateError, presence::MAX_LISTED};
use serde::{Deserialize, Serialize};

use super::{Store, channel::CHANNEL_TTL, user::USER_TTL};
use crate::name;

/// How many of a list are read at most.
pub(crate) const MAX_READ: usize = 10_000;

const USERS: &str = "all:users";
const CHANNELS: &str = "all:channels";
const CONNECTIONS: &str = "all:connections";

/// What a member stands for, as names may be longer than a member's.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl Named {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            user: None,
        }
    }
}

/// How many are in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) users: u64,
    pub(crate) connections: u64,
}

impl Store {
    /// Adds a connection to a channel. Returns `true` if it is the first of its user there.
    pub(crate) async fn join(
        &self,
        channel: &str,
        username: &str,
        connection: &str,
    ) -> Result<bool, StateError> {
        let member =
            Member::new(name::digest(username), connection)?.info(&Named::new(username))?;
        let change = self.presence.join(members(channel), &member).await?;
        Ok(change.is_first())
    }

    /// Removes a connection from a channel. Returns `true` if it was the last of its user there.
    pub(crate) async fn leave(&self, channel: &str, connection: &str) -> Result<bool, StateError> {
        let change = self.presence.leave(members(channel), connection).await?;
        Ok(change.is_last())
    }

    /// Keeps a connection in its channels for another hour.
    pub(crate) async fn touch_members<'a>(
        &self,
        channels: impl IntoIterator<Item = &'a str>,
        username: &str,
        connection: &str,
        id: &str,
    ) -> Result<(), StateError> {
        let channels: Vec<&str> = channels.into_iter().collect();
        let rooms: Vec<String> = channels.iter().map(|channel| members(channel)).collect();
        let own = connections_of(&name::digest(username));
        let pairs: Vec<_> = [CONNECTIONS, &own]
            .into_iter()
            .chain(rooms.iter().map(String::as_str))
            .map(|room| (room, connection))
            .collect();
        for missing in self.presence.touch(&pairs).await? {
            match missing.checked_sub(2).and_then(|at| channels.get(at)) {
                Some(channel) => drop(self.join(channel, username, connection).await?),
                None => self.list_connection(id, connection, username).await?,
            }
        }
        Ok(())
    }

    /// Who is in a channel, in the order of names.
    pub(crate) async fn users_in(&self, channel: &str) -> Result<Vec<String>, StateError> {
        let mut users: Vec<_> = self.names(&self.presence, &members(channel)).await?;
        users.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(users.into_iter().map(|named| named.name).collect())
    }

    pub(crate) async fn size_of(&self, channel: &str) -> Result<Size, StateError> {
        let count = self.presence.count(members(channel)).await?;
        Ok(Size {
            users: count.users,
            connections: count.connections,
        })
    }

    pub(super) async fn list_user(&self, username: &str) -> Result<(), StateError> {
        let digest = name::digest(username);
        // Longer than the record, whose expiry takes it out.
        self.list(USERS, &digest, &Named::new(username), USER_TTL * 2)
            .await
    }

    pub(super) async fn unlist_user(&self, digest: &str) -> Result<(), StateError> {
        self.presence.leave(USERS, digest).await.map(drop)
    }

    pub(super) async fn list_channel(&self, channel: &str) -> Result<(), StateError> {
        let digest = name::digest(channel);
        self.list(CHANNELS, &digest, &Named::new(channel), CHANNEL_TTL)
            .await
    }

    pub(super) async fn list_connection(
        &self,
        id: &str,
        connection: &str,
        username: &str,
    ) -> Result<(), StateError> {
        let named = Named {
            name: id.to_owned(),
            user: Some(username.to_owned()),
        };
        self.list(CONNECTIONS, connection, &named, super::MEMBER_TTL)
            .await?;
        let own = connections_of(&name::digest(username));
        self.list(&own, connection, &Named::new(id), super::MEMBER_TTL)
            .await
    }

    pub(crate) async fn unlist_connection(
        &self,
        connection: &str,
        username: &str,
    ) -> Result<(), StateError> {
        self.presence.leave(CONNECTIONS, connection).await?;
        let own = connections_of(&name::digest(username));
        self.presence.leave(own, connection).await.map(drop)
    }

    async fn list(
        &self,
        list: &str,
        digest: &str,
        named: &Named,
        ttl: Duration,
    ) -> Result<(), StateError> {
        let member = Member::new(digest, digest)?.info(named)?;
        let presence = self.presence.clone().member_ttl(ttl);
        presence.join(list, &member).await.map(drop)
    }

    pub(crate) async fn all_channels(&self) -> Result<Vec<String>, StateError> {
        let mut channels: Vec<_> = self.names(&self.presence, CHANNELS).await?;
        channels.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(channels.into_iter().map(|named| named.name).collect())
    }

    /// The ids of all connections, by their users.
    pub(crate) async fn all_connections(
        &self,
    ) -> Result<BTreeMap<String, Vec<String>>, StateError> {
        let mut connections: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for named in self.names(&self.presence, CONNECTIONS).await? {
            let user = named.user.unwrap_or_default();
            connections.entry(user).or_default().push(named.name);
        }
        Ok(connections)
    }

    /// The ids of a user's connections.
    pub(crate) async fn connections_of(&self, digest: &str) -> Result<Vec<String>, StateError> {
        let named = self.names(&self.presence, &connections_of(digest)).await?;
        Ok(named.into_iter().map(|named| named.name).collect())
    }

    pub(crate) async fn count_users(&self) -> Result<u64, StateError> {
        Ok(self.presence.count(USERS).await?.users)
    }

    pub(crate) async fn count_channels(&self) -> Result<u64, StateError> {
        Ok(self.presence.count(CHANNELS).await?.users)
    }

    pub(crate) async fn count_connections(&self) -> Result<u64, StateError> {
        Ok(self.presence.count(CONNECTIONS).await?.connections)
    }

    async fn names(&self, presence: &Presence, list: &str) -> Result<Vec<Named>, StateError> {
        // Between two pages one may come twice.
        let mut names = BTreeMap::new();
        let mut after = None;
        loop {
            let page = presence.list(list, after.as_deref(), MAX_LISTED).await?;
            for present in page.users {
                let info = present.info.unwrap_or_default();
                if let Ok(named) = serde_json::from_slice::<Named>(&info) {
                    names.insert(present.user, named);
                }
            }
            after = page.next;
            if after.is_none() || names.len() >= MAX_READ {
                return Ok(names.into_values().collect());
            }
        }
    }
}

fn connections_of(digest: &str) -> String {
    format!("connections-of:{digest}")
}

/// The channel of those who are in one: no channel of a user's is called so.
fn members(channel: &str) -> String {
    format!("members-of-{}", name::channel(channel))
}
