use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use gripware_core::{Channel, ChannelError, Item, ItemError};
use tokio::{
    runtime::Handle,
    sync::{SemaphorePermit, TryAcquireError, oneshot},
};

use crate::{
    batch::{Entry, Reply},
    error::{EnqueueError, PublishError},
    failure::{EndpointFailure, Failures},
    lane::Lane,
    outlet::Outlet,
    random::Ids,
};

/// Hands items to all lanes and outlets of a publisher.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    prefix: String,
    lanes: Vec<Arc<Lane>>,
    outlets: Vec<Outlet>,
    ids: Option<Ids>,
    /// Read while a message is handed over, so that closing sees it in all queues or in none.
    is_closed: RwLock<bool>,
}

/// An item that is known to be valid, with its channel's whole name.
#[derive(Debug)]
pub(crate) struct Message {
    channel: Channel,
    /// The item as it is; none where there is no outlet.
    item: Option<Item>,
    /// Empty where there is no lane.
    json: Bytes,
    is_repeatable: bool,
}

impl Dispatch {
    pub(crate) fn new(
        prefix: String,
        lanes: Vec<Arc<Lane>>,
        outlets: Vec<Outlet>,
        ids: Option<Ids>,
    ) -> Self {
        Self {
            prefix,
            lanes,
            outlets,
            ids,
            is_closed: RwLock::new(false),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.outlets.is_empty()
    }

    /// Looks at an item and writes its JSON. Nothing is sent where it is refused.
    pub(crate) fn message<C>(
        &self,
        index: usize,
        channel: C,
        item: Item,
    ) -> Result<Message, PublishError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = channel.try_into().map_err(Into::into);
        let channel = channel.and_then(|channel| channel.with_prefix(&self.prefix));
        let channel = channel.map_err(|error| PublishError::channel(index, error))?;
        let refused = |error| PublishError::item(index, error);
        let mut item = item.with_prefix(&self.prefix);
        let parts = item.parts().map_err(refused)?;
        let has_id = parts.id.is_some();
        let may_get_id = !has_id && parts.prev_id.is_none();
        let kept = (!self.outlets.is_empty()).then(|| item.clone());
        let mut json = Vec::new();
        let mut is_repeatable = has_id;
        if !self.lanes.is_empty() {
            if let Some(ids) = self.ids.as_ref().filter(|_| may_get_id) {
                // Left out of the order, the id is looked at for repetition and for nothing else.
                item = item.id(ids.next()).no_seq();
                is_repeatable = true;
            }
            item.encode_json(channel.name(), "", &mut json)
                .map_err(refused)?;
        }
        let length = json.len();
        let limit = self.lanes.iter().map(|lane| lane.max_item()).min();
        if let Some(limit) = limit.filter(|limit| length > *limit) {
            return Err(refused(ItemError::TooLarge { length, limit }));
        }
        Ok(Message {
            channel,
            item: kept,
            json: Bytes::from(json),
            is_repeatable,
        })
    }

