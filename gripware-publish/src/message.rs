//! What is handed over: an item that is known to be valid, written once for all endpoints.

use std::borrow::Cow;

use bytes::Bytes;
use gripware_core::{Channel, ChannelError, Item, ItemError, item::ItemParts};
use tokio::time::Instant;

use crate::{
    PublishError,
    batch::{Entry, Reply},
    dispatch::Dispatch,
    endpoint_queue::EndpointQueue,
};

/// An item that is known to be valid, with its channel's whole name.
#[derive(Debug)]
pub(crate) struct Message {
    /// The channel and the item with the prefix; `None` if no sink needs them.
    for_sinks: Option<(Channel, ItemParts)>,
    /// Empty if no endpoint needs it.
    json: Bytes,
    is_repeatable: bool,
}

impl Message {
    pub(crate) fn cost(&self, queue: &EndpointQueue) -> u32 {
        queue.cost(self.json.len())
    }

    /// Returns the channel and the item as sinks take them; `None` if there is no sink.
    pub(crate) fn for_sinks(&self) -> Option<(&Channel, &ItemParts)> {
        self.for_sinks
            .as_ref()
            .map(|(channel, item)| (channel, item))
    }

    /// Returns the entry for the queue of one endpoint.
    pub(crate) fn entry(
        &self,
        queue: &EndpointQueue,
        give_up_at: Instant,
        reply: Option<Reply>,
        is_urgent: bool,
    ) -> Entry {
        Entry {
            json: self.json.clone(),
            is_repeatable: self.is_repeatable,
            cost: self.cost(queue),
            give_up_at,
            reply,
            is_urgent,
        }
    }
}

impl Dispatch {
    /// Looks at an item and writes its JSON. Nothing is sent where it is refused.
    pub(crate) fn message<C>(
        &self,
        index: usize,
        channel: C,
        item: &Item,
    ) -> Result<Message, PublishError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = valid(index, channel)?;
        self.encode(index, &channel, item)
    }

    /// The same for a channel that is known to be valid.
    pub(crate) fn encode(
        &self,
        index: usize,
        channel: &Channel,
        item: &Item,
    ) -> Result<Message, PublishError> {
        let whole = match self.prefix.as_str() {
            "" => Cow::Borrowed(channel),
            prefix => {
                let channel = channel.clone().with_prefix(prefix);
                Cow::Owned(channel.map_err(|error| PublishError::channel(index, error))?)
            }
        };
        let refused = |error| PublishError::item(index, error);
        let parts = item.parts().map_err(refused)?;
        let has_id = parts.id.is_some();
        let ids = self.ids.as_ref();
        let ids = ids.filter(|_| !has_id && parts.prev_id.is_none());
        let mut json = Vec::new();
        let queues = self.endpoints.queues();
        if !queues.is_empty() {
            // The members that an item with a new id has more stand first, so that it need not be
            // copied for them. Left out of the order, that id is looked at for repetition and for
            // nothing else.
            if let Some(ids) = ids {
                let id = ids.next();
                let no_seq = if parts.no_seq { "" } else { ",\"no-seq\":true" };
                json = format!("{{\"id\":\"{id}\"{no_seq}").into_bytes();
            }
            let start = json.len();
            item.encode_json(channel.name(), &self.prefix, &mut json)
                .map_err(refused)?;
            if let Some(open) = json.get_mut(start).filter(|_| start > 0) {
                *open = b',';
            }
        }
        let length = json.len();
        let limit = queues.iter().map(|queue| queue.max_item()).min();
        if let Some(limit) = limit.filter(|limit| length > *limit) {
            return Err(refused(ItemError::TooLarge { length, limit }));
        }
        let for_sinks = match self.sinks.is_empty() {
            true => None,
            false => {
                let item = item.clone().with_prefix(&self.prefix).into_parts();
                Some((whole.into_owned(), item.map_err(refused)?))
            }
        };
        Ok(Message {
            for_sinks,
            json: Bytes::from(json),
            is_repeatable: has_id || ids.is_some(),
        })
    }
}

/// A channel by whatever names it.
pub(crate) fn valid<C>(index: usize, channel: C) -> Result<Channel, PublishError>
where
    C: TryInto<Channel>,
    C::Error: Into<ChannelError>,
{
    let channel = channel.try_into().map_err(Into::into);
    channel.map_err(|error| PublishError::channel(index, error))
}
