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
    endpoint_factory::EndpointFactory,
    endpoint_queue::EndpointQueue,
    endpoints::{Endpoints, Queues},
    error::{EnqueueError, PublishError},
    failure::Failures,
    handed_over::HandedOver,
    message::{Message, valid},
    random::Ids,
    sink_handle::SinkHandle,
};

/// Hands items to the queues of all endpoints and to all sinks of a publisher.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) prefix: String,
    pub(crate) endpoints: Endpoints,
    pub(crate) sinks: Vec<Arc<SinkHandle>>,
    pub(crate) ids: Option<Ids>,
    /// How long an item may stand in a queue.
    pub(crate) give_up_after: Duration,
    /// Where to send; `None` for the runtime of whoever publishes.
    pub(crate) runtime: Option<Handle>,
    /// Read while a message is put in the queues, so that closing sees it in all or in none. No
    /// code of the application runs meanwhile: it may publish or close itself.
    pub(crate) is_closed: RwLock<bool>,
}

/// Without endpoints, for those that are added later, and with the defaults of the builder.
impl Default for Dispatch {
    fn default() -> Self {
        let factory = EndpointFactory::default();
        Self {
            prefix: String::new(),
            give_up_after: factory.give_up_after,
            endpoints: Endpoints::none(factory),
            sinks: Vec::new(),
            ids: Some(Ids::new()),
            runtime: None,
            is_closed: RwLock::default(),
        }
    }
}

