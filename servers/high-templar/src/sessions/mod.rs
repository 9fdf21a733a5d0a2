//! What is known of connections between their turns: in this process, or in a state that several
//! processes share, so that any of them may have the next turn.

mod local;
mod room_index;
mod room_presence;
mod shared;

use std::{collections::BTreeSet, time::Duration};

use gripware_state::{State, StateError};

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

    /// The rooms in which a trigger is heard, each once, however many of the patterns fit it.
    pub(crate) async fn matching(&self, patterns: &[Room]) -> Result<BTreeSet<Room>, StateError> {
        match self {
            Self::Local(local) => Ok(local.matching(patterns)),
            Self::Shared(shared) => shared.rooms().matching(patterns).await,
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

    /// Notes a signed request for `ttl`. Returns `false` if it is noted already, or `None` if this
    /// process alone has to note it.
    pub(crate) async fn note(&self, id: &str, ttl: Duration) -> Result<Option<bool>, StateError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::Shared(shared) => shared.note(id, ttl).await.map(Some),
        }
    }

    /// Takes back what [`note`](Self::note) has noted.
    pub(crate) async fn forget_note(&self, id: &str) -> Result<(), StateError> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Shared(shared) => shared.forget_note(id).await,
        }
    }

    /// Forgets connections whose end was never told of, for ever.
    pub(crate) async fn sweep(&self, ttl: Duration) {
        match self {
            Self::Local(local) => local.sweep(ttl).await,
            Self::Shared(shared) => shared.rooms().sweep().await,
        }
    }
}
