//! Users.

use std::time::Duration;

use gripware_state::StateError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Store;
use crate::{name, wire::random_uuid};

/// How long a user is remembered of whom nothing is heard.
pub(crate) const USER_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// A user, with what it shows of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) state: Map<String, Value>,
    /// Which keys of the state others see.
    pub(crate) public_keys: Vec<String>,
}

/// A key of a state that has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) value: Value,
}

impl User {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            uuid: random_uuid(),
            name: name.to_owned(),
            state: Map::new(),
            public_keys: Vec::new(),
        }
    }

    pub(crate) fn public_state(&self) -> Map<String, Value> {
        let public = self.state.iter().filter(|(key, _)| self.shows(key));
        public
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    pub(crate) fn shows(&self, key: &str) -> bool {
        self.public_keys.iter().any(|public| public == key)
    }

    /// Merges values into the state, and returns those that were not there.
    pub(crate) fn merge(&mut self, state: &[(String, Value)]) -> Vec<Changed> {
        let mut changed = Vec::new();
        for (key, value) in state {
            if self.state.get(key).unwrap_or(&Value::Null) != value {
                self.state.insert(key.clone(), value.clone());
                changed.push(Changed {
                    key: key.clone(),
                    value: value.clone(),
                });
            }
        }
        changed
    }
}

impl Store {
    /// A user by the digest of its name.
    pub(crate) async fn user(&self, digest: &str) -> Result<Option<User>, StateError> {
        let record = self.records.get::<User>(&name::user_key(digest)).await?;
        Ok(record.map(|record| record.value))
    }

    /// Changes a user that is known.
    pub(crate) async fn change_user<R>(
        &self,
        digest: &str,
        mut change: impl FnMut(&mut User) -> R,
    ) -> Result<Option<(User, R)>, StateError> {
        self.change(&name::user_key(digest), USER_TTL, |user: Option<User>| {
            let Some(mut user) = user else {
                return (None, None);
            };
            let result = change(&mut user);
            (Some(user.clone()), Some((user, result)))
        })
        .await
    }

    /// Finds a user, or makes it known.
    pub(crate) async fn enter_user(
        &self,
        username: &str,
        mut change: impl FnMut(&mut User, bool),
    ) -> Result<User, StateError> {
        let digest = name::digest(username);
        let key = name::user_key(&digest);
        let (user, is_new) = self
            .change(&key, USER_TTL, |user: Option<User>| {
                let is_new = user.is_none();
                let mut user = user.unwrap_or_else(|| User::new(username));
                change(&mut user, is_new);
                (Some(user.clone()), (user, is_new))
            })
            .await?;
        if is_new {
            self.list_user(username).await?;
        }
        Ok(user)
    }

    /// Remembers a user from now on as long as one that is new.
    pub(crate) async fn touch_user(&self, digest: &str) -> Result<(), StateError> {
        let key = name::user_key(digest);
        self.records.touch(&key, USER_TTL).await.map(drop)
    }

    /// A user that has expired is no longer listed, unless it is known again.
    pub(crate) async fn forget_user(&self, user: &User) -> Result<(), StateError> {
        let digest = name::digest(&user.name);
        self.unlist_user(&digest).await?;
        if self.user(&digest).await?.is_some() {
            self.list_user(&user.name).await?;
        }
        Ok(())
    }
}
