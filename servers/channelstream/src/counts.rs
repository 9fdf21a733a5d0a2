//! What has happened since the start.

use std::sync::atomic::AtomicU64;

/// Counters, each of which only grows.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Messages that were sent to a channel or to users.
    pub(crate) messages: AtomicU64,
    /// Items that they were made of.
    pub(crate) items: AtomicU64,
    /// Items that no proxy took.
    pub(crate) lost: AtomicU64,
    pub(crate) connections: AtomicU64,
    /// Connections that were dropped as nothing was heard of them.
    pub(crate) expired: AtomicU64,
    /// Requests that were not signed, or by somebody else.
    pub(crate) refused: AtomicU64,
}
