//! A sink of a publisher, with what it refused and nobody has been told of.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use gripware_core::{Channel, item::ItemParts};

use crate::{
    Confirmation, Sink, SinkError,
    confirmations::Confirmations,
    failure::{EndpointFailure, FailureReason, OnFailure, UnreportedFailures},
    trace,
};

/// A sink, with the failures that it has caused and nobody has been told of.
#[derive(Debug)]
pub(crate) struct SinkHandle {
    sink: Arc<dyn Sink>,
    confirmations: Confirmations,
    unreported: Mutex<UnreportedFailures>,
    on_failure: OnFailure,
}

impl SinkHandle {
    pub(crate) fn new(sink: Arc<dyn Sink>, on_failure: OnFailure) -> Self {
        Self {
            sink,
            confirmations: Confirmations::default(),
            unreported: Mutex::default(),
            on_failure,
        }
    }

    /// Waits until there is room for an item, where there is none.
    pub(crate) fn room(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        self.sink.room()
    }

    /// Hands over an item that somebody waits for.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        channel: &Channel,
        item: &ItemParts,
    ) -> Result<Option<AwaitedConfirmation>, EndpointFailure> {
        let confirmation = self.sink.deliver(channel, item);
        let confirmation = confirmation.map_err(|error| self.told(&error))?;
        Ok(confirmation.map(|confirmation| AwaitedConfirmation {
            handle: Arc::clone(self),
            confirmation: Some(confirmation),
        }))
    }

    /// Hands over an item that nobody waits for: a failure is kept for whoever flushes.
    pub(crate) fn enqueue(&self, channel: &Channel, item: &ItemParts) {
        match self.sink.deliver(channel, item) {
            Ok(None) => {}
            Ok(Some(confirmation)) => self.keep(confirmation),
            Err(error) => self.fail(&error),
        }
    }

    /// Gives turns to WebSockets, where the sink can.
    pub(crate) fn refresh(&self, connections: &mut dyn Iterator<Item = &str>) -> bool {
        self.sink.refresh(connections)
    }

    /// Waits for the confirmations of all items that were enqueued before.
    pub(crate) async fn settle(&self) {
        self.confirmations.settle(|error| self.fail(error)).await;
    }

    pub(crate) fn unreported(&self) -> Option<EndpointFailure> {
        let mut unreported = self
            .unreported
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unreported.take()
    }

    fn keep(&self, confirmation: Confirmation) {
        let fail = |error: &SinkError| self.fail(error);
        self.confirmations.push(confirmation, fail);
    }

    /// Notes a failure of an item that nobody waits for.
    fn fail(&self, error: &SinkError) {
        let failure = self.told(error);
        let mut unreported = self
            .unreported
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unreported.add(&failure, 1);
    }

    /// Tells the log and the callback of a failure.
    fn told(&self, error: &SinkError) -> EndpointFailure {
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
        failure
    }
}

/// The confirmation of an item that somebody waits for. Where the wait is given up, whoever flushes
/// is told.
pub(crate) struct AwaitedConfirmation {
    handle: Arc<SinkHandle>,
    confirmation: Option<Confirmation>,
}

impl AwaitedConfirmation {
    pub(crate) async fn wait(mut self) -> Result<(), EndpointFailure> {
        let Some(confirmation) = &mut self.confirmation else {
            return Ok(());
        };
        let outcome = confirmation.await;
        self.confirmation = None;
        outcome.map_err(|error| self.handle.told(&error))
    }
}

impl Drop for AwaitedConfirmation {
    fn drop(&mut self) {
        if let Some(confirmation) = self.confirmation.take() {
            self.handle.keep(confirmation);
        }
    }
}
