//! Who is to be told of missed messages, by when.

use std::collections::{BTreeSet, HashMap};

use gripware_topics::{Address, Topic};

use super::{Missed, StoreError};

/// What tells apart the entries of a URL.
type Key = (Option<Address>, Topic);

/// Entries by their URL and key, and these by when they are due.
#[derive(Debug, Default)]
pub(super) struct Queue {
    urls: HashMap<Address, Subscriber>,
    due: BTreeSet<(u64, Address, Key)>,
    /// Number of the last lease. A generation counter: what holds an earlier one of an entry changes
    /// nothing.
    lease: u64,
}

/// What a URL has missed.
#[derive(Debug, Default)]
struct Subscriber {
    entries: HashMap<Key, Entry>,
    /// How many of them have no recovery URL.
    untold: usize,
    /// When it has last confirmed something, since it is here.
    reached: u64,
}

#[derive(Debug)]
struct Entry {
    missed: Missed,
    /// What was missed since it is leased.
    again: Option<Again>,
}

/// When something was missed while its entry was leased, and when that is due.
#[derive(Clone, Copy, Debug)]
struct Again {
    since: u64,
    due: u64,
}

/// What has become of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It is this now.
    Put(Missed),
    /// It is gone.
    Removed,
}

impl Queue {
    #[cfg(feature = "sqlite")]
    pub(super) fn contains(&self, missed: &Missed) -> bool {
        let subscriber = self.urls.get(&missed.url);
        subscriber.is_some_and(|subscriber| subscriber.entries.contains_key(&key(missed)))
    }

    /// Whether there are entries of a URL.
    pub(super) fn has(&self, url: &Address) -> bool {
        self.urls.contains_key(url)
    }

    /// Whether there is room for one more.
    pub(super) fn check_room(&self, limit: usize) -> Result<(), StoreError> {
        // Each entry is due some time.
        match self.due.len() < limit {
            true => Ok(()),
            false => Err(full(limit)),
        }
    }

    /// Adds an entry, or notes in the one that is there and leased that there is more. `false` if one
    /// is there.
    pub(super) fn miss(&mut self, missed: &Missed, limit: usize) -> Result<bool, StoreError> {
        if let Some(entry) = self.entry(missed) {
            if entry.missed.lease != 0 {
                entry.again.get_or_insert(Again {
                    since: missed.since,
                    due: missed.due,
                });
            }
            return Ok(false);
        }
        self.check_room(limit)?;
        let missed = Missed {
            lease: 0,
            ..missed.clone()
        };
        self.put(missed);
        Ok(true)
    }

    /// Leases those that are due.
    pub(super) fn due(&mut self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        let due = self.due.iter().take_while(|(due, _, _)| *due <= now);
        let due: Vec<_> = due.take(most).cloned().collect();
        let mut leased = Vec::with_capacity(due.len());
        for (_, url, key) in due {
            let Some(subscriber) = self.urls.get(&url) else {
                continue;
            };
            let Some(entry) = subscriber.entries.get(&key) else {
                continue;
            };
            let mut missed = entry.missed.clone();
            missed.since = missed.since.max(subscriber.reached);
            self.lease += 1;
            missed.lease = self.lease;
            missed.attempts = missed.attempts.saturating_add(1);
            missed.due = until;
            // What was missed before now is told with the rest.
            self.put(missed.clone());
            leased.push(missed);
        }
        leased
    }

    /// Ends a lease, whose entry was not told.
    pub(super) fn postpone(&mut self, missed: &Missed) -> Change {
        let Some(entry) = self.leased(missed) else {
            return Change::None;
        };
        let postponed = Missed {
            attempts: missed.attempts,
            due: missed.due,
            lease: 0,
            ..entry.missed.clone()
        };
        self.put(postponed.clone());
        Change::Put(postponed)
    }

    /// Ends a lease, whose entry was told.
    pub(super) fn forget(&mut self, missed: &Missed) -> Change {
        let Some(entry) = self.leased(missed) else {
            return Change::None;
        };
        let Some(Again { since, due }) = entry.again else {
            self.remove(missed);
            return Change::Removed;
        };
        let more = Missed {
            attempts: 0,
            since,
            due,
            lease: 0,
            ..entry.missed.clone()
        };
        self.put(more.clone());
        Change::Put(more)
    }

    /// Notes that a URL has confirmed something, and returns the entries that are gone with that.
    pub(super) fn reach(&mut self, url: &Address, now: u64) -> Vec<Missed> {
        let mut gone = Vec::new();
        if let Some(subscriber) = self.urls.get_mut(url) {
            subscriber.reached = subscriber.reached.max(now);
            // Most have none: the others are not looked through with each delivery.
            if subscriber.untold > 0 {
                let entries = subscriber.entries.values().map(|entry| &entry.missed);
                let untold = entries.filter(|missed| missed.recovery.is_none());
                gone.extend(untold.cloned());
            }
        }
        for missed in &gone {
            self.remove(missed);
        }
        gone
    }

    fn entry(&mut self, missed: &Missed) -> Option<&mut Entry> {
        let subscriber = self.urls.get_mut(&missed.url)?;
        subscriber.entries.get_mut(&key(missed))
    }

    /// Returns the entry of a lease that is not stale.
    fn leased(&mut self, missed: &Missed) -> Option<&mut Entry> {
        let entry = self.entry(missed);
        entry.filter(|entry| entry.missed.lease == missed.lease && missed.lease != 0)
    }

    fn put(&mut self, missed: Missed) {
        let key = key(&missed);
        let subscriber = self.urls.entry(missed.url.clone()).or_default();
        let (url, due) = (missed.url.clone(), missed.due);
        let entry = Entry {
            missed,
            again: None,
        };
        match subscriber.entries.insert(key.clone(), entry) {
            Some(before) => {
                let before = (before.missed.due, url.clone(), key.clone());
                self.due.remove(&before);
            }
            None => subscriber.untold += usize::from(key.0.is_none()),
        }
        self.due.insert((due, url, key));
    }

    fn remove(&mut self, missed: &Missed) {
        let Some(subscriber) = self.urls.get_mut(&missed.url) else {
            return;
        };
        let key = key(missed);
        if let Some(entry) = subscriber.entries.remove(&key) {
            subscriber.untold -= usize::from(key.0.is_none());
            if subscriber.entries.is_empty() {
                self.urls.remove(&missed.url);
            }
            let due = entry.missed.due;
            self.due.remove(&(due, missed.url.clone(), key));
        }
    }
}

/// There are as many entries as may be.
pub(super) fn full(limit: usize) -> StoreError {
    StoreError::Full {
        what: "subscribers to be told of missed messages",
        limit,
    }
}

fn key(missed: &Missed) -> Key {
    (missed.recovery.clone(), missed.topic.clone())
}
