//! Hands a message to every endpoint's queue and every sink, with backpressure.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use gripware_core::{Channel, ChannelError, Item};
use tokio::{
    runtime::Handle,
    sync::{SemaphorePermit, TryAcquireError, oneshot},
    time::Instant,
};

use crate::{
    batch::Reply,
    endpoint_queue::EndpointQueue,
    error::{EnqueueError, PublishError},
    failure::Failures,
    message::{Message, valid},
    random::Ids,
    sink_handle::SinkHandle,
};

/// Hands items to the queues of all endpoints and to all sinks of a publisher.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    pub(crate) prefix: String,
    pub(crate) queues: Vec<Arc<EndpointQueue>>,
    pub(crate) sinks: Vec<SinkHandle>,
    pub(crate) ids: Option<Ids>,
    /// How long an item may stand in a queue.
    pub(crate) give_up_after: Duration,
    /// Where to send; `None` for the runtime of whoever publishes.
    pub(crate) runtime: Option<Handle>,
    /// Read while a message is put in the queues, so that closing sees it in all or in none. No
    /// code of the application runs meanwhile: it may publish or close itself.
    pub(crate) is_closed: RwLock<bool>,
}

impl Dispatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.sinks.is_empty()
    }

    /// Hands messages over in their order, and waits for all answers.
    pub(crate) async fn publish(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<(), PublishError> {
        let runtime = self.runtime()?;
        let mut failures = Failures::default();
        let mut answers = Vec::with_capacity(self.queues.len());
        let mut confirmations = Vec::new();
        let mut handed_over = 0;
        let mut is_closed = false;
        let starting = self.starting(runtime.as_ref());
        for message in messages {
            for sink in &self.sinks {
                if let Some(room) = sink.room() {
                    // Until then the queues need not wait with what they have.
                    self.start(runtime.as_ref());
                    room.await;
                }
            }
            let has_room = self.reserve(&message, runtime.as_ref()).await;
            let reply = |index| {
                let (reply, answer) = oneshot::channel();
                answers.push((index, answer));
                Some(reply)
            };
            is_closed = !has_room || !self.push(&message, reply);
            if is_closed {
                break;
            }
            handed_over += 1;
            let Some((channel, item)) = message.for_sinks() else {
                continue;
            };
            for (index, sink) in self.sinks.iter().enumerate() {
                let index = self.queues.len() + index;
                match sink.deliver(channel, item) {
                    Ok(confirmation) => {
                        confirmations.extend(confirmation.map(|it| (index, it)));
                    }
                    Err(failure) => failures.add_one(index, &failure),
                }
            }
        }
        drop(starting);
        for (index, answer) in answers {
            // An answer that never comes is that of a task which was dropped.
            let stopped = || {
                self.queues
                    .get(index)
                    .map_or(Ok(()), |queue| Err(queue.stopped()))
            };
            if let Err(failure) = answer.await.unwrap_or_else(|_| stopped()) {
                failures.add_one(index, &failure);
            }
        }
        for (index, confirmation) in confirmations {
            if let Err(failure) = confirmation.wait().await {
                failures.add_one(index, &failure);
            }
        }
        if is_closed {
            return Err(PublishError::closed(handed_over, failures.into_list()));
        }
        self.result(failures)
    }

    /// Hands one item over. Where there is no room, it is given back.
    pub(crate) fn enqueue<C>(&self, channel: C, item: Item) -> Result<(), EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = valid(0, channel)?;
        let message = self.encode(0, &channel, &item)?;
        let runtime = self.runtime()?;
        let closed = || PublishError::closed(0, Vec::new());
        let mut permits = Vec::with_capacity(self.queues.len());
        for queue in &self.queues {
            match queue.room().try_acquire_many(message.cost(queue)) {
                Ok(permit) => permits.push(permit),
                Err(TryAcquireError::Closed) => return Err(closed().into()),
                Err(TryAcquireError::NoPermits) => {
                    return Err(EnqueueError::Full {
                        endpoint: queue.name().to_string(),
                        channel: Box::new(channel),
                        item: Box::new(item),
                    });
                }
            }
        }
        permits.into_iter().for_each(SemaphorePermit::forget);
        let starting = self.starting(runtime.as_ref());
        if !self.push(&message, |_| None) {
            return Err(closed().into());
        }
        if let Some((channel, item)) = message.for_sinks() {
            self.sinks
                .iter()
                .for_each(|sink| sink.enqueue(channel, item));
        }
        drop(starting);
        Ok(())
    }

    /// Waits for everything that was handed over until now.
    pub(crate) async fn flush(&self) -> Result<(), PublishError> {
        let targets: Vec<_> = self.queues.iter().map(|queue| queue.pushed()).collect();
        for (queue, target) in self.queues.iter().zip(targets) {
            queue.wait_for(target).await;
        }
        for sink in &self.sinks {
            sink.settle().await;
        }
        // From here on nothing waits, so that what is taken out is told.
        let queues = self.queues.iter().map(|queue| queue.unreported());
        let sinks = self.sinks.iter().map(SinkHandle::unreported);
        let mut failures = Failures::default();
        for (index, failure) in queues.chain(sinks).enumerate() {
            failures.extend(index, failure);
        }
        self.result(failures)
    }

    pub(crate) fn close(&self) {
        let mut is_closed = self
            .is_closed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *is_closed = true;
        drop(is_closed);
        for queue in &self.queues {
            // Those who wait for room learn that there will be none.
            queue.room().close();
        }
    }

    fn result(&self, failures: Failures) -> Result<(), PublishError> {
        PublishError::endpoints(failures.into_list(), self.queues.len() + self.sinks.len())
    }

    /// Takes room for a message in all queues. Until it has it in each, no queue has the message.
    /// Returns `false` if the publisher is closed.
    async fn reserve(&self, message: &Message, runtime: Option<&Handle>) -> bool {
        let mut permits = Vec::with_capacity(self.queues.len());
        for queue in &self.queues {
            let cost = message.cost(queue);
            let permit = match queue.room().try_acquire_many(cost) {
                Err(TryAcquireError::NoPermits) => {
                    // The room may be taken by what was put there a moment ago.
                    self.start(runtime);
                    queue.room().acquire_many(cost).await.ok()
                }
                permit => permit.ok(),
            };
            let Some(permit) = permit else { return false };
            permits.push(permit);
        }
        // It comes back when the item is done.
        permits.into_iter().for_each(SemaphorePermit::forget);
        true
    }

    /// Puts a message in all queues, in which room is reserved. Returns `false` if the publisher is
    /// closed.
    fn push(&self, message: &Message, mut reply: impl FnMut(usize) -> Option<Reply>) -> bool {
        let Some(open) = self.open() else {
            return false;
        };
        let give_up_at = Instant::now() + self.give_up_after;
        for (index, queue) in self.queues.iter().enumerate() {
            queue.push(message.entry(queue, give_up_at, reply(index)));
        }
        drop(open);
        true
    }

    /// Returns a guard that keeps the publisher open; `None` if it is closed.
    fn open(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let is_closed = self.is_closed.read();
        let is_closed = is_closed.unwrap_or_else(PoisonError::into_inner);
        (!*is_closed).then_some(is_closed)
    }

    /// Returns the runtime to send on; `None` if there is no endpoint, and so nothing to send.
    fn runtime(&self) -> Result<Option<Handle>, PublishError> {
        if self.is_empty() {
            return Err(PublishError::no_endpoint());
        }
        if self.open().is_none() {
            return Err(PublishError::closed(0, Vec::new()));
        }
        if self.queues.is_empty() {
            return Ok(None);
        }
        if let Some(runtime) = &self.runtime {
            return Ok(Some(runtime.clone()));
        }
        let runtime = Handle::try_current();
        runtime.map(Some).map_err(|_| PublishError::no_runtime())
    }

    fn start(&self, runtime: Option<&Handle>) {
        if let Some(runtime) = runtime {
            self.queues.iter().for_each(|queue| queue.start(runtime));
        }
    }

    fn starting<'a>(&'a self, runtime: Option<&'a Handle>) -> Starting<'a> {
        Starting {
            dispatch: self,
            runtime,
        }
    }
}

/// Starts the queues when it is dropped. That is after the last item, so that a list goes in one
/// request, and also where the last is never reached: the publisher was closed meanwhile,
/// or a sink panicked.
struct Starting<'a> {
    dispatch: &'a Dispatch,
    runtime: Option<&'a Handle>,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.dispatch.start(self.runtime);
    }
}
