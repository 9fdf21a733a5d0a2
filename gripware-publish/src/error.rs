use std::{fmt, sync::Arc, time::Duration};

use gripware_core::{ChannelError, Item, ItemError, sig::SignError};
use http::StatusCode;
use thiserror::Error;

/// Why a publisher cannot be built. No credentials are in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The prefix cannot stand before a channel's name.
    #[error("the prefix cannot stand before a channel name")]
    Prefix {
        /// What is wrong with it.
        #[source]
        source: ChannelError,
    },
    /// Credentials would be sent over plain http to another host than this one.
    #[error("credentials for {endpoint} would be readable on the way; use https")]
    InsecureCredentials {
        /// The endpoint.
        endpoint: String,
    },
    /// Credentials that no header can carry, or a key that cannot sign.
    #[error("the credentials for {endpoint} cannot be sent")]
    Credentials {
        /// The endpoint.
        endpoint: String,
    },
    /// An endpoint with https, while the feature `tls` is off and there is no other transport.
    #[error("{endpoint} needs the feature `tls` or a transport of one's own")]
    NoTls {
        /// The endpoint.
        endpoint: String,
    },
    /// No address of a ZeroMQ socket, such as `tcp://127.0.0.1:5560`.
    #[error("`{address}` is no ZeroMQ address with a host and a port")]
    ZeroMqAddress {
        /// The text.
        address: String,
    },
    /// The system's certificates could not be read.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What the system said.
        reason: String,
    },
    /// A bound or a time that has to be more.
    #[error("{setting} has to be at least {least}")]
    TooSmall {
        /// Which setting.
        setting: &'static str,
        /// The least that can be used.
        least: usize,
    },
}

/// Why items were not published.
///
/// Where endpoints refused them, [`failures`](Self::failures) says which and why; the others took
/// theirs. No credentials and no query of a URL are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishError {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Channel(usize, ChannelError),
    Item(usize, ItemError),
    NoEndpoint,
    Closed,
    NoRuntime,
    Endpoints {
        failures: Vec<EndpointFailure>,
        /// How many endpoints there are.
        of: usize,
    },
}

impl PublishError {
    pub(crate) fn channel(index: usize, error: ChannelError) -> Self {
        Self {
            kind: Kind::Channel(index, error),
        }
    }

    pub(crate) fn item(index: usize, error: ItemError) -> Self {
        Self {
            kind: Kind::Item(index, error),
        }
    }

    pub(crate) fn no_endpoint() -> Self {
        Self {
            kind: Kind::NoEndpoint,
        }
    }

    pub(crate) fn closed() -> Self {
        Self { kind: Kind::Closed }
    }

    pub(crate) fn no_runtime() -> Self {
        Self {
            kind: Kind::NoRuntime,
        }
    }

    /// Nothing, where nothing failed at any `of` the endpoints.
    pub(crate) fn endpoints(failures: Vec<EndpointFailure>, of: usize) -> Result<(), Self> {
        if failures.is_empty() {
            return Ok(());
        }
        Err(Self {
            kind: Kind::Endpoints { failures, of },
        })
    }

    /// Whether the channel or the item is one that can never be published. Nothing was sent.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.kind, Kind::Channel(..) | Kind::Item(..))
    }

    /// Whether there is no endpoint to publish to.
    #[must_use]
    pub fn is_unconfigured(&self) -> bool {
        matches!(self.kind, Kind::NoEndpoint)
    }

    /// Whether the publisher had been closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.kind, Kind::Closed)
    }

    /// Whether at least one endpoint took all of the items: the clients behind it get them.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        matches!(&self.kind, Kind::Endpoints { failures, of } if failures.len() < *of)
    }

    /// Which of several items is the invalid one, counted from 0.
    #[must_use]
    pub fn item_index(&self) -> Option<usize> {
        match self.kind {
            Kind::Channel(index, _) | Kind::Item(index, _) => Some(index),
            _ => None,
        }
    }

    /// The endpoints that did not take all of the items. Empty where nothing was sent.
    #[must_use]
    pub fn failures(&self) -> &[EndpointFailure] {
        match &self.kind {
            Kind::Endpoints { failures, .. } => failures,
            _ => &[],
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Channel(..) => f.write_str("the channel to publish to is not valid"),
            Kind::Item(..) => f.write_str("the item to publish is not valid"),
            Kind::NoEndpoint => {
                f.write_str("there is no endpoint to publish to; GRIP_URL names one")
            }
            Kind::Closed => f.write_str("the publisher is closed"),
            Kind::NoRuntime => f.write_str("publishing needs a tokio runtime"),
            Kind::Endpoints { failures, .. } => {
                for (index, failure) in failures.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{failure}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for PublishError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Channel(_, error) => Some(error),
            Kind::Item(_, error) => Some(error),
            _ => None,
        }
    }
}

/// One endpoint that did not take some items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFailure {
    pub(crate) endpoint: Arc<str>,
    pub(crate) items: usize,
    pub(crate) attempts: u32,
    pub(crate) reason: FailureReason,
}

impl EndpointFailure {
    /// The endpoint: a URL without its query, or the name of a sink.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many items it did not take.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }

    /// How often the last of them was tried. 0 where it was not sent at all.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Why; of several reasons the last.
    #[must_use]
    pub fn reason(&self) -> &FailureReason {
        &self.reason
    }
}

impl fmt::Display for EndpointFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint,
            items,
            attempts,
            reason,
        } = self;
        let plural = if *items == 1 { "" } else { "s" };
        write!(f, "{endpoint} did not take {items} item{plural}: {reason}")?;
        if *attempts > 1 {
            write!(f, " (tried {attempts} times)")?;
        }
        Ok(())
    }
}

/// Why an endpoint did not take an item.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// It answered with another status than 2xx.
    #[error("{status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Status {
        /// The status.
        status: StatusCode,
        /// The first line of its answer, cut to 200 bytes.
        message: String,
    },
    /// It could not be reached.
    #[error("no connection: {message}")]
    Connect {
        /// What the system said.
        message: String,
    },
    /// It did not answer in time. It may have taken the item.
    #[error("no answer within {} ms", after.as_millis())]
    TimedOut {
        /// The time it had.
        after: Duration,
    },
    /// The connection broke before it answered. It may have taken the item.
    #[error("the connection broke: {message}")]
    Broken {
        /// What the system said.
        message: String,
    },
    /// The credentials could not be signed.
    #[error("the credentials could not be signed: {0}")]
    Credentials(SignError),
    /// A sink refused it.
    #[error("{message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// The runtime that was sending it was shut down.
    #[error("the runtime was shut down")]
    Stopped,
}

/// Why an item was not put in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The queue of an endpoint is full. The item is given back.
    #[error("the queue of {endpoint} is full")]
    Full {
        /// The endpoint.
        endpoint: String,
        /// The item as it was given.
        item: Box<Item>,
    },
    /// It can never be put there: it is not valid, there is no endpoint or no runtime, or the
    /// publisher is closed.
    #[error(transparent)]
    Refused(#[from] PublishError),
}
