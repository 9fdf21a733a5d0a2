//! Who hears of a failure: a callback, and whoever flushes.

use std::{fmt, sync::Arc, thread};

use crate::error::EndpointFailure;

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
