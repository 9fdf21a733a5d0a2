//! Who follows which channel, and where each channel is.
//!
//! A channel has its home in one of a fixed number of maps, by the hash of its name. Publishing
//! locks that map for as long as it takes to put the item in order and into the inboxes of the
//! shards that have subscribers; handing it to the connections is the shards' work, without a lock.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use super::stripe::shrink;
use super::{encoded_item::Parcel, stripe::Home};
use crate::{
    clock,
    inspect::{ChannelInfo, ConnectionKind, Subscribers},
};

/// How many maps there are: enough that publishers on all cores seldom meet.
const HOMES: usize = 64;

/// How many shards there can be at most, each of which has a bit in a channel's entry.
pub(crate) const MAX_SHARDS: usize = 64;

#[derive(Debug)]
pub(crate) struct Registry {
    homes: Box<[Mutex<Home>]>,
    hasher: RandomState,
    message_wait: Duration,
    id_memory: Duration,
}

/// What became of a published item.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) subscribers: Subscribers,
    pub(crate) is_duplicate: bool,
    /// Whether it waits for the one before it: [`Registry::expire`] is to be called.
    pub(crate) waits: bool,
}

/// What came of waiting.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    /// How many channels went on without an item.
    pub(crate) gaps: u64,
    pub(crate) more_wait: bool,
}

impl Registry {
    pub(crate) fn new(message_wait: Duration, id_memory: Duration) -> Self {
        Self {
            homes: (0..HOMES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            message_wait,
            id_memory,
        }
    }

    /// Counts a subscriber. Gives the name under which the channel is known, and its last id.
    pub(crate) fn subscribe(
        &self,
        name: &str,
        shard: usize,
        kind: ConnectionKind,
    ) -> (Arc<str>, Option<Box<str>>) {
        self.home(name).subscribe(name, shard, kind)
    }

    /// Counts a subscriber less, who may have been the last one of its shard.
    pub(crate) fn unsubscribe(
        &self,
        name: &Arc<str>,
        shard: usize,
        kind: ConnectionKind,
        is_last_of_shard: bool,
    ) {
        self.home(name)
            .unsubscribe(name, shard, kind, is_last_of_shard, clock::now());
    }

    /// Whether anybody follows a channel.
    pub(crate) fn is_followed(&self, name: &str) -> bool {
        self.home(name).is_followed(name)
    }

    /// Forgets where a channel is, as the origin says otherwise.
    pub(crate) fn forget_last(&self, name: &str) {
        self.home(name).forget_last(name);
    }

    /// Puts an item in order, and hands over what is to be delivered now: to the shards whose bit
    /// is set. `deliver` is called under the lock, so that all shards see the same order.
    pub(crate) fn publish(
        &self,
        parcel: Arc<Parcel>,
        mut deliver: impl FnMut(u64, Arc<Parcel>),
    ) -> Published {
        let mut home = self.home(&parcel.channel);
        let placed = home.place(parcel, clock::now(), self.id_memory);
        if placed.shards != 0 {
            for parcel in placed.ready {
                deliver(placed.shards, parcel);
            }
        }
        Published {
            subscribers: placed.subscribers,
            is_duplicate: placed.is_duplicate,
            waits: placed.waits,
        }
    }

    /// Gives up on items that did not come in time, and hands over those that waited for them.
    /// To be called now and then for as long as any wait.
    pub(crate) fn expire(&self, deliver: impl FnMut(u64, Arc<Parcel>)) -> Expired {
        self.expire_after(self.message_wait, deliver)
    }

    /// Hands over all items that wait for others.
    pub(crate) fn release(&self, deliver: impl FnMut(u64, Arc<Parcel>)) -> Expired {
        self.expire_after(Duration::ZERO, deliver)
    }

    fn expire_after(&self, wait: Duration, mut deliver: impl FnMut(u64, Arc<Parcel>)) -> Expired {
        let now = clock::now();
        let mut expired = Expired::default();
        for home in &self.homes {
            let mut home = lock(home);
            home.expire(now, wait, |shards, parcels| {
                expired.gaps += 1;
                for parcel in parcels {
                    deliver(shards, parcel);
                }
            });
            expired.more_wait |= home.is_waited_for();
        }
        expired
    }

    /// Gives memory back that is needed no longer, in one of the maps: to be called for each of
    /// [`homes`](Self::homes) now and then.
    pub(crate) fn sweep(&self, home: usize) {
        if let Some(home) = self.homes.get(home) {
            lock(home).sweep(clock::now(), self.id_memory);
        }
    }

    pub(crate) fn homes(&self) -> usize {
        self.homes.len()
    }

    /// The channels that somebody follows, by name.
    pub(crate) fn channels(&self) -> Vec<ChannelInfo> {
        let mut channels = Vec::new();
        for home in &self.homes {
            let home = lock(home);
            channels.extend(home.followed().map(|(name, subscribers)| ChannelInfo {
                name: name.to_owned(),
                subscribers,
            }));
        }
        channels.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        channels
    }

    /// Returns how many channels are remembered, followed or not.
    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.homes.iter().map(|home| lock(home).known()).sum()
    }

    fn home(&self, name: &str) -> MutexGuard<'_, Home> {
        let index = self.hasher.hash_one(name) as usize % self.homes.len();
        // There is at least one, and the index is below their number.
        #[allow(clippy::indexing_slicing)]
        lock(&self.homes[index])
    }
}

fn lock(home: &Mutex<Home>) -> MutexGuard<'_, Home> {
    // A panic under the lock would leave a channel at worst without an item.
    home.lock().unwrap_or_else(PoisonError::into_inner)
}
