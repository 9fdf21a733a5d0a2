use std::{sync::Arc, time::Duration};

use gripware_core::Channel;
use serde::{Serialize, de::DeserializeOwned};

use super::{Expect, Expired, NewRecord, Record, RecordsBackend};
use crate::{StateError, StateErrorKind};

/// The most bytes of a record's value as JSON: 16 KiB. What is larger belongs into a database.
pub const MAX_VALUE_LEN: usize = 16 << 10;

/// The most bytes of a record's key.
pub const MAX_KEY_LEN: usize = 512;

/// The most expired records that one call takes.
pub const MAX_EXPIRED: usize = 500;

/// How long a record that has expired waits to be taken: a day. After that nobody sees it, so that
/// an application that never asks does not fill its backend.
pub const EXPIRED_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Small values under keys. See the [module](super).
///
/// A handle: clones share the backend. Keys have 1 to [`MAX_KEY_LEN`] bytes and no control
/// characters. What stands before the first `/` or `:` of a key is its [kind](kind_of).
#[derive(Clone, Debug)]
pub struct Records {
    backend: Arc<dyn RecordsBackend>,
}

impl Records {
    /// Records over a backend.
    #[must_use]
    pub fn new(backend: Arc<dyn RecordsBackend>) -> Self {
        Self { backend }
    }

    /// Reads a record; `None` if there is none, or it has expired.
    ///
    /// # Errors
    /// Where the key is not valid, the value is not a `T` ([`StateErrorKind::Corrupt`]), or the
    /// backend fails.
    pub async fn get<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<Record<T>>, StateError> {
        check_key(key)?;
        let Some(stored) = self.backend.get(key).await? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&stored.value)
            .map_err(|error| StateError::new(StateErrorKind::Corrupt).with_source(error))?;
        Ok(Some(Record {
            value,
            version: stored.version,
        }))
    }

    /// Stores a value where what is there is as expected, and returns its version; `None` if
    /// something else is there. It expires after `ttl`, or never; the time of an earlier value does
    /// not count on.
    ///
    /// A record that has expired is none: it is replaced, and not seen as expired any more.
    ///
    /// # Errors
    /// Where the key is not valid, the value cannot be written as JSON or is longer than
    /// [`MAX_VALUE_LEN`], or the backend fails.
    pub async fn put<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Option<u64>, StateError> {
        check_key(key)?;
        let json = serde_json::to_vec(value).map_err(StateError::invalid)?;
        StateError::check_length("a record", json.len(), MAX_VALUE_LEN)?;
        let record = NewRecord::new(&json, expect, ttl);
        self.backend.put(key, record).await
    }

    /// Removes a record where it is as expected. Returns `false` if there is none, or another one.
    ///
    /// # Errors
    /// Where the key is not valid, or the backend fails.
    pub async fn remove(&self, key: &str, expect: Expect) -> Result<bool, StateError> {
        check_key(key)?;
        self.backend.remove(key, expect).await
    }

    /// Lets a record expire after `ttl` from now, whatever was set before. Returns `false` if there
    /// is none.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn touch(&self, key: &str, ttl: Duration) -> Result<bool, StateError> {
        check_key(key)?;
        self.backend.touch(key, ttl).await
    }

    /// Takes records of a [kind](kind_of) that have expired, at most [`MAX_EXPIRED`], the oldest
    /// first: `user` takes `user/anna` and `user:bob`. Records of other kinds stay for others who
    /// share the state.
    ///
    /// Of all nodes that ask, exactly one is given each; so whoever takes them acts on them before it
    /// ends. They wait for [`EXPIRED_TTL`].
    ///
    /// # Errors
    /// Where the kind is none, or the backend fails.
    ///
    /// # Cancel safety
    /// Not cancel safe: what was taken when the future is dropped is lost.
    pub async fn take_expired(&self, kind: &str, limit: usize) -> Result<Vec<Expired>, StateError> {
        check_key(kind)?;
        if kind_of(kind) != kind {
            return Err(StateErrorKind::Invalid.into());
        }
        let limit = limit.clamp(1, MAX_EXPIRED);
        self.backend.take_expired(kind, limit).await
    }
}

/// The kind of a record: what stands before the first `/` or `:` of its key, or all of it.
///
/// ```
/// use gripware_state::records::kind_of;
///
/// assert_eq!(kind_of("user/anna:1"), "user");
/// assert_eq!(kind_of("settings"), "settings");
/// ```
#[must_use]
pub fn kind_of(key: &str) -> &str {
    key.split(['/', ':']).next().unwrap_or(key)
}

/// Keys keep the rules for names.
fn check_key(key: &str) -> Result<(), StateError> {
    StateError::check_length("a key", key.len(), MAX_KEY_LEN)?;
    Channel::new(key).map(drop).map_err(StateError::invalid)
}
