//! Connections are looked at when something is due.

use std::{cmp::Reverse, collections::BinaryHeap, rc::Rc, time::Instant};

use super::{Shard, connection::Connection};
use crate::clock;

/// How many stale entries there are at most, beside as many as there are connections.
const MAX_STALE: usize = 1024;

/// When which connection is to be looked at.
///
/// An entry is not looked for when a connection's time moves. One that is not the connection's
/// newest is stale. Stale entries are thrown away when their time comes, or when there are many.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, ConnectionKey)>>,
}

/// Slab key plus generation counter: a stale key never reaches a later connection in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionKey {
    pub(super) key: u32,
    pub(super) generation: u32,
}

impl Timers {
    pub(super) fn insert(&mut self, time: Instant, key: ConnectionKey) {
        self.heap.push(Reverse((time, key)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((time, _))| *time)
    }

    /// The next one whose time has come, and that time.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, ConnectionKey)> {
        if self.next()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        if self.heap.is_empty() {
            self.heap = BinaryHeap::new();
        }
        Some(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Throws away the stale entries.
    pub(super) fn retain(&mut self, is_current: impl Fn(Instant, ConnectionKey) -> bool) {
        self.heap
            .retain(|Reverse((time, key))| is_current(*time, *key));
        self.heap.shrink_to(2 * self.heap.len());
    }
}

impl Shard {
    /// Sees to it that the connection is looked at when something is due.
    pub(super) fn set_timer(&self, connection: &Connection) {
        let earlier = connection.with(|state| {
            let is_set = |deadline: &Instant| state.timer.is_some_and(|timer| timer <= *deadline);
            let deadline = state.deadline().filter(|deadline| !is_set(deadline))?;
            state.timer = Some(deadline);
            Some(deadline)
        });
        let Some(deadline) = earlier.filter(|_| !connection.is_gone.get()) else {
            return;
        };
        let mut timers = self.timers.borrow_mut();
        let is_first = timers.next().is_none_or(|next| deadline < next);
        timers.insert(deadline, connection.key);
        if is_first {
            self.timer_changed.notify_one();
        }
    }

    /// Does what is due.
    pub(super) fn fire_timers(self: &Rc<Self>) {
        let now = clock::now();
        // What becomes due meanwhile has its turn later, so that others have theirs.
        let mut due = Vec::new();
        while let Some(entry) = self.timers.borrow_mut().pop(now) {
            due.push(entry);
        }
        for (time, key) in due {
            if let Some(connection) = self.timed(time, key) {
                self.isolate(&connection, || self.elapsed(&connection, now));
            }
        }
        let most = 2 * self.connections.borrow().len() + MAX_STALE;
        if self.timers.borrow().len() > most {
            let is_current = |time, key| self.timed(time, key).is_some();
            self.timers.borrow_mut().retain(is_current);
        }
    }

    /// Returns the connection of an entry, or `None` if the entry is stale.
    fn timed(&self, time: Instant, key: ConnectionKey) -> Option<Rc<Connection>> {
        let connections = self.connections.borrow();
        let connection = connections.get(key.key as usize)?;
        let is_newest = connection.key == key && connection.with(|state| state.timer == Some(time));
        is_newest.then(|| Rc::clone(connection))
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
        let key = |key| ConnectionKey { key, generation: 0 };
        let mut timers = Timers::default();
        timers.insert(at(3), key(3));
        timers.insert(at(1), key(1));
        timers.insert(at(2), key(2));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop(start), None);
        assert_eq!(timers.pop(at(2)), Some((at(1), key(1))));
        assert_eq!(timers.pop(at(2)), Some((at(2), key(2))));
        assert_eq!(timers.pop(at(2)), None);
        timers.insert(at(4), key(4));
        timers.retain(|time, _| time == at(3));
        assert_eq!(timers.pop(at(9)), Some((at(3), key(3))));
        assert_eq!((timers.pop(at(9)), timers.next()), (None, None));
    }
}
