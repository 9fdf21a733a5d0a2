//! One of the maps of the [registry](super::registry): channels by name, each with its subscribers
//! and its [`Sequencer`].
//!
//! A channel without subscribers lingers for as long as ids are remembered, so that a long-poll that
//! comes back finds what it has missed.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use gripware_core::proxy::{Dialect, Sequenced, Sequencer};

use super::{encoded_item::EncodedItem, shrink::shrink};
use crate::inspect::{ConnectionKind, Subscribers};

/// The most channels without subscribers that are remembered for their last id, in each stripe.
const MAX_LINGERING: usize = 4096;

/// The most channels that one sweep looks at, which bounds the time that others wait for the lock.
const MAX_SWEPT: usize = 1024;

/// The most bytes of items that wait for earlier ones in each stripe, 64 MiB in all. With more, the
/// gap counts as lost.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// Some of the channels.
#[derive(Debug, Default)]
pub(crate) struct Stripe {
    channels: HashMap<Arc<str>, Entry>,
    /// How many of them have subscribers.
    followed: usize,
    /// Channels with items that wait for an earlier one.
    waited_for: Vec<Arc<str>>,
    /// About how many bytes these items have.
    waiting_bytes: usize,
    /// Channels that had no subscribers at that time, the oldest first.
    lingering: VecDeque<(Instant, Arc<str>)>,
    /// Where the next sweep begins: the number of channels before it.
    swept: usize,
}

#[derive(Debug, Default)]
struct Entry {
    /// The shards with subscribers, a bit each.
    shards: u64,
    response: u32,
    stream: u32,
    websocket: u32,
    sequencer: Option<Box<Sequencer<Arc<EncodedItem>>>>,
    /// Whether it is in the list of channels without subscribers.
    lingers: bool,
}

impl Entry {
    fn count(&mut self, kind: ConnectionKind) -> &mut u32 {
        match kind {
            ConnectionKind::Response => &mut self.response,
            ConnectionKind::Stream => &mut self.stream,
            // Nothing that is passed through follows a channel.
            ConnectionKind::WebSocket | ConnectionKind::Passed => &mut self.websocket,
        }
    }

    fn last_id(&self) -> Option<Box<str>> {
        self.sequencer.as_ref()?.last_id().map(Into::into)
    }

    fn subscribers(&self) -> Subscribers {
        Subscribers {
            response: self.response as usize,
            stream: self.stream as usize,
            websocket: self.websocket as usize,
        }
    }
}

/// What became of a published item.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    pub(crate) subscribers: Subscribers,
    /// The shards with subscribers, a bit each.
    pub(crate) shards: u64,
    pub(crate) ready: Vec<Arc<EncodedItem>>,
    pub(crate) is_duplicate: bool,
    pub(crate) waits: bool,
}

