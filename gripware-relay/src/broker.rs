//! What carries messages between nodes.

use std::{fmt, pin::Pin, sync::Arc};

use bytes::Bytes;
use thiserror::Error;

use crate::NodeId;

/// A future of a [`Broker`].
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries bytes between the nodes of one cluster; knows nothing of items.
///
/// A [`Relay`](crate::Relay) has at most one [`send`](Self::send) under way, and begins the next
/// one with what was not accepted, so that a broker never has to number or keep anything.
pub trait Broker: fmt::Debug + Send + Sync + 'static {
    /// What it is called in errors and in the log: mostly a URL without credentials.
    fn name(&self) -> &str;

    /// Returns the largest message it takes, in bytes. It may change, as with a server that was
    /// configured otherwise and restarted.
    fn max_message(&self) -> usize;

    /// Puts messages on their lanes, in their order.
    ///
    /// # Errors
    /// Where it is not known that all were accepted: the same messages are sent again later. A
    /// broker that accepted one of them and not the one before it must have accepted none.
    fn send(&self, messages: Vec<(Lane, Bytes)>) -> Task<'_, Result<Sent, BrokerError>>;

    /// Begins to receive: [`Lane::Items`], and [`Lane::Node`] of this node. What the cluster sends
    /// after [`Event::Connected`] is received. Reconnects for ever, with growing pauses.
    ///
    /// # Errors
    /// Where it cannot even begin. It is called again.
    fn receive(&self, own: &NodeId) -> Task<'_, Result<Box<dyn Incoming>, BrokerError>>;
}

/// What comes from a [`Broker`]. It buffers a bounded amount; what is more waits in the broker, or
/// is lost and told as [`Event::Missed`].
pub trait Incoming: fmt::Debug + Send {
    /// Waits for what comes next. Dropped before it is ready, it may take a message with it.
    fn next(&mut self) -> Task<'_, Event>;
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// Every node, the sender too. Each sees what one sender sent in its order. Whether all see the
    /// items of several senders in the same order depends on the broker; across publishers, as in
    /// GRIP, ids and previous ids order a channel.
    Items,
    /// One node.
    Node(NodeId),
}

/// What a broker said of messages that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// It has accepted them: whoever is connected gets them.
    Accepted,
    /// It never says. That they come back to the sender says it.
    Unconfirmed,
}

/// What happened at the receiving side.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message came.
    Message(Bytes),
    /// The broker is reached, for the first time or again.
    Connected {
        /// Whether nothing was missed since the last [`Event::Disconnected`]. `false` the first
        /// time.
        resumed: bool,
    },
    /// The broker is out of reach: once when that is noticed, and again for each attempt that fails.
    Disconnected(BrokerError),
    /// Messages were dropped on their way here, by the broker or by a full buffer.
    Missed,
}

/// Why a broker did not do something. No credentials are in it.
#[derive(Clone, Debug, Error)]
#[error("{kind} ({broker}){}{message}", if message.is_empty() { "" } else { ": " })]
pub struct BrokerError {
    kind: BrokerErrorKind,
    broker: Arc<str>,
    message: Arc<str>,
}

/// What kind of failure a [`BrokerError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BrokerErrorKind {
    /// The URL or a setting cannot be used.
    #[error("the broker's settings cannot be used")]
    Settings,
    /// It cannot be reached, or the connection broke.
    #[error("the broker cannot be reached")]
    Unreachable,
    /// It was reached and does not answer.
    #[error("the broker does not answer")]
    TimedOut,
    /// It refused the credentials, or what they are allowed to do is not enough.
    #[error("the broker refused the credentials or a permission")]
    Denied,
    /// A message is larger than it takes.
    #[error("the broker takes no message this large")]
    TooLarge,
    /// It refused for another reason, such as being out of memory.
    #[error("the broker refused")]
    Refused,
}

impl BrokerError {
    /// Returns an error of the broker with this name. `message` says more, without credentials.
    #[must_use]
    pub fn new(kind: BrokerErrorKind, broker: &str, message: impl fmt::Display) -> Self {
        Self {
            kind,
            broker: broker.into(),
            message: message.to_string().into(),
        }
    }

    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> BrokerErrorKind {
        self.kind
    }

    /// Whether it was refused for its credentials or what they allow: trying again is in vain until
    /// somebody changes something.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.kind == BrokerErrorKind::Denied
    }
}
