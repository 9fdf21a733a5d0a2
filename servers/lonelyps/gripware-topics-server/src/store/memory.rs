//! A store that ends with its process: subscribers come back when they next look whether the
//! broadcaster means the same as they do.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use gripware_topics::{Address, Pattern, SubscriptionList, Topic};

use super::{Match, Missed, Store, StoreError, StoreLimits, index::Index, missed::Queue};

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

    pub(super) fn may_miss(&self, missed: &Missed) -> Result<bool, StoreError> {
        let queue = read(&self.missed);
        let limit = self.limits.missed;
        match queue.contains(missed) {
            true => Ok(false),
            false if queue.len() >= limit => Err(StoreError::Full {
                what: "subscribers to be told of missed messages",
                limit,
            }),
            false => Ok(true),
        }
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

    #[cfg(feature = "sqlite")]
    pub(super) fn is_missed(&self, missed: &Missed) -> bool {
        read(&self.missed).contains(missed)
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
        if !self.may_miss(missed)? {
            return Ok(false);
        }
        write(&self.missed).put(missed.clone());
        Ok(true)
    }

    fn due(&self, now: u64, most: usize) -> Vec<Missed> {
        read(&self.missed).due(now, most)
    }

    fn postpone(&self, missed: &Missed) -> Result<(), StoreError> {
        let mut queue = write(&self.missed);
        if queue.contains(missed) {
            queue.put(missed.clone());
        }
        Ok(())
    }

    fn forget(&self, missed: &Missed) -> Result<(), StoreError> {
        write(&self.missed).remove(missed);
        Ok(())
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
    }

    #[test]
    fn it_holds_no_more_than_its_limits() {
        tests::holds_no_more_than_its_limits(&MemoryStore::new(tests::limits()));
    }
}
