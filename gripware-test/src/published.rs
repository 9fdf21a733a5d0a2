use gripware_core::{Channel, Item, ItemError, item::ItemParts};
use gripware_publish::{Sink, SinkError};

use crate::state::Shared;

/// An item that the application published, with the channel that it went to.
///
/// The channel has the prefix, where one is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    channel: String,
    item: Item,
    parts: ItemParts,
}

impl Published {
    pub(crate) fn new(channel: String, item: Item) -> Result<Self, ItemError> {
        let parts = item.parts()?.clone();
        Ok(Self {
            channel,
            item,
            parts,
        })
    }

    /// The name of the channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The item, to be compared with another one.
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// What the item consists of.
    #[must_use]
    pub fn parts(&self) -> &ItemParts {
        &self.parts
    }
}

/// Where a publisher leaves its items.
#[derive(Clone, Debug)]
pub(crate) struct Inbox(pub(crate) Shared);

impl Sink for Inbox {
    fn name(&self) -> &str {
        "the test's proxy"
    }

    fn accept(&self, channel: &Channel, item: &Item) -> Result<(), SinkError> {
        let published = Published::new(channel.name().to_owned(), item.clone())
            .map_err(|error| SinkError::new(error.to_string()))?;
        self.0.lock().publish(published).map_err(SinkError::new)
    }
}
