//! Deduplication by id: what came in a channel a moment ago.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

/// The most ids of one channel that are remembered: 160 kB. With more, the oldest are forgotten.
const MAX_SEEN: usize = 10_000;

/// Recent ids as keyed hashes: 16 bytes each, whatever their length is. The key is random, so that
/// nobody can choose ids that collide.
#[derive(Debug, Default)]
pub(super) struct DedupCache {
    hasher: RandomState,
    hashes: HashSet<u64>,
    times: VecDeque<(Instant, u64)>,
}

impl DedupCache {
    /// Notes an id. Returns `false` if it is a duplicate.
    pub(super) fn insert(&mut self, id: &str, now: Instant, memory: Duration) -> bool {
        self.forget(MAX_SEEN - 1, now, memory);
        let hash = self.hasher.hash_one(id);
        let is_new = self.hashes.insert(hash);
        if is_new {
            self.times.push_back((now, hash));
        }
        is_new
    }

    /// Forgets old ids, and gives unused memory back.
    pub(super) fn sweep(&mut self, now: Instant, memory: Duration) {
        self.forget(MAX_SEEN, now, memory);
        if self.times.is_empty() {
            (self.hashes, self.times) = (HashSet::new(), VecDeque::new());
        } else if self.times.len() < self.times.capacity() / 4 {
            self.hashes.shrink_to(2 * self.hashes.len());
            self.times.shrink_to(2 * self.times.len());
        }
    }

    /// Forgets the oldest ids until at most `most` are left, and those older than `memory`.
    fn forget(&mut self, most: usize, now: Instant, memory: Duration) {
        while let Some((time, hash)) = self.times.front()
            && (self.times.len() > most || now.saturating_duration_since(*time) >= memory)
        {
            self.hashes.remove(hash);
            self.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(60);

    #[test]
    fn few_ids_are_remembered() {
        let mut seen = DedupCache::default();
        let now = Instant::now();
        for n in 0..2 * MAX_SEEN {
            assert!(seen.insert(&n.to_string(), now, MEMORY));
        }
        assert_eq!((seen.times.len(), seen.hashes.len()), (MAX_SEEN, MAX_SEEN));
        assert!(seen.insert("0", now, MEMORY));
    }

    #[test]
    fn what_is_forgotten_is_given_back() {
        let mut seen = DedupCache::default();
        let now = Instant::now();
        for n in 0..MAX_SEEN {
            seen.insert(&n.to_string(), now, MEMORY);
        }
        seen.insert("last", now + MEMORY / 2, MEMORY);
        seen.sweep(now + MEMORY, MEMORY);
        assert_eq!(seen.times.len(), 1);
        assert!(seen.times.capacity() < 100 && seen.hashes.capacity() < 100);
        assert!(!seen.insert("last", now + MEMORY, MEMORY));
        seen.sweep(now + 2 * MEMORY, MEMORY);
        assert_eq!((seen.times.capacity(), seen.hashes.capacity()), (0, 0));
    }
}
