use std::{fmt, time::Duration};

use bytes::Bytes;

use super::Template;
use crate::{EntryId, Position, StateError, Task};

/// Stores the entries of channels, and gives them their numbers.
///
/// A backend knows nothing of items: an entry is the JSON that a [`Template`] becomes. Each method
/// is one atomic step, also between nodes. Channels are valid names, and all other arguments within
/// their limits, when they come here. The feature `suite` has the tests that a backend passes.
pub trait HistoryBackend: fmt::Debug + Send + Sync + 'static {
    /// Appends an entry under the next number.
    ///
    /// A channel without numbers begins a new [`Epoch`](crate::Epoch) at 1, and drops whatever
    /// entries it still has. Where the entry's key is known in this epoch, nothing is appended.
    fn append<'a>(
        &'a self,
        channel: &'a str,
        entry: NewEntry<'a>,
    ) -> Task<'a, Result<AppendedAt, StateError>>;

    /// Reads the entries after a position, from the oldest one on; from the oldest one that is kept
    /// where the position is of another epoch or beyond the last entry.
    ///
    /// It stops at `limit` entries or [`MAX_PAGE_LEN`](super::MAX_PAGE_LEN) bytes, but has one
    /// entry where there is one.
    fn read<'a>(
        &'a self,
        channel: &'a str,
        after: Position,
        limit: usize,
    ) -> Task<'a, Result<StoredPage, StateError>>;

    /// The position of a channel's last entry, whether it is still kept or not.
    fn last<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Position, StateError>>;

    /// Drops all entries, and begins a new epoch with one entry that is removed already. Returns
    /// its id.
    fn clear<'a>(&'a self, channel: &'a str) -> Task<'a, Result<EntryId, StateError>>;

    /// Replaces an entry by another under the same id, or removes it: its number stays taken. The
    /// entry is found by its id or by its key; `None` if it is no longer kept.
    fn replace<'a>(
        &'a self,
        channel: &'a str,
        name: &'a str,
        entry: Option<&'a Template>,
    ) -> Task<'a, Result<Option<EntryId>, StateError>>;

    /// What this backend puts before the name of a channel when it hands an appended item to all
    /// nodes in the same step; `None`, which is the default, if it does not.
    fn relay_prefix(&self) -> Option<&str> {
        None
    }
}

/// An entry to append.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NewEntry<'a> {
    /// The item.
    pub template: &'a Template,
    /// The item as it is relayed, where [`HistoryBackend::relay_prefix`] says so.
    pub relayed: Option<&'a Template>,
    /// The idempotency key.
    pub key: Option<&'a str>,
    /// The most entries that the channel keeps after this, from 1 to [`MAX_SIZE`](super::MAX_SIZE).
    pub size: usize,
    /// How long they are kept after this.
    pub ttl: Duration,
}

/// Where an entry was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct AppendedAt {
    /// The entry's id.
    pub id: EntryId,
    /// Whether its key was known, and this is the entry that was appended first.
    pub is_duplicate: bool,
}

/// What a backend has read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct StoredPage {
    /// The entries as JSON, without those that are removed.
    pub entries: Vec<Bytes>,
    /// The number of the oldest entry that is kept; one more than the last where none is.
    pub first: u64,
    /// The number up to which this page goes, removed entries included: that of its last entry, or
    /// the position that was asked for, in this epoch, where it has none.
    pub reached: u64,
    /// The position of the channel's last entry.
    pub last: Position,
}
