//! Who is to be told of missed messages, by when.

use std::collections::{BTreeSet, HashMap};

use gripware_topics::{Address, Topic};

use super::Missed;

type Key = (Address, Address, Topic);

/// Entries by their key, and their keys by when they are due.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: HashMap<Key, Missed>,
    due: BTreeSet<(u64, Key)>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, missed: &Missed) -> bool {
        self.entries.contains_key(&key(missed))
    }

    pub(super) fn put(&mut self, missed: Missed) {
        self.remove(&missed);
        self.due.insert((missed.due, key(&missed)));
        self.entries.insert(key(&missed), missed);
    }

    pub(super) fn remove(&mut self, missed: &Missed) {
        if let Some(known) = self.entries.remove(&key(missed)) {
            self.due.remove(&(known.due, key(missed)));
        }
    }

    pub(super) fn due(&self, now: u64, most: usize) -> Vec<Missed> {
        self.due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(most)
            .filter_map(|(_, key)| self.entries.get(key).cloned())
            .collect()
    }
}

fn key(missed: &Missed) -> Key {
    let Missed {
        url,
        recovery,
        topic,
        ..
    } = missed;
    (url.clone(), recovery.clone(), topic.clone())
}
