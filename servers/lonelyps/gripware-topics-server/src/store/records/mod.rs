//! A store that several broadcasters share: [`Records`] of `gripware-state`, in Redis for example.
//!
//! | record | what it has |
//! |---|---|
//! | `topics-list:URL-PART` | subscriptions of a URL, those of one of 64 parts |
//! | `topics-index:N` | the names of lists, by which a broadcaster finds all when it starts |
//! | `topics-changes` | how many changes there were, and the lists that the last ones were of |
//! | `topics-missed:…` | whom to tell that it has missed something, which expires when that is due |
//!
//! `URL` is a digest of the URL, and `PART` is by a digest of the pattern. Each broadcaster has all
//! subscriptions in memory, and looks at `topics-changes` before each message: what was subscribed to at
//! another broadcaster counts from the moment at which that was confirmed.

mod changes;
mod lists;
mod missed;

use std::{future::Future, pin::Pin, time::Duration};

use gripware_state::{Expect, Records, StateError};
use gripware_topics::{Address, Pattern, SubscriptionList, Topic};
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use self::missed::MissedRecord;
use super::{Match, MemoryStore, Missed, Store, StoreError, StoreLimits};
use crate::clock::now;

/// How long the shared store may take to say whether anything has changed. Over it a message goes to
/// those who are known.
const REFRESH: Duration = Duration::from_secs(2);

/// Keeps everything in [`Records`], for several broadcasters.
///
/// A URL may have some thousand subscriptions: each of its 64 parts is a record of at most 16 KiB. Whom
/// to tell of missed messages is told by one broadcaster, whichever finds it due first.
#[derive(Debug)]
pub struct RecordsStore {
    records: Records,
    memory: MemoryStore,
    /// Up to which change the memory has everything. Held while that changes.
    seen: Mutex<u64>,
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
            seen: Mutex::new(0),
            runtime: Handle::current(),
        };
        let mut seen = store.seen.lock().await;
        *seen = store.changes().await?.count;
        store.read_all().await?;
        drop(seen);
        Ok(store)
    }

    /// Changes subscriptions of a URL: what is here is brought up to date, `change` says which are to be
    /// what, and both the records and the memory are made so. `None`: to nothing.
    async fn change<T>(
        &self,
        url: &Address,
        change: impl FnOnce(&MemoryStore) -> Result<(T, Option<SubscriptionList>), StoreError>,
    ) -> Result<T, StoreError> {
        let mut seen = self.up_to_date().await?;
        let (outcome, list) = change(&self.memory)?;
        let Some(list) = list else {
            return Ok(outcome);
        };
        let names = self.write_list(url, &self.memory.list(url), &list).await?;
        if !names.is_empty() {
            let count = self.note_changes(&names).await?;
            // What another one has changed in between is read with the next look.
            if count == *seen + 1 {
                *seen = count;
            }
        }
        self.memory.replace(url, &list)?;
        Ok(outcome)
    }

    /// As [`up_to_date`](Self::up_to_date), and waits for nobody where nothing has changed.
    async fn look(&self) -> Result<(), StoreError> {
        let changes = self.changes().await?;
        if changes.count != *self.seen.lock().await {
            drop(self.up_to_date().await?);
        }
        Ok(())
    }

    /// Takes over what others have changed.
    async fn up_to_date(&self) -> Result<MutexGuard<'_, u64>, StoreError> {
        let mut seen = self.seen.lock().await;
        let changes = self.changes().await?;
        if changes.count == *seen {
            return Ok(seen);
        }
        match changes.since(*seen) {
            Some(names) => self.read_lists(&names).await?,
            None => self.read_all().await?,
        }
        *seen = changes.count;
        Ok(seen)
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
        let put = self.put_missed(missed);
        Ok(self.runtime.block_on(put)?.is_some())
    }

    fn due(&self, _: u64, most: usize) -> Vec<Missed> {
        let taking = self.records.take_expired(MissedRecord::KIND, most);
        match self.runtime.block_on(taking) {
            Ok(expired) => {
                let read = |one: &gripware_state::records::Expired| MissedRecord::read(&one.value);
                expired.iter().filter_map(read).collect()
            }
            Err(error) => {
                let error = gripware_core::ErrorChain(&error);
                tracing::warn!(%error, "whom to tell cannot be read now");
                Vec::new()
            }
        }
    }

    /// Who is due was taken out, and is put back.
    fn postpone(&self, missed: &Missed) -> Result<(), StoreError> {
        self.runtime.block_on(self.put_missed(missed)).map(drop)
    }

    fn forget(&self, missed: &Missed) -> Result<(), StoreError> {
        let key = MissedRecord::key(missed);
        let removed = self.records.remove(&key, Expect::Any);
        self.runtime
            .block_on(removed)
            .map(drop)
            .map_err(unavailable)
    }
}

