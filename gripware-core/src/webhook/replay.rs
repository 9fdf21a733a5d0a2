use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher as _, RandomState},
    time::{Duration, SystemTime},
};

use thiserror::Error;

use super::WEBHOOK_TOLERANCE;

/// How long an id is remembered: a message is valid for as long before and after its time.
const REMEMBERED: Duration = WEBHOOK_TOLERANCE.saturating_mul(2);

/// The ids of messages that were accepted, for as long as their signatures are valid.
///
/// It remembers a keyed hash of each, about 50 bytes whatever the id's length. When as many as the
/// limit were accepted in that time, no more are, as forgetting one would let it be replayed.
#[derive(Debug)]
pub struct ReplayCache {
    limit: usize,
    hasher: RandomState,
    seen: HashSet<u64>,
    times: VecDeque<(SystemTime, u64)>,
}

/// Why a message is not accepted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// Its id was seen before: 409.
    #[error("this message was accepted before")]
    Replayed,
    /// As many ids as the limit are remembered: 503, as it may be repeated later.
    #[error("too many messages were accepted in the last minutes")]
    Full,
}

impl ReplayCache {
    /// Remembers up to `limit` ids.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            hasher: RandomState::new(),
            seen: HashSet::new(),
            times: VecDeque::new(),
        }
    }

    /// Accepts a message whose signature was verified, once.
    ///
    /// # Errors
    /// [`ReplayError`] if its id is known, or no more can be remembered.
    pub fn insert(&mut self, id: &str, now: SystemTime) -> Result<(), ReplayError> {
        self.forget(now);
        let hash = self.hasher.hash_one(id);
        if self.seen.contains(&hash) {
            return Err(ReplayError::Replayed);
        }
        if self.seen.len() >= self.limit {
            return Err(ReplayError::Full);
        }
        self.seen.insert(hash);
        self.times.push_back((now, hash));
        Ok(())
    }

    /// Takes back an id whose message could not be dealt with, so that it may be sent again.
    pub fn remove(&mut self, id: &str) {
        let hash = self.hasher.hash_one(id);
        if self.seen.remove(&hash) {
            self.times.retain(|&(_, other)| other != hash);
        }
    }

    /// A clock that was set back keeps ids for longer.
    fn forget(&mut self, now: SystemTime) {
        while let Some(&(time, hash)) = self.times.front()
            && now.duration_since(time).is_ok_and(|age| age > REMEMBERED)
        {
            self.times.pop_front();
            self.seen.remove(&hash);
        }
    }
}
