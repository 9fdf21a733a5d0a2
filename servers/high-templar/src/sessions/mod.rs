//! What is known of connections between their turns: in this process, or in a state that several
//! processes share, so that any of them may have the next turn.

mod closed_ids;
mod local;
mod room_index;
mod room_presence;
mod shared;

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use gripware_state::{State, StateError};
use http::HeaderMap;

use self::{local::Local, shared::Shared};
use crate::{connection::Connection, room::Room};

/// All connections, by their `Connection-Id`.
#[derive(Debug)]
pub(crate) enum Sessions {
    Local(Local),
    Shared(Box<Shared>),
}

/// How much there is of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) connections: usize,
    pub(crate) rooms: usize,
}

/// A connection whose end the proxy has never told of.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) id: String,
    /// What the backend knows its user by, if it is told of users.
    pub(crate) user: Option<Arc<HeaderMap>>,
}

impl Sessions {
    /// Those of this process, or of all that have the same state. A connection that is not heard of
    /// for `ttl` is forgotten.
    pub(crate) fn new(state: Option<&State>, ttl: Duration) -> Self {
        match state {
            Some(state) => Self::Shared(Box::new(Shared::new(state, ttl))),
            None => Self::Local(Local::default()),
        }
    }

    /// Reads a connection, or `None` if it is not known.
    pub(crate) async fn load(&self, id: &str) -> Result<Option<Connection>, StateError> {
        match self {
            Self::Local(local) => Ok(local.load(id)),
            Self::Shared(shared) => shared.load(id).await,
        }
    }

    /// Keeps a connection for its next turn, and notes what has changed of the rooms that it hears.
    pub(crate) async fn save(&self, id: &str, connection: Connection) -> Result<(), StateError> {
        match self {
            Self::Local(local) => {
                local.save(id, connection);
                Ok(())
            }
            Self::Shared(shared) => shared.save(id, connection).await,
        }
    }

    /// Forgets a connection. Returns `false` if it was not known.
    pub(crate) async fn close(
        &self,
        id: &str,
        connection: &Connection,
    ) -> Result<bool, StateError> {
        match self {
            Self::Local(local) => Ok(local.close(id)),
            Self::Shared(shared) => shared.close(id, connection).await,
        }
    }

    /// Notes that a connection is ended which is not known. Returns whether that is the first that is
    /// heard of it, so that its user was online until now: it was opened before this process was
    /// started. Where processes share what is known there is no such connection.
    pub(crate) fn close_unknown(&self, id: &str) -> bool {
        match self {
            Self::Local(local) => local.close_unknown(id),
            Self::Shared(_) => false,
        }
    }

    /// The rooms in which a trigger is heard, each once, however many of the patterns fit it.
    pub(crate) async fn matching(&self, patterns: &[Room]) -> Result<BTreeSet<Room>, StateError> {
        let patterns: BTreeSet<&Room> = patterns.iter().collect();
        match self {
            Self::Local(local) => Ok(local.matching(&patterns)),
            Self::Shared(shared) => shared.rooms().matching(&patterns).await,
        }
    }

    /// How many subscriptions of this process rooms have; 0 where processes share what is known.
    pub(crate) fn subscriptions_of<'a>(&self, rooms: impl IntoIterator<Item = &'a Room>) -> usize {
        match self {
            Self::Local(local) => local.subscriptions_of(rooms),
            Self::Shared(_) => 0,
        }
    }

    pub(crate) async fn sizes(&self) -> Result<Sizes, StateError> {
        match self {
            Self::Local(local) => Ok(local.sizes()),
            Self::Shared(shared) => shared.rooms().sizes().await,
        }
    }

    /// Keeps the id of a signed request for `ttl`. Returns `false` if it is there already, or `None`
    /// if this process alone has to keep it.
    pub(crate) async fn insert_webhook_id(
        &self,
        id: &str,
        ttl: Duration,
    ) -> Result<Option<bool>, StateError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::Shared(shared) => shared.insert_webhook_id(id, ttl).await.map(Some),
        }
    }

    /// Takes back what [`insert_webhook_id`](Self::insert_webhook_id) has kept.
    pub(crate) async fn remove_webhook_id(&self, id: &str) -> Result<(), StateError> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Shared(shared) => shared.remove_webhook_id(id).await,
        }
    }

    /// Forgets the connections that nothing was heard of for `silence`, which is longer than any may
    /// be silent. Of several processes one is returned each of them.
    ///
    /// Not cancel safe: those that were forgotten are lost.
    pub(crate) async fn forget(&self, silence: Duration) -> Result<Vec<Lost>, StateError> {
        match self {
            Self::Local(local) => Ok(local.forget(silence)),
            Self::Shared(shared) => shared.forget().await,
        }
    }

    /// Removes lost connections from the rooms that they hear, for ever, where
    /// [`forget`](Self::forget) does not.
    pub(crate) async fn sweep_rooms(&self) {
        match self {
            Self::Local(_) => pending().await,
            Self::Shared(shared) => shared.rooms().sweep().await,
        }
    }
}
