//! What failed at an endpoint, and who hears of it: a callback, and whoever waits or flushes.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::Duration,
};

use gripware_core::sig::SignError;
use http::StatusCode;
use thiserror::Error;

/// One endpoint that did not take some items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFailure {
    pub(crate) endpoint: Arc<str>,
    pub(crate) items: usize,
    pub(crate) attempts: u32,
    pub(crate) reason: FailureReason,
}

impl EndpointFailure {
    /// Returns the endpoint: a URL without its query, or the name of a sink.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns how many items it did not take.
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
    /// It stood in the queue for too long, and was not sent.
    #[error("not sent within {} ms", after.as_millis())]
    Expired {
        /// The time it had.
        after: Duration,
    },
    /// The task that was sending it ended: its runtime was shut down, or a transport panicked.
    #[error("the runtime was shut down")]
    Stopped,
}

impl FailureReason {
    /// Whether nothing was heard from the endpoint.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::TimedOut { .. } | Self::Broken { .. }
        )
    }
}

/// What is called for each failure, if anything.
#[derive(Clone, Default)]
pub(crate) struct OnFailure(Option<Arc<Callback>>);

type Callback = dyn Fn(&EndpointFailure) + Send + Sync;

impl OnFailure {
    pub(crate) fn new(call: impl Fn(&EndpointFailure) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(call)))
    }

    pub(crate) fn call(&self, failure: &EndpointFailure) {
        // Where it was this that panicked, a second time would end the process.
        if let Some(call) = &self.0
            && !thread::panicking()
        {
            // It has had its say on standard error, and the items behind have to be sent.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| call(failure)));
        }
    }
}

impl fmt::Debug for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "set" } else { "none" })
    }
}

/// Failures that nobody waited for, until somebody asks.
#[derive(Debug, Default)]
pub(crate) struct UnreportedFailures(Option<EndpointFailure>);

impl UnreportedFailures {
    /// Adds `items` that failed, and makes this failure's reason the last one.
    pub(crate) fn add(&mut self, failure: &EndpointFailure, items: usize) {
        if items == 0 {
            return;
        }
        let before = self.0.as_ref().map_or(0, |failure| failure.items);
        self.0 = Some(EndpointFailure {
            items: before + items,
            ..failure.clone()
        });
    }

    pub(crate) fn take(&mut self) -> Option<EndpointFailure> {
        self.0.take()
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

/// Failures of one call, gathered by endpoint. Endpoints are told apart by their place in the
/// list, since the names of two may differ in what is not shown.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<(usize, EndpointFailure)>);

impl Failures {
    /// Adds the failure of one item at an endpoint, which may stand for others too.
    pub(crate) fn add_one(&mut self, endpoint: usize, failure: &EndpointFailure) {
        let mut failure = EndpointFailure {
            items: 1,
            ..failure.clone()
        };
        match self.0.iter_mut().find(|(known, _)| *known == endpoint) {
            Some((_, known)) => {
                failure.items += known.items;
                *known = failure;
            }
            None => self.0.push((endpoint, failure)),
        }
    }

    /// Adds the failures of an endpoint that has none yet.
    pub(crate) fn extend(&mut self, endpoint: usize, failure: Option<EndpointFailure>) {
        self.0.extend(failure.map(|failure| (endpoint, failure)));
    }

    pub(crate) fn into_list(self) -> Vec<EndpointFailure> {
        self.0.into_iter().map(|(_, failure)| failure).collect()
    }
}
