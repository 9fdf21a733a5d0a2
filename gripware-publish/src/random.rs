//! Numbers that nobody can foretell: ids of items, and the jitter of retries.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Makes ids for items that have none, so that a proxy can tell that it got one twice.
#[derive(Debug)]
pub(crate) struct Ids {
    base: String,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self {
            base: format!("{:016x}{:016x}", number(), number()),
            next: AtomicU64::new(0),
        }
    }

    /// An id of 128 random bits, which are this publisher's, and a count.
    pub(crate) fn next(&self) -> String {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{next:x}", self.base)
    }
}

/// A time between half of `time` and all of it, so that those who failed together do not come
/// back together.
pub(crate) fn jittered(time: Duration) -> Duration {
    // The quotient is below one, and loses nothing that matters.
    let share = (number() >> 40) as f64 / f64::from(1_u32 << 24);
    time.mul_f64(0.5 + share / 2.0)
}

/// Returns a random number: the system's, or one from the seeds of the standard library's maps if the
/// system has none.
fn number() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(0_u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_between_items_and_between_publishers() {
        let (one, other) = (Ids::new(), Ids::new());
        let ids = [one.next(), one.next(), other.next(), other.next()];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids.get(index + 1..).unwrap().contains(id), "{ids:?}");
        }
    }

    #[test]
    fn a_jittered_time_is_between_half_and_all() {
        let times: Vec<_> = (0..100).map(|_| jittered(Duration::from_secs(2))).collect();
        let range = Duration::from_secs(1)..=Duration::from_secs(2);
        assert!(times.iter().all(|time| range.contains(time)));
        assert!(times.iter().any(|time| *time != times[0]));
    }
}