impl Dispatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoints.queues().is_empty() && self.sinks.is_empty()
    }

    /// Hands messages over in their order, and waits for all answers.
    pub(crate) async fn publish(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<(), PublishError> {
        let queues = self.endpoints.queues();
        let runtime = self.runtime(&queues)?;
        let mut handed_over = HandedOver::new(Arc::clone(&queues), self.sinks.len());
        let mut count = 0;
        let mut is_closed = false;
        let starting = Starting::of(&queues, runtime.as_ref());
        for message in messages {
            for sink in &self.sinks {
                if let Some(room) = sink.room() {
                    // Until then the queues need not wait with what they have.
                    starting.now();
                    room.await;
                }
            }
            let has_room = reserve(&message, &starting).await;
            let reply = |index| Some(handed_over.reply(index));
            is_closed = !has_room || !self.push(&message, &queues, true, reply);
            if is_closed {
                break;
            }
            count += 1;
            if let Some((channel, item)) = message.for_sinks() {
                for (index, sink) in self.sinks.iter().enumerate() {
                    handed_over.sink(index, sink.deliver(channel, item));
                }
            }
        }
        drop(starting);
        if is_closed {
            let failures = handed_over.failures().await;
            return Err(PublishError::closed(count, failures.into_list()));
        }
        handed_over.outcome().await
    }

    /// Gives turns to WebSockets, where one sink is all that there is. Those of several proxies would have
    /// to be asked which of them holds which.
    pub(crate) fn refresh(&self, connections: &mut dyn Iterator<Item = &str>) -> bool {
        match &self.sinks[..] {
            [sink] if self.endpoints.queues().is_empty() && self.open().is_some() => {
                sink.refresh(connections)
            }
            _ => false,
        }
    }

    /// Hands one item over, of which nobody hears but who flushes. Where there is no room, it is
    /// given back.
    pub(crate) fn enqueue<C>(&self, channel: C, item: Item) -> Result<(), EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let message = self.try_push(channel, item, |_| None)?.1;
        if let Some((channel, item)) = message.for_sinks() {
            self.sinks
                .iter()
                .for_each(|sink| sink.enqueue(channel, item));
        }
        Ok(())
    }

    /// Hands one item over, and returns what says what became of it.
    pub(crate) fn enqueue_with_outcome<C>(
        &self,
        channel: C,
        item: Item,
    ) -> Result<HandedOver, EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let mut replies = Vec::new();
        let reply = |index| {
            let (reply, answer) = oneshot::channel();
            replies.push((index, answer));
            Some(reply)
        };
        let (queues, message) = self.try_push(channel, item, reply)?;
        let mut handed_over = HandedOver::new(queues, self.sinks.len());
        handed_over.answers(replies);
        if let Some((channel, item)) = message.for_sinks() {
            for (index, sink) in self.sinks.iter().enumerate() {
                handed_over.sink(index, sink.deliver(channel, item));
            }
        }
        Ok(handed_over)
    }

    /// Puts one item in all queues, if there is room in each.
    fn try_push<C>(
        &self,
        channel: C,
        item: Item,
        reply: impl FnMut(usize) -> Option<Reply>,
    ) -> Result<(Queues, Message), EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = valid(0, channel)?;
        let message = self.encode(0, &channel, &item)?;
        let queues = self.endpoints.queues();
        let runtime = self.runtime(&queues)?;
        let closed = || PublishError::closed(0, Vec::new());
        let mut permits = Vec::with_capacity(queues.len());
        for queue in &*queues {
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
        let starting = Starting::of(&queues, runtime.as_ref());
        if !self.push(&message, &queues, false, reply) {
            return Err(closed().into());
        }
        drop(starting);
        Ok((queues, message))
    }

    /// Waits for everything that was handed over until now.
    pub(crate) async fn flush(&self) -> Result<(), PublishError> {
        let queues = self.endpoints.to_flush();
        let targets: Vec<_> = queues.iter().map(|queue| queue.pushed()).collect();
        for (queue, target) in queues.iter().zip(targets) {
            queue.wait_for(target).await;
        }
        for sink in &self.sinks {
            sink.settle().await;
        }
        // From here on nothing waits, so that what is taken out is told.
        let of = queues.len() + self.sinks.len();
        let left = self.endpoints.forget_left().into_iter().map(Some);
        let queues = queues.iter().map(|queue| queue.unreported());
        let sinks = self.sinks.iter().map(|sink| sink.unreported());
        let mut failures = Failures::default();
        for (index, failure) in left.chain(queues).chain(sinks).enumerate() {
            failures.extend(index, failure);
        }
        PublishError::endpoints(failures.into_list(), of)
    }

    pub(crate) fn close(&self) {
        let mut is_closed = self
            .is_closed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *is_closed = true;
        drop(is_closed);
        for queue in &self.endpoints.to_flush() {
            // Those who wait for room learn that there will be none.
            queue.room().close();
        }
    }

    /// Puts a message in all queues, in which room is reserved. Returns `false` if the publisher is
    /// closed.
    fn push(
        &self,
        message: &Message,
        queues: &Queues,
        is_urgent: bool,
        mut reply: impl FnMut(usize) -> Option<Reply>,
    ) -> bool {
        let Some(open) = self.open() else {
            return false;
        };
        let give_up_at = Instant::now() + self.give_up_after;
        for (index, queue) in queues.iter().enumerate() {
            queue.push(message.entry(queue, give_up_at, reply(index), is_urgent));
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
    fn runtime(&self, queues: &Queues) -> Result<Option<Handle>, PublishError> {
        if queues.is_empty() && self.sinks.is_empty() {
            return Err(PublishError::no_endpoint());
        }
        if self.open().is_none() {
            return Err(PublishError::closed(0, Vec::new()));
        }
        if queues.is_empty() {
            return Ok(None);
        }
        if let Some(runtime) = &self.runtime {
            return Ok(Some(runtime.clone()));
        }
        let runtime = Handle::try_current();
        runtime.map(Some).map_err(|_| PublishError::no_runtime())
    }
}

/// Takes room for a message in all queues. Until it has it in each, no queue has the message.
/// Returns `false` if the publisher is closed.
async fn reserve(message: &Message, starting: &Starting<'_>) -> bool {
    let mut permits = Vec::with_capacity(starting.queues.len());
    for queue in starting.queues {
        let cost = message.cost(queue);
        let permit = match queue.room().try_acquire_many(cost) {
            Err(TryAcquireError::NoPermits) => {
                // The room may be taken by what was put there a moment ago.
                starting.now();
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

/// Starts the queues when it is dropped. That is after the last item, so that a list goes in one
/// request, and also where the last is never reached: the publisher was closed meanwhile,
/// or a sink panicked.
struct Starting<'a> {
    queues: &'a [Arc<EndpointQueue>],
    runtime: Option<&'a Handle>,
}

impl<'a> Starting<'a> {
    fn of(queues: &'a Queues, runtime: Option<&'a Handle>) -> Self {
        Self { queues, runtime }
    }

    fn now(&self) {
        if let Some(runtime) = self.runtime {
            self.queues.iter().for_each(|queue| queue.start(runtime));
        }
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.now();
    }
}
