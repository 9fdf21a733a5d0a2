//! Who is subscribed to what, and who has missed something.

pub(crate) mod index;
mod memory;
mod missed;
#[cfg(any(feature = "records", feature = "sqlite"))]
mod reached;
#[cfg(feature = "records")]
mod records;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{error::Error, fmt, future::Future, pin::Pin};

use gripware_topics::{Address, Pattern, SubscriptionList, Topic};
use thiserror::Error;

pub use self::memory::MemoryStore;
#[cfg(feature = "records")]
pub use self::records::RecordsStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

/// Where subscriptions are kept, and what is to be said to subscribers that have missed something.
///
/// What writes may take as long as a disk does: the broadcaster calls it where blocking is allowed.
/// [`matching`](Self::matching) is called for each message and answers from memory, behind
/// [`refresh`](Self::refresh).
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns who is to get messages of a topic: each URL once, however many of its patterns match.
    fn matching(&self, topic: &Topic) -> Vec<Match>;

    /// Takes over what other broadcasters have changed in the store, before a message is delivered.
    /// `None`, as by default, if there are no others.
    fn refresh(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        None
    }

    /// Returns what a URL is subscribed to.
    fn list(&self, url: &Address) -> SubscriptionList;

    /// Adds a subscription. `false` if the URL has it, and then nothing changes.
    ///
    /// # Errors
    /// Where there is no room, or it cannot be kept.
    fn subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<bool, StoreError>;

    /// Removes a subscription. `false` if there is none.
    ///
    /// # Errors
    /// Where the removal cannot be kept.
    fn unsubscribe(&self, url: &Address, pattern: &Pattern) -> Result<bool, StoreError>;

    /// Replaces all that a URL is subscribed to, and the recovery URLs with it.
    ///
    /// # Errors
    /// Where there is no room, or it cannot be kept; then nothing changes.
    fn replace(&self, url: &Address, list: &SubscriptionList) -> Result<(), StoreError>;

    /// Remembers that a subscriber has missed something, until that is told and
    /// [forgotten](Self::forget). `false` if it is known already: the entry keeps its attempts, its
    /// time and its turn, so that what goes on being missed does not begin to wait anew. Where the
    /// entry is leased, what is missed now is remembered beside it.
    ///
    /// # Errors
    /// Where there is no room, or it cannot be kept.
    fn missed(&self, missed: &Missed) -> Result<bool, StoreError>;

    /// Leases at most `most` of those that are due at `now`, the longest due first. Each is returned
    /// with one attempt more, and stays in the store: it is due again at `until`, unless
    /// [`postpone`](Self::postpone) or [`forget`](Self::forget) end the lease before. So of several
    /// broadcasters that share the store one at a time has it, and none is lost where that one ends.
    ///
    /// It also writes who was [reached](Self::reached), where `most` is 0 as well.
    fn due(&self, now: u64, until: u64, most: usize) -> Vec<Missed>;

    /// Ends a lease: it was not told, has so many attempts, and is due again at its `due`. What was
    /// forgotten, or is leased anew, stays as it is.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn postpone(&self, missed: &Missed, now: u64) -> Result<(), StoreError>;

    /// Ends a lease: it was told. What was missed since it was leased is an entry of its own then, with
    /// no attempts. What is leased anew stays as it is.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn forget(&self, missed: &Missed, now: u64) -> Result<(), StoreError>;

    /// Notes that a subscriber has confirmed something at `now`. For each of its entries the time for
    /// which it is not reached begins anew ([`Missed::since`]); those without a recovery URL, of which
    /// there is nothing to tell, are forgotten. It is called for each delivery and answers from memory;
    /// what is to outlive the process, or be known to others, is written by [`due`](Self::due) and may
    /// take an hour where nothing was missed since it was last written, and by [`finish`](Self::finish)
    /// in any case.
    fn reached(&self, url: &Address, now: u64);

    /// Writes who was [reached](Self::reached) and is not written yet, as the broadcaster ends. By
    /// default there is nothing to write.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn finish(&self, now: u64) -> Result<(), StoreError> {
        let _ = now;
        Ok(())
    }
}

/// Who is to get a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Match {
    /// Where it goes.
    pub url: Address,
    /// Where to say that it was missed: that of the exact subscription, else of the first pattern
    /// that has one.
    pub recovery: Option<Address>,
}

impl Match {
    /// Makes a match.
    #[must_use]
    pub fn new(url: Address, recovery: Option<Address>) -> Self {
        Self { url, recovery }
    }
}

/// A subscriber that has missed messages of a topic, and does not know it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The subscriber.
    pub url: Address,
    /// Where it is told. `None` if it cannot be: the entry is there for how long it is not reached.
    pub recovery: Option<Address>,
    /// Of what it has missed messages. Empty without a recovery URL: one entry is of all topics then.
    pub topic: Topic,
    /// How often telling it was tried, with the attempt that it is leased for.
    pub attempts: u32,
    /// Since when it is not reached, in seconds since 1970: it has missed the first message then, or
    /// has last confirmed one.
    pub since: u64,
    /// When it is told next, in seconds since 1970.
    pub due: u64,
    /// Which lease of the entry it is, by a number that the store has given to no other one; 0 if it is
    /// none. A stale lease changes nothing.
    pub lease: u64,
}

/// Why a store does not do what is asked. The answer is 503.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room.
    #[error("there are {limit} {what} already, which is the limit")]
    Full {
        /// Of what there are too many.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// It cannot be kept.
    #[error("the store does not keep it")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// The most that a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// Most subscriptions of all URLs. Default: 1 000 000, which take some hundred MB.
    pub subscriptions: usize,
    /// Most subscriptions of one URL. Default: 100 000.
    pub per_url: usize,
    /// Most entries of who has missed messages, one for each subscriber and topic. Default: 100 000.
    pub missed: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            subscriptions: 1_000_000,
            per_url: 100_000,
            missed: 100_000,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
