//! Which shards have subscribers of which channel, and how far each channel is.
//!
//! It stands between all publishers and all shards. A channel is in one of a fixed number of
//! stripes, each with a lock of its own, by the hash of its name. Publishing locks a stripe for as
//! long as it takes to sequence the item and to put it into the inboxes of the shards; writing it to
//! connections is the shards' work, without a lock.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{encoded_item::EncodedItem, stripe::Stripe};
use crate::{
    clock,
    inspect::{ChannelInfo, ConnectionKind, Subscribers},
    page::first_behind,
};

/// The number of stripes: enough that publishers on all cores seldom meet.
const STRIPES: usize = 64;

/// The most shards that there can be: each has a bit in a channel's entry.
pub(crate) const MAX_SHARDS: usize = 64;

#[derive(Debug)]
pub(crate) struct Registry {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    message_wait: Duration,
    id_memory: Duration,
}

/// What became of a published item.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) subscribers: Subscribers,
    pub(crate) is_duplicate: bool,
    /// Whether it waits for its predecessor, so that [`Registry::expire`] is to be called.
    pub(crate) waits: bool,
}

/// What [`Registry::expire`] did.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    /// How many channels went on without an item.
    pub(crate) gaps: u64,
    pub(crate) more_wait: bool,
}

impl Registry {
    pub(crate) fn new(message_wait: Duration, id_memory: Duration) -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            message_wait,
            id_memory,
        }
    }

    /// Adds a subscriber. Returns the shared name of the channel, and its last id.
    pub(crate) fn subscribe(
        &self,
        name: &str,
        shard: usize,
        kind: ConnectionKind,
    ) -> (Arc<str>, Option<Box<str>>) {
        self.stripe(name).subscribe(name, shard, kind)
    }

    /// Returns the last id of a channel, as long as it is remembered.
    pub(crate) fn last_id(&self, name: &str) -> Option<Box<str>> {
        self.stripe(name).last_id(name)
    }

    /// Removes a subscriber; `is_last_of_shard` clears the shard's bit.
    pub(crate) fn unsubscribe(
        &self,
        name: &Arc<str>,
        shard: usize,
        kind: ConnectionKind,
        is_last_of_shard: bool,
    ) {
        self.stripe(name)
            .unsubscribe(name, shard, kind, is_last_of_shard, clock::now());
    }

    /// Whether a channel has subscribers.
    pub(crate) fn is_followed(&self, name: &str) -> bool {
        self.stripe(name).is_followed(name)
    }

    /// Returns how many subscribers a channel has.
    pub(crate) fn subscribers(&self, name: &str) -> Subscribers {
        self.stripe(name).subscribers(name)
    }

    /// Forgets the last id of a channel: the origin has named another one, and counts.
    pub(crate) fn forget_last(&self, name: &str) {
        self.stripe(name).forget_last(name);
    }

    /// Sequences an item, and calls `deliver` for what is due now, with the bits of the shards that
    /// have subscribers. It is called under the lock, so that all shards see the same order.
    pub(crate) fn publish(
        &self,
        item: Arc<EncodedItem>,
        mut deliver: impl FnMut(u64, Arc<EncodedItem>),
    ) -> Published {
        let mut stripe = self.stripe(&item.channel);
        let admission = stripe.admit(item, clock::now(), self.id_memory);
        if admission.shards != 0 {
            for item in admission.ready {
                deliver(admission.shards, item);
            }
        }
        Published {
            subscribers: admission.subscribers,
            is_duplicate: admission.is_duplicate,
            waits: admission.waits,
        }
    }

    /// Gives up on items that did not come in time, and delivers those that waited for them. To be
    /// called now and then while any wait.
    pub(crate) fn expire(&self, deliver: impl FnMut(u64, Arc<EncodedItem>)) -> Expired {
        self.expire_after(self.message_wait, deliver)
    }

    /// Delivers all items that wait for others.
    pub(crate) fn release(&self, deliver: impl FnMut(u64, Arc<EncodedItem>)) -> Expired {
        self.expire_after(Duration::ZERO, deliver)
    }

    fn expire_after(
        &self,
        wait: Duration,
        mut deliver: impl FnMut(u64, Arc<EncodedItem>),
    ) -> Expired {
        let now = clock::now();
        let mut expired = Expired::default();
        for stripe in &self.stripes {
            let mut stripe = lock(stripe);
            stripe.expire(now, wait, |shards, items| {
                expired.gaps += 1;
                for item in items {
                    deliver(shards, item);
                }
            });
            expired.more_wait |= stripe.is_waited_for();
        }
        expired
    }

    /// Gives unused memory of one stripe back: to be called for each of [`stripes`](Self::stripes)
    /// now and then. Returns whether there was anything to look at.
    pub(crate) fn sweep(&self, stripe: usize) -> bool {
        let sweep = |stripe| lock(stripe).sweep(clock::now(), self.id_memory);
        self.stripes.get(stripe).is_some_and(sweep)
    }

    pub(crate) fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// Returns the first `limit` channels with subscribers whose name comes behind `after`, by name.
    pub(crate) fn channels(&self, after: Option<&str>, limit: usize) -> Vec<ChannelInfo> {
        let mut channels = Vec::new();
        for stripe in &self.stripes {
            let stripe = lock(stripe);
            let first = first_behind(stripe.followed(), after.as_ref(), limit);
            channels.extend(first.into_iter().map(|(name, subscribers)| ChannelInfo {
                name: name.to_owned(),
                subscribers,
            }));
        }
        channels.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        channels.truncate(limit);
        channels
    }

    /// Returns how many channels have subscribers. It costs the same however many there are.
    pub(crate) fn followed(&self) -> usize {
        let stripes = self.stripes.iter();
        stripes.map(|stripe| lock(stripe).followed_count()).sum()
    }

    /// Returns how many channels are remembered, followed or not.
    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.stripes.iter().map(|stripe| lock(stripe).known()).sum()
    }

    fn stripe(&self, name: &str) -> MutexGuard<'_, Stripe> {
        let index = self.hasher.hash_one(name) as usize % self.stripes.len();
        // There is at least one, and the index is below their number.
        #[allow(clippy::indexing_slicing)]
        lock(&self.stripes[index])
    }
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    // A panic under the lock would leave a channel at worst without an item.
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}
