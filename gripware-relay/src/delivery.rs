//! What comes out of a relay.

use std::fmt;

use bytes::Bytes;
use gripware_core::{
    Channel, Item,
    proxy::{DecodeError, decode_message},
};
use thiserror::Error;

use crate::{Envelope, NodeId};

/// What a relay has for its node.
#[derive(Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// An item, of any node: this one's own come the same way.
    Item(RelayedItem),
    /// Something was lost, or may have been. Whoever can recover asks the origin now.
    Lost(Loss),
    /// Another node asks something.
    Question(Question),
}

/// An item that came from the broker, not decoded yet.
#[derive(Clone, Debug)]
pub struct RelayedItem {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Node {
        envelope: Box<Envelope>,
        is_own: bool,
    },
    Foreign(Box<(Channel, Item)>),
}

impl RelayedItem {
    pub(crate) fn of_node(envelope: Envelope, is_own: bool) -> Self {
        Self {
            source: Source::Node {
                envelope: Box::new(envelope),
                is_own,
            },
        }
    }

    pub(crate) fn foreign(channel: Channel, item: Item) -> Self {
        Self {
            source: Source::Foreign(Box::new((channel, item))),
        }
    }

    /// Returns the channel's name. It is as it was sent: a name that no channel may have is found
    /// when the item is decoded.
    #[must_use]
    pub fn channel(&self) -> &str {
        match &self.source {
            Source::Node { envelope, .. } => &envelope.channel,
            Source::Foreign(pair) => pair.0.name(),
        }
    }

    /// Whether the item has an id, so that it changes where its channel is.
    #[must_use]
    pub fn has_id(&self) -> bool {
        match &self.source {
            Source::Node { envelope, .. } => envelope.id.is_some(),
            Source::Foreign(pair) => pair.1.has_id(),
        }
    }

    /// Whether this node has published the item, in this run of it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self.source, Source::Node { is_own: true, .. })
    }

    /// Decodes the item, with the limits that the control API has for what is published.
    ///
    /// # Errors
    /// Where it is none, or not for the channel that it was sent for. It comes from a broker whose
    /// members are not all ours, so this is possible at any time.
    pub fn into_item(self) -> Result<(Channel, Item), RelayedItemError> {
        let envelope = match self.source {
            Source::Foreign(pair) => return Ok(*pair),
            Source::Node { envelope, .. } => envelope,
        };
        let mut items = decode_message(&envelope.body)?.into_iter();
        match (items.next(), items.next()) {
            (Some((channel, item)), None) if channel.name() == envelope.channel => {
                Ok((channel, item))
            }
            _ => Err(RelayedItemError::Mismatch),
        }
    }
}

/// Why what came from a broker is no item.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RelayedItemError {
    /// It is not valid.
    #[error("an item of another node is not valid")]
    Invalid(#[from] DecodeError),
    /// It is not one item for the channel that its envelope names.
    #[error("an item of another node is not for the channel that its envelope names")]
    Mismatch,
}

/// That something was lost, and how that was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// How it was noticed. Of several ways at the same time it is the first.
    pub reason: LossReason,
}

/// How a loss was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// Numbers of a node are missing.
    Gap,
    /// The broker was out of reach, and does not keep what was sent meanwhile.
    Reconnected,
    /// This node has not heard its own beat for [`SILENCE`](crate::SILENCE).
    Silence,
    /// The broker, or a full buffer, dropped messages.
    Dropped,
}

impl LossReason {
    /// Returns `gap`, `reconnected`, `silence` or `dropped`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Reconnected => "reconnected",
            Self::Silence => "silence",
            Self::Dropped => "dropped",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A question of another node, to be answered with [`Relay::answer`](crate::Relay::answer). What is
/// asked is for those who ask to agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub(crate) asker: NodeId,
    pub(crate) number: String,
    pub(crate) body: Bytes,
}

impl Question {
    /// Returns who asks.
    #[must_use]
    pub fn asker(&self) -> &NodeId {
        &self.asker
    }

    /// Returns what is asked.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What the other nodes answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers {
    /// How many nodes were asked: all that live, but for the one that asked.
    pub asked: usize,
    /// Who answered in time, and what.
    pub answers: Vec<(NodeId, Bytes)>,
}

impl Answers {
    /// Whether every node that was asked has answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.answers.len() == self.asked
    }
}