    /// Hands messages over in their order, and waits for all answers.
    pub(crate) async fn publish(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<(), PublishError> {
        let runtime = self.runtime()?;
        let mut failures = Failures::default();
        let mut answers = Vec::with_capacity(self.lanes.len());
        for message in messages {
            self.reserve(&message, runtime.as_ref()).await?;
            let open = self.open()?;
            for lane in &self.lanes {
                let (reply, answer) = oneshot::channel();
                lane.push(message.entry(lane, Some(reply)));
                answers.push((lane, answer));
            }
            self.let_out(&message, true)
                .for_each(|failure| failures.add_one(&failure));
            drop(open);
        }
        self.start(runtime.as_ref());
        for (lane, answer) in answers {
            // An answer that never comes is that of a task which was dropped.
            let answer = answer.await.unwrap_or_else(|_| Err(lane.stopped()));
            if let Err(failure) = answer {
                failures.add_one(&failure);
            }
        }
        failures.into_result(self.lanes.len() + self.outlets.len())
    }

    /// Hands one message over. Where there is no room, `item` is given back.
    pub(crate) fn enqueue(&self, message: &Message, item: Item) -> Result<(), EnqueueError> {
        let runtime = self.runtime()?;
        let open = self.open()?;
        let mut permits = Vec::with_capacity(self.lanes.len());
        for lane in &self.lanes {
            match lane.room().try_acquire_many(message.cost(lane)) {
                Ok(permit) => permits.push(permit),
                Err(TryAcquireError::Closed) => return Err(PublishError::closed().into()),
                Err(TryAcquireError::NoPermits) => {
                    return Err(EnqueueError::Full {
                        endpoint: lane.name().to_string(),
                        item: Box::new(item),
                    });
                }
            }
        }
        for (lane, permit) in self.lanes.iter().zip(permits) {
            permit.forget();
            lane.push(message.entry(lane, None));
        }
        self.let_out(message, false).for_each(drop);
        drop(open);
        self.start(runtime.as_ref());
        Ok(())
    }

    /// Waits for everything that was handed over until now.
    pub(crate) async fn flush(&self) -> Result<(), PublishError> {
        let mut failures = Failures::default();
        for lane in &self.lanes {
            failures.extend(lane.flush().await);
        }
        failures.extend(self.outlets.iter().filter_map(Outlet::unheard));
        failures.into_result(self.lanes.len() + self.outlets.len())
    }

    pub(crate) fn close(&self) {
        let mut is_closed = self
            .is_closed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *is_closed = true;
        drop(is_closed);
        for lane in &self.lanes {
            // Those who wait for room learn that there will be none.
            lane.room().close();
        }
    }

    /// Takes room for a message in all queues. Until it has it in each, no queue has the message.
    async fn reserve(
        &self,
        message: &Message,
        runtime: Option<&Handle>,
    ) -> Result<(), PublishError> {
        let mut permits = Vec::with_capacity(self.lanes.len());
        for lane in &self.lanes {
            let cost = message.cost(lane);
            let permit = match lane.room().try_acquire_many(cost) {
                Err(TryAcquireError::NoPermits) => {
                    // The room may be taken by what was put there a moment ago.
                    self.start(runtime);
                    lane.room().acquire_many(cost).await.ok()
                }
                permit => permit.ok(),
            };
            permits.push(permit.ok_or_else(PublishError::closed)?);
        }
        // It comes back when the item is done.
        permits.into_iter().for_each(SemaphorePermit::forget);
        Ok(())
    }

    /// Hands a message to the outlets, and gives what they refuse.
    fn let_out<'a>(
        &'a self,
        message: &'a Message,
        is_heard: bool,
    ) -> impl Iterator<Item = EndpointFailure> + 'a {
        let items = message.item.iter();
        items.flat_map(move |item| {
            let outlets = self.outlets.iter();
            outlets.filter_map(move |outlet| outlet.accept(&message.channel, item, is_heard))
        })
    }

    /// Keeps the publisher open as long as the guard is held.
    fn open(&self) -> Result<RwLockReadGuard<'_, bool>, PublishError> {
        let is_closed = self
            .is_closed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if *is_closed {
            return Err(PublishError::closed());
        }
        Ok(is_closed)
    }

    /// The runtime to send on; none where there is no lane, and so nothing to send.
    fn runtime(&self) -> Result<Option<Handle>, PublishError> {
        if self.is_empty() {
            return Err(PublishError::no_endpoint());
        }
        drop(self.open()?);
        if self.lanes.is_empty() {
            return Ok(None);
        }
        let runtime = Handle::try_current();
        runtime.map(Some).map_err(|_| PublishError::no_runtime())
    }

    fn start(&self, runtime: Option<&Handle>) {
        if let Some(runtime) = runtime {
            self.lanes.iter().for_each(|lane| lane.start(runtime));
        }
    }
}

impl Message {
    fn cost(&self, lane: &Lane) -> u32 {
        lane.cost(self.json.len())
    }

    fn entry(&self, lane: &Lane, reply: Option<Reply>) -> Entry {
        Entry {
            json: self.json.clone(),
            is_repeatable: self.is_repeatable,
            cost: self.cost(lane),
            reply,
        }
    }
}
