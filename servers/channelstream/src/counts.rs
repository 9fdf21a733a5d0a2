//! What has happened since the start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters, each of which only grows.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Messages that were sent to a channel or to users.
    pub(crate) messages: Count,
    /// Items that they were made of.
    pub(crate) items: Count,
    /// Items that no proxy took.
    pub(crate) lost: Count,
    pub(crate) connections: Count,
    /// Connections that were dropped as nothing was heard of them.
    pub(crate) expired: Count,
    /// Requests that were not signed, or by somebody else.
    pub(crate) refused: Count,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
