//! The subscriptions at this end: which of them want a topic, and what the broadcaster has to know.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::{missed::MissedTopics, subscription::Queued};
use crate::{Address, Pattern, SubscriptionList, Topic};

#[derive(Debug)]
pub(super) struct Registry {
    inner: Mutex<Inner>,
    queue: usize,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    subscriptions: HashMap<u64, Local>,
    /// How many subscriptions have a pattern.
    counts: BTreeMap<Pattern, usize>,
}

#[derive(Debug)]
struct Local {
    sender: mpsc::Sender<Queued>,
    missed: Arc<MissedTopics>,
    patterns: HashSet<Pattern>,
}

impl Registry {
    pub(super) fn new(queue: usize) -> Self {
        Self {
            inner: Mutex::default(),
            queue,
        }
    }

    /// Adds a subscription to nothing. Returns its id, its messages, and what it has missed.
    pub(super) fn open(&self) -> (u64, mpsc::Receiver<Queued>, Arc<MissedTopics>) {
        let (sender, receiver) = mpsc::channel(self.queue);
        let missed = Arc::default();
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        let local = Local {
            sender,
            missed: Arc::clone(&missed),
            patterns: HashSet::new(),
        };
        inner.subscriptions.insert(id, local);
        (id, receiver, missed)
    }

    /// Adds a pattern. Whether it is the first of all subscriptions to have it.
    pub(super) fn add(&self, id: u64, pattern: &Pattern) -> bool {
        let mut inner = self.lock();
        let Some(local) = inner.subscriptions.get_mut(&id) else {
            return false;
        };
        if !local.patterns.insert(pattern.clone()) {
            return false;
        }
        let count = inner.counts.entry(pattern.clone()).or_default();
        *count += 1;
        *count == 1
    }

    /// Removes a pattern. Whether no subscription has it any more.
    pub(super) fn remove(&self, id: u64, pattern: &Pattern) -> bool {
        let mut inner = self.lock();
        let local = inner.subscriptions.get_mut(&id);
        if !local.is_some_and(|local| local.patterns.remove(pattern)) {
            return false;
        }
        inner.release(pattern)
    }

    /// Removes a subscription, and returns the patterns that none has any more.
    pub(super) fn close(&self, id: u64) -> Vec<Pattern> {
        let mut inner = self.lock();
        let Some(local) = inner.subscriptions.remove(&id) else {
            return Vec::new();
        };
        let mut patterns: Vec<_> = local.patterns.into_iter().collect();
        patterns.retain(|pattern| inner.release(pattern));
        patterns
    }

    pub(super) fn has(&self, pattern: &Pattern) -> bool {
        self.lock().counts.contains_key(pattern)
    }

    /// Hands a message to all that want it, and waits until they have worked on it. Returns whether
    /// one of them has, or `None` if nobody wants it.
    pub(super) async fn hand_out(&self, topic: &Topic, data: &Bytes) -> Option<bool> {
        let wanting = self
            .lock()
            .wanting(Some(topic), |local| local.sender.clone());
        if wanting.is_empty() {
            return None;
        }
        // At the same time: one that does not read keeps no other one waiting for the message.
        let handed = wanting.into_iter().map(|subscription| async move {
            let (taken, worked_on) = oneshot::channel();
            let queued = Queued {
                topic: topic.clone(),
                data: data.clone(),
                taken,
            };
            // A subscription that ends with the message in its queue has not worked on it.
            let sent = subscription.send(queued).await;
            match (sent, worked_on.await) {
                (Ok(()), Ok(done)) => {
                    let _ = done.await;
                    true
                }
                _ => false,
            }
        });
        Some(join_all(handed).await.contains(&true))
    }

    /// Tells those that want a topic that messages of it may have been missed. `None`: all, of any.
    /// Returns whether anybody wants it.
    pub(super) fn note_missed(&self, topic: Option<&Topic>) -> bool {
        let wanting = self
            .lock()
            .wanting(topic, |local| Arc::clone(&local.missed));
        for missed in &wanting {
            missed.note(topic);
        }
        !wanting.is_empty()
    }

    /// Returns what the broadcaster has to know.
    pub(super) fn list(&self, recovery: Option<&Address>) -> SubscriptionList {
        let mut list = SubscriptionList::default();
        for pattern in self.lock().counts.keys() {
            list.insert(pattern.clone(), recovery.cloned());
        }
        list
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Returns something of each subscription that wants a topic; `None`: of all of them.
    fn wanting<T>(&self, topic: Option<&Topic>, get: impl Fn(&Local) -> T) -> Vec<T> {
        let wants = |local: &&Local| {
            topic.is_none_or(|topic| local.patterns.iter().any(|one| one.matches(topic)))
        };
        let wanting = self.subscriptions.values().filter(wants);
        wanting.map(get).collect()
    }

    fn release(&mut self, pattern: &Pattern) -> bool {
        let Some(count) = self.counts.get_mut(pattern) else {
            return false;
        };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        self.counts.remove(pattern);
        true
    }
}
