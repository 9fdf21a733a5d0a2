//! A sink of a publisher, with what it refused and nobody has been told of.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use gripware_core::{Channel, item::ItemParts};

use crate::{
    Sink,
    failure::{EndpointFailure, FailureReason, OnFailure, UnreportedFailures},
    trace,
};

/// A sink, with the failures that it has caused and nobody has been told of.
#[derive(Debug)]
pub(crate) struct SinkHandle {
    sink: Arc<dyn Sink>,
    unreported: Mutex<UnreportedFailures>,
    on_failure: OnFailure,
}

impl SinkHandle {
    pub(crate) fn new(sink: Arc<dyn Sink>, on_failure: OnFailure) -> Self {
        Self {
            sink,
            unreported: Mutex::default(),
            on_failure,
        }
    }

    /// Waits until there is room for an item, where there is none.
    pub(crate) fn room(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        self.sink.room()
    }

    /// Hands over an item. A refusal comes back, or is kept for whoever flushes.
    pub(crate) fn accept(
        &self,
        channel: &Channel,
        item: &ItemParts,
        is_awaited: bool,
    ) -> Option<EndpointFailure> {
        let error = self.sink.accept(channel, item).err()?;
        let failure = EndpointFailure {
            endpoint: self.sink.name().into(),
            items: 1,
            attempts: 1,
            reason: FailureReason::Refused {
                message: error.to_string(),
            },
        };
        trace::warning!(
            endpoint = %failure.endpoint,
            reason = %failure.reason,
            "an item was not published"
        );
        self.on_failure.call(&failure);
        if is_awaited {
            return Some(failure);
        }
        let mut unreported = self
            .unreported
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unreported.add(&failure, 1);
        None
    }

    pub(crate) fn unreported(&self) -> Option<EndpointFailure> {
        let mut unreported = self
            .unreported
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unreported.take()
    }
}
