use gripware_core::{Channel, item::ItemParts, proxy::Sequential};
use gripware_publish::{Sink, SinkError};

use crate::state::Shared;

/// An item that the application published, with the channel that it went to.
///
/// The channel has the prefix, where one is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    channel: String,
    parts: ItemParts,
}

impl Published {
    pub(crate) fn new(channel: impl Into<String>, parts: ItemParts) -> Self {
        Self {
            channel: channel.into(),
            parts,
        }
    }

    /// Returns the name of the channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Returns what the item consists of.
    #[must_use]
    pub fn parts(&self) -> &ItemParts {
        &self.parts
    }
}

impl Sequential for Published {
    fn channel(&self) -> &str {
        &self.channel
    }

    fn id(&self) -> Option<&str> {
        self.parts.id.as_deref()
    }

    fn prev_id(&self) -> Option<&str> {
        self.parts.prev_id.as_deref()
    }

    fn no_seq(&self) -> bool {
        self.parts.no_seq
    }

    fn cost(&self) -> usize {
        // No test has as much as there is room for, and what it has is its own affair.
        0
    }
}

/// Where a publisher leaves its items.
#[derive(Clone, Debug)]
pub(crate) struct Inbox(pub(crate) Shared);

impl Sink for Inbox {
    fn name(&self) -> &str {
        "the test's proxy"
    }

    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        let published = Published::new(channel.name(), item.clone());
        self.0.lock().publish(published).map_err(SinkError::new)
    }
}
