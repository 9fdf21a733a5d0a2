use gripware_core::ItemError;
use thiserror::Error;

/// Why an item was not passed to the other nodes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The item cannot be published.
    #[error("the item cannot be published")]
    Item(#[from] ItemError),
    /// It is larger than the broker takes.
    #[error("an item of {length} bytes is over the broker's limit of {limit}")]
    TooLarge {
        /// Its length in bytes, with what a node puts around it.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Too many items wait for the broker.
    #[error("{limit} bytes of items wait for the broker already")]
    Full {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It was not sent in time, and will not be.
    #[error("the broker did not take the item in time; it was not sent")]
    NotSent,
    /// It was sent, and the broker has not said that it accepted it. It may reach subscribers, now
    /// or when the broker is back.
    #[error("it is not known whether the item was delivered: the broker has not confirmed it")]
    Unknown,
    /// The relay is closed.
    #[error("the relay is closed")]
    Closed,
}

impl PublishError {
    /// Whether the item may have been delivered although this is an error. Publishing it again is
    /// safe with the same id, by which it is delivered once.
    #[must_use]
    pub fn may_be_delivered(&self) -> bool {
        *self == Self::Unknown
    }
}
