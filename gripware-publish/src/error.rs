//! Why publishing failed.

use std::fmt;

use gripware_core::{Channel, ChannelError, Item, ItemError};
use http::StatusCode;
use thiserror::Error;

use crate::EndpointFailure;

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
    Closed {
        handed_over: usize,
        failures: Vec<EndpointFailure>,
    },
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

    /// The publisher was closed when so many items had been handed over.
    pub(crate) fn closed(handed_over: usize, failures: Vec<EndpointFailure>) -> Self {
        Self {
            kind: Kind::Closed {
                handed_over,
                failures,
            },
        }
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

    /// Returns `true` if the channel or the item is one that can never be published. Nothing was
    /// sent.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.kind, Kind::Channel(..) | Kind::Item(..))
    }

    /// Returns `true` if there is no endpoint to publish to.
    #[must_use]
    pub fn is_unconfigured(&self) -> bool {
        matches!(self.kind, Kind::NoEndpoint)
    }

    /// Returns `true` if the publisher had been closed. Of several items, the first
    /// [`handed_over`](Self::handed_over) may have been sent before that.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.kind, Kind::Closed { .. })
    }

    /// Returns how many items, from the first, had been handed over when the publisher was closed.
    /// They were sent, and [`failures`](Self::failures) has what became of those that did not
    /// arrive. 0 where it was closed before, and for every other error.
    #[must_use]
    pub fn handed_over(&self) -> usize {
        match self.kind {
            Kind::Closed { handed_over, .. } => handed_over,
            _ => 0,
        }
    }

    /// Returns `true` if at least one endpoint took all of the items: the clients behind it get
    /// them.
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

    /// What is wrong with the invalid item; `None` for every other error.
    #[must_use]
    pub fn item_error(&self) -> Option<&ItemError> {
        match &self.kind {
            Kind::Item(_, error) => Some(error),
            _ => None,
        }
    }

    /// What a gateway would answer where this is all that went wrong: 500 where the channel or the
    /// item was built wrong, 502 for everything else.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        if self.is_invalid() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_GATEWAY
        }
    }

    /// Returns the endpoints that did not take all of the items. Empty where nothing was sent.
    #[must_use]
    pub fn failures(&self) -> &[EndpointFailure] {
        match &self.kind {
            Kind::Endpoints { failures, .. } | Kind::Closed { failures, .. } => failures,
            _ => &[],
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Channel(..) => f.write_str("the channel to publish to is not valid"),
            Kind::Item(_, error @ ItemError::TooLarge { .. }) => error.fmt(f),
            Kind::Item(..) => f.write_str("the item to publish is not valid"),
            Kind::NoEndpoint => {
                f.write_str("there is no endpoint to publish to; GRIP_URL names one")
            }
            Kind::Closed { handed_over: 0, .. } => f.write_str("the publisher is closed"),
            Kind::Closed {
                handed_over,
                failures,
            } => {
                let plural = if *handed_over == 1 { "" } else { "s" };
                write!(
                    f,
                    "the publisher was closed after {handed_over} item{plural}"
                )?;
                failures
                    .iter()
                    .try_for_each(|failure| write!(f, "; {failure}"))
            }
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
            // It is what this error says itself.
            Kind::Item(_, ItemError::TooLarge { .. }) => None,
            Kind::Item(_, error) => Some(error),
            _ => None,
        }
    }
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
        /// The channel as it was given, without the prefix.
        channel: Box<Channel>,
        /// The item as it was given.
        item: Box<Item>,
    },
    /// It can never be put there: it is not valid, there is no endpoint or no runtime, or the
    /// publisher is closed.
    #[error(transparent)]
    Refused(#[from] PublishError),
}
