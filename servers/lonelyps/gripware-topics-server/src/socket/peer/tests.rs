use std::sync::atomic::{AtomicUsize, Ordering};

use gripware_topics::{Glob, Topic};

use super::*;
use crate::store::{Match, MemoryStore, Missed};

/// Breaks off when so many more subscriptions of lists are written, as a server does that goes away.
#[derive(Debug, Default)]
struct Flapping {
    memory: MemoryStore,
    left: AtomicUsize,
}

impl Store for Flapping {
    fn replace(&self, url: &Address, list: &SubscriptionList) -> Result<(), StoreError> {
        for (pattern, recovery) in list.iter() {
            if self.left.load(Ordering::Relaxed) == 0 {
                break;
            }
            self.left.fetch_sub(1, Ordering::Relaxed);
            self.memory.subscribe(url, &pattern, recovery)?;
        }
        match self.left.load(Ordering::Relaxed) {
            0 => Err(StoreError::Unavailable("it has gone".into())),
            _ => self.memory.replace(url, list),
        }
    }

    fn matching(&self, topic: &Topic) -> Vec<Match> {
        self.memory.matching(topic)
    }

    fn list(&self, url: &Address) -> SubscriptionList {
        self.memory.list(url)
    }

    fn subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<bool, StoreError> {
        self.memory.subscribe(url, pattern, recovery)
    }

    fn unsubscribe(&self, url: &Address, pattern: &Pattern) -> Result<bool, StoreError> {
        self.memory.unsubscribe(url, pattern)
    }

    fn missed(&self, missed: &Missed) -> Result<bool, StoreError> {
        self.memory.missed(missed)
    }

    fn due(&self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        self.memory.due(now, until, most)
    }

    fn postpone(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        self.memory.postpone(missed, now)
    }

    fn forget(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        self.memory.forget(missed, now)
    }

    fn reached(&self, url: &Address, now: u64) {
        self.memory.reached(url, now);
    }
}

#[tokio::test]
async fn all_that_a_store_has_lost_is_told_although_it_is_filled_again_in_parts() {
    let exact = |topic| Pattern::Exact(Topic::try_from(topic).unwrap());
    let patterns = vec![
        exact("t"),
        exact("u"),
        Pattern::Glob(Glob::new("g*").unwrap()),
    ];
    let host = Address::new("http://127.0.0.1:1").unwrap();
    // It goes after some of them, or after the last.
    for written in 1..=patterns.len() {
        let store = Arc::new(Flapping::default());
        store.left.store(usize::MAX, Ordering::Relaxed);
        let peer = Peer::new(&host, Arc::clone(&store) as Arc<dyn Store>);
        peer.announce(patterns.clone(), |_| true).await.unwrap();
        assert!(peer.reconcile(|_| true).await.unwrap().is_empty());

        let none = SubscriptionList::default();
        store.memory.replace(&peer.receive, &none).unwrap();
        store.left.store(written, Ordering::Relaxed);
        assert!(peer.reconcile(|_| true).await.is_err());
        assert_eq!(store.list(&peer.receive).len(), written);
        store.left.store(usize::MAX, Ordering::Relaxed);
        let lost = peer.reconcile(|_| true).await.unwrap();
        assert_eq!(lost.len(), patterns.len(), "after {written}: {lost:?}");
        assert_eq!(store.list(&peer.receive).len(), patterns.len());
        assert!(peer.reconcile(|_| true).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_not_announced_again() {
    let (kept, gone) = (
        Pattern::Exact(Topic::try_from("kept").unwrap()),
        Pattern::Exact(Topic::try_from("gone").unwrap()),
    );
    let host = Address::new("http://127.0.0.1:1").unwrap();
    let store = Arc::new(MemoryStore::default());
    let peer = Peer::new(&host, Arc::clone(&store) as Arc<dyn Store>);
    let both = vec![kept.clone(), gone.clone()];
    peer.announce(both, |_| true).await.unwrap();
    let lost = peer.reconcile(|pattern| *pattern == kept).await.unwrap();
    assert!(lost.is_empty());
    let there: Vec<_> = store.list(&peer.receive).iter().map(|(it, _)| it).collect();
    assert_eq!(there, [kept]);
}
