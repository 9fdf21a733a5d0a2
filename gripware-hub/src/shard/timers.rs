use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

/// When which connection is to be looked at.
///
/// An entry is never taken out before its time: a connection whose time has moved is looked at, and
/// put in again.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Ticket)>>,
}

/// A connection, and which of those that had its place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) key: u32,
    pub(super) generation: u32,
}

impl Timers {
    pub(super) fn insert(&mut self, time: Instant, ticket: Ticket) {
        self.heap.push(Reverse((time, ticket)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((time, _))| *time)
    }

    /// The next one whose time has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Ticket> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, ticket)) = self.heap.pop()?;
        if self.heap.is_empty() {
            self.heap = BinaryHeap::new();
        }
        Some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_comes_first_and_none_before_its_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ticket = |key| Ticket { key, generation: 0 };
        let mut timers = Timers::default();
        timers.insert(at(3), ticket(3));
        timers.insert(at(1), ticket(1));
        timers.insert(at(2), ticket(2));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop(start), None);
        assert_eq!(timers.pop(at(2)), Some(ticket(1)));
        assert_eq!(timers.pop(at(2)), Some(ticket(2)));
        assert_eq!(timers.pop(at(2)), None);
        assert_eq!(timers.pop(at(9)), Some(ticket(3)));
        assert_eq!((timers.pop(at(9)), timers.next()), (None, None));
    }
}
