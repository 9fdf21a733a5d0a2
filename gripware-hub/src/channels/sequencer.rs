use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{dedup_cache::DedupCache, encoded_item::EncodedItem};

/// How many items of one channel wait for an earlier one. With one more, the gap counts as lost.
pub(crate) const MAX_WAITING: usize = 100;

/// Sees to it that an item of one channel is delivered once, and after those before it (GRIP 3.6).
#[derive(Debug)]
pub(crate) struct Sequencer {
    last_id: Option<Box<str>>,
    pub(crate) changed: Instant,
    seen: DedupCache,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    item: Arc<EncodedItem>,
}

/// What becomes of an item.
#[derive(Debug)]
pub(crate) enum Sequenced {
    /// Its id was seen a moment ago.
    Duplicate,
    /// It waits for the one before it.
    Waits,
    /// It is delivered now, and those that waited for it.
    Ready(Vec<Arc<EncodedItem>>),
}

impl Sequencer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            last_id: None,
            changed: now,
            seen: DedupCache::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Takes the origin's word for where the channel is.
    pub(crate) fn forget_last(&mut self) {
        self.last_id = None;
    }

    /// Gives back the memory of ids that are old.
    pub(crate) fn sweep(&mut self, now: Instant, memory: Duration) {
        self.seen.sweep(now, memory);
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many bytes the items that wait have, about.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Takes an item. `may_wait` says whether anybody is subscribed, and there is room for it.
    pub(crate) fn accept(
        &mut self,
        item: Arc<EncodedItem>,
        may_wait: bool,
        now: Instant,
        memory: Duration,
    ) -> Sequenced {
        self.changed = now;
        if let Some(id) = &item.id
            && !self.seen.insert(id, now, memory)
        {
            return Sequenced::Duplicate;
        }
        if item.no_seq {
            return Sequenced::Ready(vec![item]);
        }
        let is_gap = match (&self.last_id, &item.prev_id) {
            (Some(last), Some(prev)) => last != prev,
            _ => false,
        };
        if !is_gap || !may_wait {
            return Sequenced::Ready(self.release(item));
        }
        self.waiting_bytes += item.cost;
        self.waiting.push(Waiting { since: now, item });
        if self.waiting.len() > MAX_WAITING {
            return Sequenced::Ready(self.give_up());
        }
        Sequenced::Waits
    }

    /// Gives up on the items that did not come in time, if there are any.
    pub(crate) fn expire(&mut self, now: Instant, wait: Duration) -> Vec<Arc<EncodedItem>> {
        let is_over = |it: &Waiting| now.saturating_duration_since(it.since) >= wait;
        let mut ready = Vec::new();
        while self.waiting.first().is_some_and(is_over) {
            ready.append(&mut self.give_up());
        }
        ready
    }

    /// The item that has waited longest goes on without the one before it.
    fn give_up(&mut self) -> Vec<Arc<EncodedItem>> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let first = self.remove(0);
        self.release(first)
    }

    fn remove(&mut self, index: usize) -> Arc<EncodedItem> {
        let Waiting { item, .. } = self.waiting.remove(index);
        self.waiting_bytes -= item.cost;
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        item
    }

    /// An item whose turn it is, and those that waited for it.
    fn release(&mut self, item: Arc<EncodedItem>) -> Vec<Arc<EncodedItem>> {
        let mut ready = Vec::with_capacity(1);
        let mut next = Some(item);
        while let Some(item) = next.take() {
            if item.id.is_some() {
                self.last_id.clone_from(&item.id);
                let follower = self
                    .waiting
                    .iter()
                    .position(|it| it.item.prev_id == item.id);
                next = follower.map(|index| self.remove(index));
            }
            ready.push(item);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use gripware_core::{HttpStream, Item};

    use super::*;

    const MEMORY: Duration = Duration::from_secs(60);
    const WAIT: Duration = Duration::from_secs(5);

    fn item(id: &str, prev_id: &str) -> Arc<EncodedItem> {
        let mut item = Item::from(HttpStream::text("x"));
        if !id.is_empty() {
            item = item.id(id);
        }
        if !prev_id.is_empty() {
            item = item.prev_id(prev_id);
        }
        Arc::new(EncodedItem::new("news".into(), item.parts().unwrap()))
    }

    fn ids(turn: &Sequenced) -> String {
        match turn {
            Sequenced::Duplicate => "duplicate".to_owned(),
            Sequenced::Waits => "waits".to_owned(),
            Sequenced::Ready(items) => names(items),
        }
    }

    fn names(items: &[Arc<EncodedItem>]) -> String {
        let names: Vec<_> = items
            .iter()
            .map(|it| it.id.as_deref().unwrap_or("-"))
            .collect();
        names.join(" ")
    }

    struct Script {
        order: Sequencer,
        now: Instant,
    }

    impl Script {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                order: Sequencer::new(now),
                now,
            }
        }

        fn gets(&mut self, id: &str, prev_id: &str) -> String {
            let turn = self.order.accept(item(id, prev_id), true, self.now, MEMORY);
            ids(&turn)
        }

        fn after(&mut self, time: Duration) -> String {
            self.now += time;
            names(&self.order.expire(self.now, WAIT))
        }
    }

    #[test]
    fn items_are_put_in_order() {
        let mut it = Script::new();
        assert_eq!(it.gets("1", ""), "1");
        assert_eq!(it.gets("3", "2"), "waits");
        assert_eq!(it.gets("4", "3"), "waits");
        assert_eq!(it.gets("", ""), "-");
        assert_eq!(it.gets("2", "1"), "2 3 4");
        assert_eq!(it.gets("5", "4"), "5");
    }

    #[test]
    fn an_id_that_came_a_moment_ago_is_dropped() {
        let mut it = Script::new();
        assert_eq!(it.gets("1", ""), "1");
        assert_eq!(it.gets("1", ""), "duplicate");
        assert_eq!(it.after(MEMORY), "");
        assert_eq!(it.gets("1", ""), "1");
    }

    #[test]
    fn a_gap_is_given_up_after_a_while() {
        let mut it = Script::new();
        it.gets("1", "");
        assert_eq!(it.gets("3", "2"), "waits");
        it.now += Duration::from_secs(2);
        assert_eq!(it.gets("5", "4"), "waits");
        assert_eq!(it.after(Duration::from_secs(2)), "");
        assert_eq!(it.after(Duration::from_secs(1)), "3");
        assert_eq!(it.gets("4", "3"), "4 5");
    }

    #[test]
    fn no_more_items_wait_than_there_is_room_for() {
        let mut it = Script::new();
        it.gets("0", "");
        for n in 0..MAX_WAITING {
            assert_eq!(it.gets(&format!("w{n}"), &format!("x{n}")), "waits");
        }
        assert_eq!(it.gets("last", "x"), "w0");
        assert!(it.order.is_waited_for());
    }

    #[test]
    fn nobody_waits_where_nobody_follows() {
        let now = Instant::now();
        let mut order = Sequencer::new(now);
        for (id, prev_id) in [("1", ""), ("3", "2")] {
            let turn = order.accept(item(id, prev_id), false, now, MEMORY);
            assert_eq!(ids(&turn), id);
        }
        assert_eq!(order.last_id(), Some("3"));
    }
}
