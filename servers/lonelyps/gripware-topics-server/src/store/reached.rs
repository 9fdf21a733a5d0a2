//! When subscribers have last confirmed something, where that is written down: once an hour at most, as
//! it is so with each delivery.

use std::collections::{BTreeSet, HashMap};

use gripware_topics::Address;

/// Seconds between two times that it is written of one subscriber.
const INTERVAL: u64 = 60 * 60;

/// When subscribers were last reached, and when that is to be written.
#[derive(Debug, Default)]
pub(super) struct Reached {
    urls: HashMap<Address, Times>,
    /// Those that are to be written, by when.
    waiting: BTreeSet<(u64, Address)>,
}

#[derive(Debug)]
struct Times {
    reached: u64,
    /// When it was last written, if it was and nothing was missed since.
    written: Option<u64>,
    /// When it is to be written.
    waits: Option<u64>,
}

impl Reached {
    /// Notes that a subscriber was reached. There are no more than `most`.
    pub(super) fn note(&mut self, url: &Address, now: u64, most: usize) {
        if self.urls.len() >= most && !self.urls.contains_key(url) {
            if self.waiting.len() >= most {
                return;
            }
            // What is written is of no use but that it is not written again soon.
            self.urls.retain(|_, times| times.waits.is_some());
        }
        let times = self.urls.entry(url.clone()).or_insert(Times {
            reached: now,
            written: None,
            waits: None,
        });
        times.reached = times.reached.max(now);
        if times.waits.is_none() {
            let written = times.written;
            let when = written.map_or(now, |at| now.max(at.saturating_add(INTERVAL)));
            times.waits = Some(when);
            self.waiting.insert((when, url.clone()));
        }
    }

    /// A subscriber has missed something: that it is reached is written at once from now on.
    pub(super) fn miss(&mut self, url: &Address) {
        if let Some(times) = self.urls.get_mut(url) {
            times.written = None;
            if let Some(when) = &mut times.waits {
                self.waiting.remove(&(*when, url.clone()));
                *when = 0;
                self.waiting.insert((0, url.clone()));
            }
        }
    }

    /// Puts back one that was taken and could not be written: it is to be written at once.
    pub(super) fn put_back(&mut self, url: &Address, reached: u64) {
        self.miss(url);
        self.note(url, reached, usize::MAX);
    }

    /// Takes one that is to be written by a time, for it to be written now.
    pub(super) fn take(&mut self, by: u64, now: u64) -> Option<(Address, u64)> {
        while self.waiting.first().is_some_and(|(when, _)| *when <= by) {
            let (_, url) = self.waiting.pop_first()?;
            if let Some(times) = self.urls.get_mut(&url) {
                times.waits = None;
                times.written = Some(now);
                return Some((url, times.reached));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::url;

    #[test]
    fn it_is_written_once_an_hour_and_at_once_where_something_was_missed() {
        let (a, b, c) = (url("a"), url("b"), url("c"));
        let start = 2 * INTERVAL;
        let mut reached = Reached::default();
        let take = |reached: &mut Reached, now| reached.take(now, now);
        for second in 0..10 {
            reached.note(&a, start + second, 2);
        }
        assert_eq!(take(&mut reached, start), Some((a.clone(), start + 9)));
        reached.note(&a, start + 20, 2);
        assert_eq!(take(&mut reached, start + INTERVAL - 1), None);
        let next = start + INTERVAL;
        assert_eq!(take(&mut reached, next), Some((a.clone(), start + 20)));

        // Before it was reached again, or behind that.
        reached.miss(&a);
        reached.note(&a, next + 1, 2);
        assert_eq!(take(&mut reached, next + 1), Some((a.clone(), next + 1)));
        reached.note(&a, next + 2, 2);
        assert_eq!(take(&mut reached, next + 2), None);
        reached.miss(&a);
        assert_eq!(take(&mut reached, next + 2), Some((a.clone(), next + 2)));
        reached.put_back(&a, next + 2);
        assert_eq!(take(&mut reached, next + 3), Some((a.clone(), next + 2)));

        // At the end nothing waits.
        reached.note(&a, next + 4, 2);
        assert_eq!(take(&mut reached, next + 4), None);
        assert_eq!(
            reached.take(u64::MAX, next + 4),
            Some((a.clone(), next + 4))
        );
        assert_eq!(reached.take(u64::MAX, next + 4), None);

        // One that waits is kept, and one that is written makes room.
        reached.note(&b, next, 2);
        reached.note(&c, next, 2);
        assert_eq!(take(&mut reached, next), Some((b.clone(), next)));
        assert_eq!(take(&mut reached, next), Some((c, next)));
        reached.note(&a, next, 2);
        reached.note(&b, next, 2);
        reached.note(&url("d"), next, 2);
        assert_eq!((reached.urls.len(), reached.waiting.len()), (2, 2));
    }
}