impl RecordsStore {
    async fn put_missed(&self, missed: &Missed) -> Result<Option<u64>, StoreError> {
        let wait = Duration::from_secs(missed.due.saturating_sub(now()).max(1));
        let record = MissedRecord::new(missed);
        let key = MissedRecord::key(missed);
        let put = self.records.put(&key, &record, Expect::Absent, Some(wait));
        put.await.map_err(unavailable)
    }
}

fn unavailable(error: StateError) -> StoreError {
    StoreError::Unavailable(error.into())
}

#[cfg(test)]
mod tests {
    use gripware_state::State;

    use super::*;
    use crate::store::tests;

    async fn open(state: &State, limits: StoreLimits) -> RecordsStore {
        RecordsStore::open(state.records(), limits).await.unwrap()
    }

    /// Calls a store as the broadcaster does, where it may block.
    async fn blocking(call: impl FnOnce() + Send + 'static) {
        tokio::task::spawn_blocking(call).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_broadcaster_is_told_the_others_know() {
        let state = State::memory();
        let (one, two) = (
            open(&state, StoreLimits::default()).await,
            open(&state, StoreLimits::default()).await,
        );
        blocking(move || {
            let (url, recovery) = (tests::url("a"), tests::url("r"));
            let topic = Topic::try_from("t").unwrap();
            let refresh = |store: &RecordsStore| {
                store.runtime.block_on(store.refresh().unwrap());
            };
            let pattern = tests::pattern("t*");
            assert!(one.subscribe(&url, &pattern, Some(&recovery)).unwrap());
            assert!(!two.subscribe(&url, &pattern, None).unwrap(), "it is there");
            let known = [Match::new(url.clone(), Some(recovery.clone()))];
            assert_eq!(two.matching(&topic), known);
            assert!(two.unsubscribe(&url, &pattern).unwrap());
            assert_eq!(one.matching(&topic), known, "it has not looked");
            refresh(&one);
            assert!(one.matching(&topic).is_empty());

            // More changes than are remembered, and one that starts later.
            for number in 0..300 {
                let pattern = tests::pattern(&number.to_string());
                assert!(one.subscribe(&url, &pattern, None).unwrap());
            }
            refresh(&two);
            assert_eq!(two.list(&url), one.list(&url));
            let three = two.runtime.block_on(open(&state, StoreLimits::default()));
            assert_eq!(three.list(&url).len(), 300);
            two.replace(&url, &SubscriptionList::default()).unwrap();
            assert!(one.list(&url).is_empty());
            let four = two.runtime.block_on(open(&state, StoreLimits::default()));
            assert!(four.list(&url).is_empty());
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_to_be_told_is_told_by_one_broadcaster() {
        let state = State::memory();
        let (one, two) = (
            open(&state, StoreLimits::default()).await,
            open(&state, StoreLimits::default()).await,
        );
        blocking(move || {
            let missed = tests::missed("a", "t", 0);
            assert!(one.missed(&missed).unwrap());
            assert!(!two.missed(&missed).unwrap(), "that is known");
            let mut due = Vec::new();
            while due.is_empty() {
                due.extend(one.due(now(), 10));
                due.extend(two.due(now(), 10));
            }
            assert_eq!(due, std::slice::from_ref(&missed));
            two.postpone(&missed).unwrap();
            assert!(!one.missed(&missed).unwrap(), "it waits again");
            one.forget(&missed).unwrap();
            assert!(two.missed(&missed).unwrap());
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_that_change_at_once_lose_nothing() {
        let state = State::memory();
        let url = tests::url("a");
        let mut changing = Vec::new();
        for node in 0..4 {
            let store = open(&state, StoreLimits::default()).await;
            let url = url.clone();
            changing.push(tokio::task::spawn_blocking(move || {
                for number in 0..50 {
                    let pattern = tests::pattern(&format!("{node}-{number}"));
                    assert!(store.subscribe(&url, &pattern, None).unwrap());
                }
            }));
        }
        for one in changing {
            one.await.unwrap();
        }
        let store = open(&state, StoreLimits::default()).await;
        blocking(move || assert_eq!(store.list(&url).len(), 200)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_holds_no_more_than_its_limits() {
        let limits = StoreLimits {
            missed: usize::MAX,
            ..tests::limits()
        };
        let store = open(&State::memory(), limits).await;
        blocking(move || {
            let url = tests::url("a");
            for name in ["a", "b"] {
                assert!(store.subscribe(&url, &tests::pattern(name), None).unwrap());
            }
            let full = store.subscribe(&url, &tests::pattern("c"), None);
            assert!(
                matches!(full, Err(StoreError::Full { limit: 2, .. })),
                "{full:?}"
            );
        })
        .await;
    }
}
