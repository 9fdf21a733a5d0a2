//! Who hears of a failure: a callback, and whoever flushes.

use std::{fmt, sync::Arc, thread};

use crate::error::{EndpointFailure, PublishError};

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
            call(failure);
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
pub(crate) struct Unheard(Option<EndpointFailure>);

impl Unheard {
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
}

/// Failures of one call, gathered by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<EndpointFailure>);

impl Failures {
    /// Adds the failure of one item, which may stand for others too.
    pub(crate) fn add_one(&mut self, failure: &EndpointFailure) {
        let mut failure = EndpointFailure {
            items: 1,
            ..failure.clone()
        };
        let same = |known: &&mut EndpointFailure| known.endpoint == failure.endpoint;
        match self.0.iter_mut().find(same) {
            Some(known) => {
                failure.items += known.items;
                *known = failure;
            }
            None => self.0.push(failure),
        }
    }

    /// Adds the failures of endpoints that have none yet.
    pub(crate) fn extend(&mut self, failures: impl IntoIterator<Item = EndpointFailure>) {
        self.0.extend(failures);
    }

    /// What a call to `of` endpoints says.
    pub(crate) fn into_result(self, of: usize) -> Result<(), PublishError> {
        PublishError::endpoints(self.0, of)
    }
}
