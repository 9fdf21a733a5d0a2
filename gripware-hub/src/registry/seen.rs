use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

/// How many ids of one channel are remembered.
const MAX_SEEN: usize = 10_000;

/// The ids that came a moment ago, as keyed hashes: 16 bytes each whatever their length is.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    hashes: HashSet<u64>,
    times: VecDeque<(Instant, u64)>,
}

impl Seen {
    /// Notes an id; whether it is a new one.
    pub(super) fn insert(&mut self, id: &str, now: Instant, memory: Duration) -> bool {
        while let Some((time, hash)) = self.times.front()
            && (self.times.len() >= MAX_SEEN || now.saturating_duration_since(*time) >= memory)
        {
            self.hashes.remove(hash);
            self.times.pop_front();
        }
        let hash = self.hasher.hash_one(id);
        let is_new = self.hashes.insert(hash);
        if is_new {
            self.times.push_back((now, hash));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(60);

    #[test]
    fn few_ids_are_remembered() {
        let mut seen = Seen::default();
        let now = Instant::now();
        for n in 0..2 * MAX_SEEN {
            assert!(seen.insert(&n.to_string(), now, MEMORY));
        }
        assert_eq!((seen.times.len(), seen.hashes.len()), (MAX_SEEN, MAX_SEEN));
        assert!(seen.insert("0", now, MEMORY));
    }
}
