//! What is known of users, channels and connections: in this process, or in a state that several
//! processes share.
//!
//! | what | where | as long as |
//! |---|---|---|
//! | a user: state, public keys | a record | a day without activity |
//! | a channel: settings | a record | 30 days without use |
//! | a connection: user, channels with cursors, socket | a record, whose expiry exactly one process sees | see [`connection`] |
//! | who is in a channel; all users, channels and connections | presence | as the records |
//! | frames and messages | history | 30 days after the last one of a channel |

pub(crate) mod channel;
pub(crate) mod connection;
pub(crate) mod frames;
pub(crate) mod members;
pub(crate) mod user;

use std::time::Duration;

use gripware_state::{
    Expect, History, Presence, Records, StateError, StateErrorKind, history::EPOCH_TTL,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{settings::Settings, wire::Wire};

/// How often a change is tried where others change the same record.
const TRIES: usize = 50;

/// The records, presence and history of one state.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    records: Records,
    /// Who is in channels: with leases so long that only a process that was killed while it removed
    /// a connection leaves one to them.
    presence: Presence,
    history: History,
    /// How frames are written that are kept.
    wire: Wire,
}

/// How long a member of a channel stays that nobody renews: see [`connection::RENEW`].
const MEMBER_TTL: Duration = Duration::from_secs(60 * 60);

impl Store {
    pub(crate) fn new(settings: &Settings) -> Self {
        let state = &settings.state;
        let presence = state.presence().by_connection();
        let history = state.history().ttl(EPOCH_TTL);
        let history = match settings.refresh.clone() {
            Some(refresh) => history.refreshing(move |socket| {
                let refresh = refresh.clone();
                async move { refresh.ask(socket).await }
            }),
            None => history,
        };
        Self {
            records: state.records(),
            presence: presence.grace(Duration::ZERO).member_ttl(MEMBER_TTL),
            history,
            wire: settings.wire,
        }
    }

    /// Has the proxy make a turn soon for a socket that has subscribed, if it was set how.
    pub(crate) fn refresh_soon(&self, socket: &str) {
        self.history.refresh_soon(socket);
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Changes a record, however many change it at once: `change` gets what is there, and says what
    /// shall be, or nothing where it shall stay as it is.
    async fn change<T, R>(
        &self,
        key: &str,
        ttl: Duration,
        mut change: impl FnMut(Option<T>) -> (Option<T>, R),
    ) -> Result<R, StateError>
    where
        T: Serialize + DeserializeOwned,
    {
        for _ in 0..TRIES {
            let record = self.records.get::<T>(key).await?;
            let (expect, value) = match record {
                Some(record) => (Expect::Version(record.version), Some(record.value)),
                None => (Expect::Absent, None),
            };
            let (changed, result) = change(value);
            let Some(changed) = changed else {
                return Ok(result);
            };
            let put = self.records.put(key, &changed, expect, Some(ttl)).await?;
            if put.is_some() {
                return Ok(result);
            }
        }
        // All others have changed it each time.
        Err(StateErrorKind::Unavailable.into())
    }

    /// Removes members whose time is over.
    pub(crate) async fn sweep_members(&self) {
        if let Err(error) = self.presence.sweep().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "members are not swept"
            );
        }
    }
}
