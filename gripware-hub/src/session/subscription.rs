//! What a client is subscribed to, and what filters know of it (GRIP 1.9).

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use gripware_core::{
    Channel, Filter,
    proxy::{Subject, Verdict},
};

use super::ClientState;
use crate::channels::encoded_item::EncodedItem;

/// That a connection follows a channel.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) channel: Arc<str>,
    pub(crate) filters: Box<[Filter]>,
    /// The id up to which the client has seen the channel, where the origin named one. For a
    /// WebSocket it is the one that the origin named, whatever came since.
    pub(crate) place: Option<Box<str>>,
    /// Where it stands in the shard's list for the channel.
    pub(crate) position: u32,
}

/// What is known of a connection beside its channels (GRIP 1.9). Mostly nothing, which takes no
/// memory.
#[derive(Debug, Default)]
pub(crate) struct Meta(Box<[(Box<str>, Box<str>)]>);

/// How many items of meta an instruction gives a connection at most. More are not set.
const MAX_META: usize = 64;

impl Subscription {
    /// Whether an item follows what the client has seen. One that is in no order always does.
    pub(crate) fn fits(&self, item: &EncodedItem) -> bool {
        self.place.is_none() || item.no_seq || self.place == item.prev_id
    }

    /// Notes that the client has seen an item.
    pub(crate) fn moved(&mut self, item: &EncodedItem) {
        if self.place.is_some() && !item.no_seq {
            self.place.clone_from(&item.id);
        }
    }
}

impl Meta {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| **known == *name);
        found.map(|(_, value)| &**value)
    }

    /// Sets an item, or removes it. One more than `limit` is not set.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>, limit: usize) {
        let mut items = std::mem::take(&mut self.0).into_vec();
        let known = items.iter().position(|(known, _)| **known == *name);
        if let Some(known) = known {
            items.swap_remove(known);
        }
        if let Some(value) = value.filter(|_| items.len() < limit) {
            items.push((name.into(), value.into()));
        }
        self.0 = items.into();
    }

    pub(crate) fn replace(&mut self, meta: &BTreeMap<String, String>) {
        let own = |(name, value): (&String, &String)| (name.as_str().into(), value.as_str().into());
        self.0 = meta.iter().take(MAX_META).map(own).collect();
    }
}

impl ClientState {
    /// Returns whether the origin has said before that the client is at this place of a channel.
    pub(crate) fn is_at(&self, channel: &Channel) -> bool {
        let mut all = self.subscriptions.iter();
        let known = all.find(|it| *it.channel == *channel.name());
        known.is_some_and(|it| it.place.is_some() && it.place.as_deref() == channel.prev_id())
    }

    /// Returns whether an item follows what the client has seen, for one of its subscriptions. One
    /// for this client alone always does.
    pub(super) fn fits(&self, index: Option<usize>, item: &EncodedItem) -> bool {
        let subscription = index.and_then(|index| self.subscriptions.get(index));
        subscription.is_none_or(|it| it.fits(item))
    }

    /// Notes that the client has seen an item.
    pub(super) fn moved(&mut self, index: Option<usize>, item: &EncodedItem) {
        if let Some(subscription) = index.and_then(|index| self.subscriptions.get_mut(index)) {
            subscription.moved(item);
        }
    }

    /// Sends a content through the filters of a subscription.
    pub(super) fn filtered(
        &self,
        index: Option<usize>,
        item: &EncodedItem,
        content: &Bytes,
        wanted: &[Filter],
    ) -> Verdict {
        let subscription = index.and_then(|index| self.subscriptions.get(index));
        let filters = subscription.map_or(&[][..], |it| &it.filters);
        if filters.is_empty() && wanted.is_empty() {
            return Verdict::Send(content.clone());
        }
        let subject = Subject {
            filters,
            last_id: &|channel| {
                let mut all = self.subscriptions.iter();
                let found = all.find(|it| *it.channel == *channel)?;
                Some(found.place.as_deref().unwrap_or_default())
            },
            meta: &|name| self.meta.get(name),
            item_meta: &item.meta,
        };
        let verdict = subject.apply(content, wanted);
        if verdict == Verdict::Fail {
            // Perhaps for many connections at once, so that a warning for each would say too much.
            tracing::debug!(
                target: crate::log::TARGET,
                channel = %item.channel,
                ?filters,
                ?wanted,
                "an item is left out: a filter cannot be applied to it"
            );
        }
        verdict
    }
}
