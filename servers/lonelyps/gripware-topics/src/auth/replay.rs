//! Replay protection: the codes that were seen, for as long as they could be sent again.

use std::collections::{BTreeMap, HashSet};

use super::Refusal;

/// How far a signature's time may be from now, either way, in seconds.
pub const TOLERANCE: u64 = 120;

/// The codes that were accepted, each until its signature is too old to be accepted again.
///
/// Codes are kept by the second after which they are too old, so that whatever has become too old
/// goes at once. 16 bytes of each are kept: nobody finds two that are alike without the secret.
///
/// It is bounded and never forgets early: where it is full, signatures are refused
/// ([`Refusal::Unavailable`]) until some have become too old (fail closed).
#[derive(Debug)]
pub struct ReplayStore {
    seen: BTreeMap<u64, HashSet<[u8; 16]>>,
    len: usize,
    capacity: usize,
    /// What expires before this second is forgotten, and is not accepted even where the clock is
    /// set back.
    forgotten_before: u64,
}

impl ReplayStore {
    /// The default of the most codes: what 8 700 requests a second leave in 240 seconds, in less
    /// than 100 MB.
    pub const CAPACITY: usize = 1 << 21;

    /// Makes a store for at most `capacity` codes. It takes memory only as codes come.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            seen: BTreeMap::new(),
            len: 0,
            capacity,
            forgotten_before: 0,
        }
    }

    /// Returns the number of codes that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no code is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Remembers a code that is accepted up to the second `expires`.
    pub(crate) fn insert(&mut self, expires: u64, code: &[u8], now: u64) -> Result<(), Refusal> {
        self.forget(now);
        if expires < self.forgotten_before {
            return Err(Refusal::Expired);
        }
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(code) {
            *to = *from;
        }
        let second = self.seen.get(&expires);
        if second.is_some_and(|second| second.contains(&key)) {
            return Err(Refusal::Replayed);
        }
        if self.len >= self.capacity {
            return Err(Refusal::Unavailable);
        }
        self.seen.entry(expires).or_default().insert(key);
        self.len += 1;
        Ok(())
    }

    fn forget(&mut self, before: u64) {
        while let Some(oldest) = self.seen.first_entry() {
            if *oldest.key() >= before {
                break;
            }
            self.len -= oldest.remove().len();
        }
        self.forgotten_before = self.forgotten_before.max(before);
    }
}

impl Default for ReplayStore {
    fn default() -> Self {
        Self::new(Self::CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: u8) -> [u8; 64] {
        [number; 64]
    }

    #[test]
    fn a_code_is_refused_until_it_is_too_old_to_come_again() {
        let mut store = ReplayStore::new(10);
        assert_eq!(store.insert(1240, &code(1), 1000), Ok(()));
        for now in [1000, 1120, 1180, 1240] {
            assert_eq!(store.insert(1240, &code(1), now), Err(Refusal::Replayed));
        }
        assert_eq!(store.insert(1240, &code(1), 1241), Err(Refusal::Expired));
        assert!(store.is_empty());
    }

    #[test]
    fn a_full_store_refuses_and_does_not_forget() {
        let mut store = ReplayStore::new(2);
        store.insert(1120, &code(1), 1000).unwrap();
        store.insert(1121, &code(2), 1000).unwrap();
        let full = store.insert(1121, &code(3), 1001);
        assert_eq!(full, Err(Refusal::Unavailable));
        assert_eq!(store.insert(1120, &code(1), 1001), Err(Refusal::Replayed));
        // The first is too old now, and there is room.
        assert_eq!(store.insert(1121, &code(3), 1121), Ok(()));
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn a_clock_that_is_set_back_brings_nothing_back() {
        let mut store = ReplayStore::new(10);
        store.insert(1120, &code(1), 1000).unwrap();
        store.insert(1241, &code(2), 1121).unwrap();
        assert_eq!(store.insert(1120, &code(1), 1000), Err(Refusal::Expired));
    }
}