impl Stripe {
    /// Adds a subscriber. Returns the shared name of the channel, and its last id.
    pub(crate) fn subscribe(
        &mut self,
        name: &str,
        shard: usize,
        kind: ConnectionKind,
    ) -> (Arc<str>, Option<Box<str>>) {
        let known = self
            .channels
            .get_key_value(name)
            .map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| name.into());
        let entry = self.channels.entry(Arc::clone(&name)).or_default();
        self.followed += usize::from(entry.shards == 0);
        entry.shards |= 1 << shard;
        *entry.count(kind) += 1;
        let last = entry.last_id();
        (name, last)
    }

    pub(crate) fn last_id(&self, name: &str) -> Option<Box<str>> {
        self.channels.get(name).and_then(Entry::last_id)
    }

    /// Removes a subscriber; `is_last_of_shard` clears the shard's bit.
    pub(crate) fn unsubscribe(
        &mut self,
        name: &Arc<str>,
        shard: usize,
        kind: ConnectionKind,
        is_last_of_shard: bool,
        now: Instant,
    ) {
        let Some(entry) = self.channels.get_mut(name) else {
            return;
        };
        let count = entry.count(kind);
        *count = count.saturating_sub(1);
        let was_followed = entry.shards != 0;
        if is_last_of_shard {
            entry.shards &= !(1 << shard);
        }
        if entry.shards == 0 {
            self.followed -= usize::from(was_followed);
            if entry.sequencer.is_none() {
                self.channels.remove(name);
            } else if !entry.lingers {
                entry.lingers = true;
                self.lingering.push_back((now, Arc::clone(name)));
            }
        }
    }

    pub(crate) fn is_followed(&self, name: &str) -> bool {
        self.channels
            .get(name)
            .is_some_and(|entry| entry.shards != 0)
    }

    pub(crate) fn subscribers(&self, name: &str) -> Subscribers {
        let entry = self.channels.get(name);
        entry.map(Entry::subscribers).unwrap_or_default()
    }

    pub(crate) fn forget_last(&mut self, name: &str) {
        if let Some(sequencer) = self
            .channels
            .get_mut(name)
            .and_then(|it| it.sequencer.as_mut())
        {
            sequencer.forget_last();
        }
    }

    /// Puts an item in the order of its channel, where it may have to wait or be a duplicate.
    pub(crate) fn admit(
        &mut self,
        item: Arc<EncodedItem>,
        now: Instant,
        memory: Duration,
    ) -> Admission {
        self.forget_lingering(now, memory);
        let name = Arc::clone(&item.channel);
        if item.id.is_none() && !self.channels.contains_key(&name) {
            return Admission::default();
        }
        let entry = self.channels.entry(Arc::clone(&name)).or_default();
        let is_followed = entry.shards != 0;
        let mut admission = Admission {
            subscribers: entry.subscribers(),
            shards: entry.shards,
            ..Admission::default()
        };
        // An item without an id is in no order, but one with a previous id may have to wait.
        if item.id.is_none() && (item.prev_id.is_none() || entry.sequencer.is_none()) {
            admission.ready.push(item);
            return admission;
        }
        if !is_followed && !entry.lingers {
            entry.lingers = true;
            self.lingering.push_back((now, Arc::clone(&name)));
        }
        let sequencer = entry
            .sequencer
            .get_or_insert_with(|| Box::new(Sequencer::new(Dialect::Hub, now)));
        let was_waited_for = sequencer.is_waiting();
        let before = sequencer.waiting_bytes();
        let may_wait = is_followed && self.waiting_bytes + item.cost <= MAX_WAITING_BYTES;
        match sequencer.accept(item, may_wait, now, memory) {
            Sequenced::Dropped => admission.is_duplicate = true,
            Sequenced::Waits => admission.waits = true,
            Sequenced::Ready(ready) => admission.ready = ready,
        }
        self.waiting_bytes = self.waiting_bytes + sequencer.waiting_bytes() - before;
        if sequencer.is_waiting() && !was_waited_for {
            self.waited_for.push(name);
        }
        admission
    }

    /// Calls `deliver` for the items that have waited for as long as `wait`, with the bits of the
    /// shards that they go to.
    pub(crate) fn expire(
        &mut self,
        now: Instant,
        wait: Duration,
        mut deliver: impl FnMut(u64, Vec<Arc<EncodedItem>>),
    ) {
        let channels = &mut self.channels;
        let mut waiting_bytes = 0;
        self.waited_for.retain(|name| {
            let Some(entry) = channels.get_mut(name) else {
                return false;
            };
            let Some(sequencer) = entry.sequencer.as_mut() else {
                return false;
            };
            let ready = sequencer.expire(now, wait);
            if !ready.is_empty() {
                deliver(entry.shards, ready);
            }
            waiting_bytes += sequencer.waiting_bytes();
            sequencer.is_waiting()
        });
        self.waiting_bytes = waiting_bytes;
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waited_for.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.channels.len()
    }

    /// Returns how many channels have subscribers.
    pub(crate) fn followed_count(&self) -> usize {
        self.followed
    }

    pub(crate) fn followed(&self) -> impl Iterator<Item = (&str, Subscribers)> {
        let followed = self.channels.iter().filter(|(_, entry)| entry.shards != 0);
        followed.map(|(name, entry)| (&**name, entry.subscribers()))
    }

    /// Gives unused memory back, a part of it in each call: channels without subscribers and items,
    /// old ids, and the capacity of maps that had more. Returns whether there was anything to look
    /// at.
    pub(crate) fn sweep(&mut self, now: Instant, memory: Duration) -> bool {
        if self.channels.capacity() == 0 && self.lingering.capacity() == 0 {
            return false;
        }
        self.forget_lingering(now, memory);
        let mut count = 0;
        // What moves in the map meanwhile is met next time.
        for entry in self.channels.values_mut().skip(self.swept).take(MAX_SWEPT) {
            count += 1;
            if let Some(sequencer) = &mut entry.sequencer {
                sequencer.sweep(now, memory);
            }
        }
        self.swept = if count < MAX_SWEPT {
            0
        } else {
            self.swept + count
        };
        shrink(&mut self.channels);
        if self.lingering.len() < self.lingering.capacity() / 4 {
            self.lingering.shrink_to(2 * self.lingering.len());
        }
        true
    }

    /// Forgets the channels that had no subscribers and no items for as long as `memory`.
    fn forget_lingering(&mut self, now: Instant, memory: Duration) {
        for _ in 0..MAX_SWEPT {
            let Some((since, _)) = self.lingering.front() else {
                return;
            };
            let is_old = now.saturating_duration_since(*since) >= memory;
            if !is_old && self.lingering.len() <= MAX_LINGERING {
                return;
            }
            let Some((_, name)) = self.lingering.pop_front() else {
                return;
            };
            let Some(entry) = self.channels.get_mut(&name) else {
                continue;
            };
            if entry.shards != 0 {
                entry.lingers = false;
                continue;
            }
            let changed = entry
                .sequencer
                .as_ref()
                .map(|sequencer| sequencer.changed());
            let is_fresh = changed.is_some_and(|it| now.saturating_duration_since(it) < memory);
            if is_fresh && self.lingering.len() <= MAX_LINGERING {
                self.lingering.push_back((now, name));
            } else {
                self.channels.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gripware_core::{HttpStream, Item};

    use super::*;

    #[test]
    fn the_memory_of_many_channels_is_given_back_with_time() {
        const MEMORY: Duration = Duration::from_secs(60);
        let mut stripe = Stripe::default();
        let now = Instant::now();
        let item = Item::from(HttpStream::text("x")).id("1");
        for n in 0..MAX_LINGERING {
            let item = EncodedItem::new(n.to_string().into(), item.parts().unwrap());
            stripe.admit(Arc::new(item), now, MEMORY);
        }
        // One that is followed is kept, with its last id, and not the ids that came.
        stripe.subscribe("0", 0, ConnectionKind::Stream);
        let mut sweeps = 0;
        while stripe.channels.len() > 1 {
            stripe.sweep(now + MEMORY, MEMORY);
            sweeps += 1;
            assert!(sweeps < 10, "{} channels", stripe.channels.len());
        }
        assert!(sweeps > 1, "all were looked at in one go");
        stripe.sweep(now + MEMORY, MEMORY);
        assert!(stripe.channels.capacity() < 100 && stripe.lingering.capacity() < 100);
        let (_, last) = stripe.subscribe("0", 0, ConnectionKind::Stream);
        assert_eq!(last.as_deref(), Some("1"));
        stripe.unsubscribe(&"0".into(), 0, ConnectionKind::Stream, true, now + MEMORY);
        stripe.sweep(now + 2 * MEMORY, MEMORY);
        assert!(stripe.channels.is_empty());
    }

    #[test]
    fn items_wait_in_a_bounded_room() {
        let mut stripe = Stripe::default();
        let now = Instant::now();
        let memory = Duration::from_secs(60);
        let mut admit = |channel: &str, id: &str, prev_id: &str| {
            let item = Item::from(HttpStream::text("x".repeat(MAX_WAITING_BYTES / 5)));
            let item = item.id(id).prev_id(prev_id);
            let item = EncodedItem::new(channel.into(), item.parts().unwrap());
            stripe.subscribe(channel, 0, ConnectionKind::Stream);
            stripe.admit(Arc::new(item), now, memory).waits
        };
        let mut waiting = 0;
        for n in 0..4 {
            let channel = format!("c{n}");
            assert!(!admit(&channel, "1", "0"));
            waiting += usize::from(admit(&channel, "3", "2"));
        }
        assert_eq!(waiting, 2);
        stripe.expire(now, Duration::ZERO, |_, _| {});
        assert_eq!(stripe.waiting_bytes, 0);
    }
}
