//! A store that ends with its process: subscribers come back when they next look whether the
//! broadcaster means the same as they do.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use gripware_topics::{Address, Pattern, SubscriptionList, Topic};

use super::{
    Match, Missed, Store, StoreError, StoreLimits,
    index::Index,
    missed::{Change, Queue},
};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    index: RwLock<Index>,
    missed: RwLock<Queue>,
    limits: StoreLimits,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) fn postponed(&self, missed: &Missed) -> Change {
        write(&self.missed).postpone(missed)
    }

    /// Notes that a URL was reached, and returns the entries that are gone with that; `None` if it has
    /// missed nothing.
    pub(super) fn reach(&self, url: &Address, now: u64) -> Option<Vec<Missed>> {
        // Most have missed nothing.
        let has_missed = read(&self.missed).has(url);
        has_missed.then(|| write(&self.missed).reach(url, now))
    }

    pub(super) fn forgotten(&self, missed: &Missed) -> Change {
        write(&self.missed).forget(missed)
    }
}

/// What a store that keeps this in memory asks before it writes.
#[cfg(any(feature = "records", feature = "sqlite"))]
impl MemoryStore {
    /// Whether a subscription could be added: `false` if the URL has it.
    pub(super) fn may_subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
    ) -> Result<bool, StoreError> {
        let index = read(&self.index);
        match index.contains(url, pattern) {
            true => Ok(false),
            false => index.check_room(url, &self.limits).map(|()| true),
        }
    }

    pub(super) fn may_replace(
        &self,
        url: &Address,
        list: &SubscriptionList,
    ) -> Result<(), StoreError> {
        read(&self.index).check_replace(url, list, &self.limits)
    }

    /// Returns all URLs that are subscribed to something.
    #[cfg(feature = "records")]
    pub(super) fn urls(&self) -> Vec<Address> {
        read(&self.index).keys()
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn has(&self, url: &Address, pattern: &Pattern) -> bool {
        read(&self.index).contains(url, pattern)
    }

    /// Whether an entry could be added: `false` if it is there.
    #[cfg(feature = "sqlite")]
    pub(super) fn may_miss(&self, missed: &Missed) -> Result<bool, StoreError> {
        let queue = read(&self.missed);
        match queue.contains(missed) {
            true => Ok(false),
            false => queue.check_room(self.limits.missed).map(|()| true),
        }
    }

    /// Adds an entry that was written, whatever the limit is: there may be rows of more than it, of
    /// entries that were gone before their rows, and a lower limit is no reason to forget anybody.
    #[cfg(feature = "sqlite")]
    pub(super) fn restore(&self, missed: &Missed) -> Result<(), StoreError> {
        write(&self.missed).miss(missed, usize::MAX).map(drop)
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn is_missed(&self, missed: &Missed) -> bool {
        read(&self.missed).contains(missed)
    }

    pub(super) fn limits(&self) -> &StoreLimits {
        &self.limits
    }
}

impl Store for MemoryStore {
    fn matching(&self, topic: &Topic) -> Vec<Match> {
        let matching = read(&self.index).matching(topic);
        let matching = matching.into_iter();
        matching
            .map(|(url, recovery)| Match::new(url, recovery))
            .collect()
    }

    fn list(&self, url: &Address) -> SubscriptionList {
        read(&self.index).list(url)
    }

    fn subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<bool, StoreError> {
        let mut index = write(&self.index);
        if index.contains(url, pattern) {
            return Ok(false);
        }
        index.check_room(url, &self.limits)?;
        index.insert(url, pattern, recovery);
        Ok(true)
    }

    fn unsubscribe(&self, url: &Address, pattern: &Pattern) -> Result<bool, StoreError> {
        Ok(write(&self.index).remove(url, pattern))
    }

    fn replace(&self, url: &Address, list: &SubscriptionList) -> Result<(), StoreError> {
        let mut index = write(&self.index);
        index.check_replace(url, list, &self.limits)?;
        index.replace(url, list);
        Ok(())
    }

    fn missed(&self, missed: &Missed) -> Result<bool, StoreError> {
        write(&self.missed).miss(missed, self.limits.missed)
    }

    fn due(&self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        write(&self.missed).due(now, until, most)
    }

    fn postpone(&self, missed: &Missed, _: u64) -> Result<(), StoreError> {
        self.postponed(missed);
        Ok(())
    }

    fn forget(&self, missed: &Missed, _: u64) -> Result<(), StoreError> {
        self.forgotten(missed);
        Ok(())
    }

    fn reached(&self, url: &Address, now: u64) {
        self.reach(url, now);
    }
}

/// Nothing panics while a lock is held.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests;

    #[test]
    fn it_does_what_a_store_does() {
        tests::does_what_a_store_does(&MemoryStore::default());
        tests::tells_what_was_missed(&MemoryStore::default(), &());
        tests::knows_who_is_reached(&MemoryStore::default(), &());
    }

    #[test]
    fn it_holds_no_more_than_its_limits() {
        tests::holds_no_more_than_its_limits(&MemoryStore::new(tests::limits()));
        tests::holds_nothing_with_a_limit_of_none(&MemoryStore::new(tests::no_missed()));
    }
}
