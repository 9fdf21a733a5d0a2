//! The order of a channel's items (GRIP 3.6): deduplication by id, and reordering by previous ids.
//!
//! It stands between whoever accepts an item and the fan-out to subscribers, once for each channel.

mod dedup_cache;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::dedup_cache::DedupCache;
use super::{Dialect, Sequential};

/// The most items of one channel that wait for an earlier one, which is Pushpin's limit.
pub const MAX_WAITING: usize = 100;

/// Delivers each item of one channel once, and after the one that it names as its predecessor.
///
/// No clock is read: `now` is handed in, and never goes back. Whoever owns it calls
/// [`expire`](Self::expire) now and then while [something waits](Self::is_waiting).
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use gripware_core::proxy::{Dialect, Sequenced, Sequencer, Sequential};
///
/// #[derive(Debug, PartialEq)]
/// struct Item(&'static str, &'static str);
///
/// impl Sequential for Item {
///     fn channel(&self) -> &str {
///         "news"
///     }
///     fn id(&self) -> Option<&str> {
///         Some(self.0)
///     }
///     fn prev_id(&self) -> Option<&str> {
///         Some(self.1)
///     }
///     fn no_seq(&self) -> bool {
///         false
///     }
///     fn cost(&self) -> usize {
///         1
///     }
/// }
///
/// let (now, memory) = (Instant::now(), Duration::from_secs(60));
/// let mut sequencer = Sequencer::new(Dialect::Hub, now);
/// let mut accept = |item| sequencer.accept(item, true, now, memory);
/// assert_eq!(accept(Item("1", "0")), Sequenced::Ready(vec![Item("1", "0")]));
/// assert_eq!(accept(Item("3", "2")), Sequenced::Waits);
/// assert_eq!(accept(Item("2", "1")), Sequenced::Ready(vec![Item("2", "1"), Item("3", "2")]));
/// assert_eq!(accept(Item("2", "1")), Sequenced::Dropped);
/// ```
#[derive(Debug)]
pub struct Sequencer<T> {
    dialect: Dialect,
    last_id: Option<Box<str>>,
    changed: Instant,
    seen: DedupCache,
    waiting: Vec<Waiting<T>>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    since: Instant,
    item: T,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequenced<T> {
    /// It is not delivered: a duplicate, by its id. With [`Dialect::Pushpin`] also one for whose
    /// predecessor another item waits, and one too many to wait.
    Dropped,
    /// It waits for its predecessor.
    Waits,
    /// These are delivered now: the item, or one that waited longest, and those that follow on it.
    Ready(Vec<T>),
}

impl<T: Sequential> Sequencer<T> {
    /// A channel on which nothing has come yet.
    #[must_use]
    pub fn new(dialect: Dialect, now: Instant) -> Self {
        Self {
            dialect,
            last_id: None,
            changed: now,
            seen: DedupCache::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// The id of the item that was delivered last. `None` if it had none, or was forgotten.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// When an item came last.
    #[must_use]
    pub fn changed(&self) -> Instant {
        self.changed
    }

    /// Whether items wait for others.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// About how many bytes the waiting items have.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Forgets the last id, so that the next item is in order whatever it follows: the origin has
    /// named another id, and counts.
    pub fn forget_last(&mut self) {
        self.last_id = None;
    }

    /// Forgets the last id and what waits, as Pushpin does when nobody is subscribed any more. Ids
    /// are remembered.
    pub fn forget_order(&mut self) {
        self.last_id = None;
        self.waiting = Vec::new();
        self.waiting_bytes = 0;
    }

    /// Puts an item in order. Its id is a duplicate's for as long as `id_memory`.
    ///
    /// `may_wait` is whether it is worth waiting: somebody is subscribed, and there is room for the
    /// item. Otherwise a gap counts as lost at once.
    pub fn accept(
        &mut self,
        item: T,
        may_wait: bool,
        now: Instant,
        id_memory: Duration,
    ) -> Sequenced<T> {
        self.changed = now;
        if let Some(id) = item.id()
            && !self.seen.insert(id, now, id_memory)
        {
            return Sequenced::Dropped;
        }
        if item.no_seq() {
            return Sequenced::Ready(vec![item]);
        }
        let is_gap = match (self.last_id(), item.prev_id()) {
            (Some(last), Some(prev)) => last != prev,
            _ => false,
        };
        if !is_gap || !may_wait {
            return Sequenced::Ready(self.release(item));
        }
        if self.dialect == Dialect::Pushpin && !self.has_place_for(&item) {
            return Sequenced::Dropped;
        }
        self.waiting_bytes = self.waiting_bytes.saturating_add(item.cost());
        self.waiting.push(Waiting { since: now, item });
        if self.waiting.len() > MAX_WAITING {
            return Sequenced::Ready(self.give_up());
        }
        Sequenced::Waits
    }

    /// Gives up on what items have waited for as long as `wait` or longer, and returns what is
    /// delivered therefore.
    pub fn expire(&mut self, now: Instant, wait: Duration) -> Vec<T> {
        let is_over = |it: &Waiting<T>| now.saturating_duration_since(it.since) >= wait;
        let mut ready = Vec::new();
        while self.waiting.first().is_some_and(is_over) {
            ready.append(&mut self.give_up());
        }
        ready
    }

    /// Gives back the memory of ids that are older than `id_memory`.
    pub fn sweep(&mut self, now: Instant, id_memory: Duration) {
        self.seen.sweep(now, id_memory);
    }

    fn has_place_for(&self, item: &T) -> bool {
        let mut places = self.waiting.iter().map(|it| it.item.prev_id());
        self.waiting.len() < MAX_WAITING && places.all(|place| place != item.prev_id())
    }

    /// Delivers the item that has waited longest without its predecessor.
    fn give_up(&mut self) -> Vec<T> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let first = self.remove(0);
        self.release(first)
    }

    fn remove(&mut self, index: usize) -> T {
        let Waiting { item, .. } = self.waiting.remove(index);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(item.cost());
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        item
    }

    /// Delivers an item, and those that waited for it.
    fn release(&mut self, item: T) -> Vec<T> {
        let mut ready = Vec::with_capacity(1);
        let mut next = Some(item);
        while let Some(item) = next.take() {
            if let Some(id) = item.id() {
                self.last_id = Some(id.into());
                let mut waiting = self.waiting.iter();
                let follower = waiting.position(|it| it.item.prev_id() == Some(id));
                next = follower.map(|index| self.remove(index));
            } else if self.dialect == Dialect::Pushpin {
                self.last_id = None;
            }
            ready.push(item);
        }
        ready
    }
}
