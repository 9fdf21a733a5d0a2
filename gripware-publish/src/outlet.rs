use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use gripware_core::{Channel, Item};

use crate::{
    Sink,
    failure::{EndpointFailure, FailureReason, OnFailure, Unheard},
    trace,
};

/// The way to one sink: a call, and the memory of what it refused.
#[derive(Debug)]
pub(crate) struct Outlet {
    sink: Arc<dyn Sink>,
    unheard: Mutex<Unheard>,
    on_failure: OnFailure,
}

impl Outlet {
    pub(crate) fn new(sink: Arc<dyn Sink>, on_failure: OnFailure) -> Self {
        Self {
            sink,
            unheard: Mutex::default(),
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
        item: &Item,
        is_heard: bool,
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
        if is_heard {
            return Some(failure);
        }
        let mut unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        unheard.add(&failure, 1);
        None
    }

    pub(crate) fn unheard(&self) -> Option<EndpointFailure> {
        let mut unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        unheard.take()
    }
}
