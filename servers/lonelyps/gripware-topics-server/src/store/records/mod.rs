//! A store that several broadcasters share: [`Records`] of `gripware-state`, in Redis for example.
//!
//! | record | what it has |
//! |---|---|
//! | `topics-list:URL-PART` | subscriptions of a URL, those of one of 64 parts |
//! | `topics-index:N` | the names of lists, by which a broadcaster finds all when it starts |
//! | `topics-changes` | how many changes there were, and the lists that the last ones were of |
//! | `topics-gap:…` | whom to tell that it has missed something |
//! | `topics-due:…`, `topics-overdue:…` | timers of these, which expire when that is due, and a minute later |
//! | `topics-reached:URL` | when a URL has last confirmed something |
//!
//! `URL` is a digest of the URL, and `PART` is by a digest of the pattern. Each broadcaster has all
//! subscriptions in memory, and looks at `topics-changes` before each message: what was subscribed to at
//! another broadcaster counts from the moment at which that was confirmed.

mod changes;
mod lists;
mod missed;
mod own;
mod reached;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        self, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gripware_state::{Records, StateError};
use gripware_topics::{Address, Pattern, SubscriptionList, Topic};
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use self::{own::Own, reached::BATCH};
use super::{Match, MemoryStore, Missed, Store, StoreError, StoreLimits, reached::Reached};

/// How long the shared store may take to say whether anything has changed. Over it a message goes to
/// those who are known.
const REFRESH: Duration = Duration::from_secs(2);

/// Keeps everything in [`Records`], for several broadcasters.
///
/// # Limits
/// Subscriptions are divided into lists: those of a URL into 64, by a digest of the pattern. A list is a
/// record of at most 16 KiB, so that a URL may have some thousand subscriptions. Lists are found by their
/// names in 256 indexes, by a digest of the name, with at most 430 names each: that is 110 080 lists. The
/// first index is full at about 95 000, and lists that belong to it are refused from then on. So many URLs
/// fit that have one subscription each, whatever [`StoreLimits::subscriptions`] is.
///
/// Of a list that is refused nothing is written. Of a change of several lists those before it stay, and
/// the subscriber sets it right when it reconciles.
///
/// [`StoreLimits::missed`] is for each broadcaster: of the entries that it has added since it started. An
/// entry whose URLs and topic are over some 11 KiB together is refused. An entry is told by whichever
/// broadcaster finds it due first. All of them may be away for a day; after that, an entry waits until
/// more is missed of its topic, and is forgotten after three days.
///
/// That a subscriber was reached is written once an hour, and at once by the broadcaster at which it has
/// missed something, and by one that ends ([`Broadcaster::finish`](crate::Broadcaster::finish)). One that
/// is killed has not told the others of its last hour.
#[derive(Debug)]
pub struct RecordsStore {
    records: Records,
    memory: MemoryStore,
    /// Up to which change the memory has everything. It is set behind that, by who holds `changing`.
    seen: AtomicU64,
    /// Held while the memory changes.
    changing: Mutex<()>,
    own: sync::Mutex<Own>,
    reached: sync::Mutex<Reached>,
    runtime: Handle,
}

impl RecordsStore {
    /// Reads what there is.
    ///
    /// # Errors
    /// Where it cannot be read, or is more than the limits.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub async fn open(records: Records, limits: StoreLimits) -> Result<Self, StoreError> {
        let store = Self {
            records,
            memory: MemoryStore::new(limits),
            seen: AtomicU64::new(0),
            changing: Mutex::new(()),
            own: sync::Mutex::default(),
            reached: sync::Mutex::default(),
            runtime: Handle::current(),
        };
        let count = store.changes().await?.count;
        store.read_all().await?;
        store.seen.store(count, Ordering::Release);
        Ok(store)
    }

    /// Changes subscriptions of a URL: what is here is brought up to date, `change` says which are to be
    /// what, and both the records and the memory are made so. `None`: to nothing.
    async fn change<T>(
        &self,
        url: &Address,
        change: impl FnOnce(&MemoryStore) -> Result<(T, Option<SubscriptionList>), StoreError>,
    ) -> Result<T, StoreError> {
        let _changing = self.up_to_date().await?;
        let (outcome, list) = change(&self.memory)?;
        let Some(list) = list else {
            return Ok(outcome);
        };
        let mut names = Vec::new();
        let from = self.memory.list(url);
        let written = self.write_list(url, &from, &list, &mut names).await;
        let seen = self.seen.load(Ordering::Acquire);
        let count = match names.is_empty() {
            true => seen,
            false => self.note_changes(&names).await?,
        };
        written?;
        self.memory.replace(url, &list)?;
        // What another one has changed in between is read with the next look, and so is what was written
        // of a change that has failed.
        if count == seen + 1 {
            self.seen.store(count, Ordering::Release);
        }
        Ok(outcome)
    }

    /// Nothing panics while it is held.
    fn own(&self) -> sync::MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing panics while it is held.
    fn reached_urls(&self) -> sync::MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`up_to_date`](Self::up_to_date), and waits for nobody where nothing has changed: not for a
    /// change that is being written here, which counts once it is noted and in the memory.
    async fn look(&self) -> Result<(), StoreError> {
        let changes = self.changes().await?;
        if changes.count != self.seen.load(Ordering::Acquire) {
            drop(self.up_to_date().await?);
        }
        Ok(())
    }

    /// Takes over what others have changed.
    async fn up_to_date(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let changing = self.changing.lock().await;
        let seen = self.seen.load(Ordering::Acquire);
        let changes = self.changes().await?;
        if changes.count == seen {
            return Ok(changing);
        }
        match changes.since(seen) {
            Some(names) => self.read_lists(&names).await?,
            None => self.read_all().await?,
        }
        self.seen.store(changes.count, Ordering::Release);
        Ok(changing)
    }
}

