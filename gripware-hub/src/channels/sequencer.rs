use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{dedup_cache::Seen, encoded_item::Parcel};

/// How many items of one channel wait for an earlier one. With one more, the gap counts as lost.
pub(crate) const MAX_WAITING: usize = 100;

/// Sees to it that an item of one channel is delivered once, and after those before it (GRIP 3.6).
#[derive(Debug)]
pub(crate) struct Order {
    last_id: Option<Box<str>>,
    pub(crate) changed: Instant,
    seen: Seen,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    parcel: Arc<Parcel>,
}

/// What becomes of an item.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Its id was seen a moment ago.
    Duplicate,
    /// It waits for the one before it.
    Waits,
    /// It is delivered now, and those that waited for it.
    Ready(Vec<Arc<Parcel>>),
}

impl Order {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            last_id: None,
            changed: now,
            seen: Seen::default(),
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
        parcel: Arc<Parcel>,
        may_wait: bool,
        now: Instant,
        memory: Duration,
    ) -> Turn {
        self.changed = now;
        if let Some(id) = &parcel.id
            && !self.seen.insert(id, now, memory)
        {
            return Turn::Duplicate;
        }
        if parcel.no_seq {
            return Turn::Ready(vec![parcel]);
        }
        let is_gap = match (&self.last_id, &parcel.prev_id) {
            (Some(last), Some(prev)) => last != prev,
            _ => false,
        };
        if !is_gap || !may_wait {
            return Turn::Ready(self.release(parcel));
        }
        self.waiting_bytes += parcel.cost;
        self.waiting.push(Waiting { since: now, parcel });
        if self.waiting.len() > MAX_WAITING {
            return Turn::Ready(self.give_up());
        }
        Turn::Waits
    }

    /// Gives up on the items that did not come in time, if there are any.
    pub(crate) fn expire(&mut self, now: Instant, wait: Duration) -> Vec<Arc<Parcel>> {
        let is_over = |it: &Waiting| now.saturating_duration_since(it.since) >= wait;
        let mut ready = Vec::new();
        while self.waiting.first().is_some_and(is_over) {
            ready.append(&mut self.give_up());
        }
        ready
    }

    /// The item that has waited longest goes on without the one before it.
    fn give_up(&mut self) -> Vec<Arc<Parcel>> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let first = self.remove(0);
        self.release(first)
    }

    fn remove(&mut self, index: usize) -> Arc<Parcel> {
        let Waiting { parcel, .. } = self.waiting.remove(index);
        self.waiting_bytes -= parcel.cost;
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        parcel
    }

    /// An item whose turn it is, and those that waited for it.
    fn release(&mut self, parcel: Arc<Parcel>) -> Vec<Arc<Parcel>> {
        let mut ready = Vec::with_capacity(1);
        let mut next = Some(parcel);
        while let Some(parcel) = next.take() {
            if parcel.id.is_some() {
                self.last_id.clone_from(&parcel.id);
                let follower = self
                    .waiting
                    .iter()
                    .position(|it| it.parcel.prev_id == parcel.id);
                next = follower.map(|index| self.remove(index));
            }
            ready.push(parcel);
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

    fn parcel(id: &str, prev_id: &str) -> Arc<Parcel> {
        let mut item = Item::from(HttpStream::text("x"));
        if !id.is_empty() {
            item = item.id(id);
        }
        if !prev_id.is_empty() {
            item = item.prev_id(prev_id);
        }
        Arc::new(Parcel::new("news".into(), item.parts().unwrap()))
    }

    fn ids(turn: &Turn) -> String {
        match turn {
            Turn::Duplicate => "duplicate".to_owned(),
            Turn::Waits => "waits".to_owned(),
            Turn::Ready(parcels) => names(parcels),
        }
    }

    fn names(parcels: &[Arc<Parcel>]) -> String {
        let names: Vec<_> = parcels
            .iter()
            .map(|it| it.id.as_deref().unwrap_or("-"))
            .collect();
        names.join(" ")
    }

    struct Script {
        order: Order,
        now: Instant,
    }

    impl Script {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                order: Order::new(now),
                now,
            }
        }

        fn gets(&mut self, id: &str, prev_id: &str) -> String {
            let turn = self
                .order
                .accept(parcel(id, prev_id), true, self.now, MEMORY);
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
        let mut order = Order::new(now);
        for (id, prev_id) in [("1", ""), ("3", "2")] {
            let turn = order.accept(parcel(id, prev_id), false, now, MEMORY);
            assert_eq!(ids(&turn), id);
        }
        assert_eq!(order.last_id(), Some("3"));
    }
}