impl Store for RecordsStore {
    fn matching(&self, topic: &Topic) -> Vec<Match> {
        self.memory.matching(topic)
    }

    fn refresh(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        Some(Box::pin(async {
            match timeout(REFRESH, self.look()).await {
                Ok(Ok(())) => (),
                Ok(Err(error)) => {
                    let error = gripware_core::ErrorChain(&error);
                    tracing::error!(%error, "a message goes to those subscribers that are known");
                }
                Err(_) => {
                    tracing::error!("the store is silent: a message goes to those that are known");
                }
            }
        }))
    }

    fn list(&self, url: &Address) -> SubscriptionList {
        if let Err(error) = self.runtime.block_on(self.up_to_date()) {
            let error = gripware_core::ErrorChain(&error);
            tracing::error!(%error, "a list may be out of date");
        }
        self.memory.list(url)
    }

    fn subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<bool, StoreError> {
        self.runtime.block_on(self.change(url, |memory| {
            if !memory.may_subscribe(url, pattern)? {
                return Ok((false, None));
            }
            let mut list = memory.list(url);
            list.insert(pattern.clone(), recovery.cloned());
            Ok((true, Some(list)))
        }))
    }

    fn unsubscribe(&self, url: &Address, pattern: &Pattern) -> Result<bool, StoreError> {
        self.runtime.block_on(self.change(url, |memory| {
            let mut list = memory.list(url);
            let was_there = match pattern {
                Pattern::Exact(topic) => list.topics.remove(topic).is_some(),
                Pattern::Glob(glob) => list.globs.remove(glob).is_some(),
            };
            Ok((was_there, was_there.then_some(list)))
        }))
    }

    fn replace(&self, url: &Address, list: &SubscriptionList) -> Result<(), StoreError> {
        self.runtime.block_on(self.change(url, |memory| {
            memory.may_replace(url, list)?;
            Ok(((), Some(list.clone())))
        }))
    }

    fn missed(&self, missed: &Missed) -> Result<bool, StoreError> {
        self.reached_urls().miss(&missed.url);
        self.runtime.block_on(self.miss(missed))
    }

    fn due(&self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        self.runtime.block_on(async {
            if let Err(error) = self.write_reached(now, now, BATCH).await {
                let error = gripware_core::ErrorChain(&error);
                tracing::warn!(%error, "others do not know yet which subscribers are reached");
            }
            self.lease(now, until, most).await
        })
    }

    fn postpone(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        self.runtime.block_on(self.put_back(missed, now))
    }

    fn forget(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        self.runtime.block_on(self.take_out(missed, now))
    }

    fn reached(&self, url: &Address, now: u64) {
        let most = self.memory.limits().subscriptions;
        self.reached_urls().note(url, now, most);
    }

    fn finish(&self, now: u64) -> Result<(), StoreError> {
        // What is reached meanwhile may go on for ever.
        let most = self.memory.limits().subscriptions;
        let writing = self.write_reached(u64::MAX, now, most);
        self.runtime.block_on(writing)
    }
}

fn unavailable(error: StateError) -> StoreError {
    StoreError::Unavailable(error.into())
}

#[cfg(test)]
mod tests;
