//! The handle that an application publishes with.

use std::sync::Arc;

use gripware_core::{Channel, ChannelError, Item};

use crate::{EnqueueError, PublishError, PublisherBuilder, dispatch::Dispatch};

/// Publishes items to every configured endpoint.
///
/// Clones are handles to the same publisher. See the [crate](crate) for what happens to an item.
///
/// ```no_run
/// use gripware_core::{GripUrl, WsMessage};
/// use gripware_publish::Publisher;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let publisher = Publisher::builder()
///     .endpoint(GripUrl::parse("http://localhost:5561/")?)
///     .build()?;
/// publisher.publish("room", WsMessage::text("hi")).await?;
///
/// // A close code that no client would take is refused before anything is sent.
/// let error = publisher.publish("room", WsMessage::close(1005, "")).await.unwrap_err();
/// assert!(error.is_invalid());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    dispatch: Arc<Dispatch>,
}

impl Publisher {
    /// Starts without any endpoint.
    pub fn builder() -> PublisherBuilder {
        PublisherBuilder::default()
    }

    /// Creates a publisher without an endpoint: publishing fails with an error that says so.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Dispatch::default())
    }

    pub(crate) fn new(dispatch: Dispatch) -> Self {
        Self {
            dispatch: Arc::new(dispatch),
        }
    }

    /// Publishes an item, and returns when every endpoint has accepted it.
    ///
    /// Accepted says that a proxy sends it to whoever is subscribed, not that anybody is, or got
    /// it.
    ///
    /// Where the queue of an endpoint is full, this waits for room. So it goes at the pace of the
    /// slowest endpoint.
    ///
    /// # How long it takes at worst
    /// One endpoint that is down holds up the answer, although the others have the item. Where it
    /// refuses connections, that is about 0.7 s with the defaults, and no retries after the first
    /// failure. Where it says nothing, it is up to
    /// [`give_up_after`](PublisherBuilder::give_up_after) in the queue and as much again for the
    /// request: 40 s at most with the defaults. Where the queue is full, the wait for room comes
    /// before that: 20 s more, and longer only where more items wait than the queue holds. A handler that has to be
    /// faster sets a shorter time, puts its own time limit around this, or uses
    /// [`enqueue`](Self::enqueue).
    ///
    /// All of it holds while the runtime that sends is running; see the [crate](crate#runtime).
    ///
    /// # Errors
    /// If the channel or the item is not valid, nothing is sent. Where an endpoint does not
    /// take it, the others may have.
    ///
    /// # Cancel safety
    /// When the future is dropped, the item has been handed to all endpoints or to none. Once
    /// handed over it is sent although nobody waits; a failure is then told by
    /// [`flush`](Self::flush).
    pub async fn publish<C>(&self, channel: C, item: impl Into<Item>) -> Result<(), PublishError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let message = self.dispatch.message(0, channel, &item.into())?;
        self.dispatch.publish([message]).await
    }

    /// Publishes items in their order, and returns when every endpoint has accepted each.
    ///
    /// # Errors
    /// As [`publish`](Self::publish). All are looked at before the first is sent, so one that is
    /// not valid keeps back the others: [`PublishError::item_index`] says which it is.
    ///
    /// Where the publisher is closed meanwhile, the items from
    /// [`PublishError::handed_over`] on have not been sent.
    ///
    /// # Cancel safety
    /// When the future is dropped, items at the start of the list may have been handed over, and
    /// are sent.
    pub async fn publish_all<C, I>(
        &self,
        items: impl IntoIterator<Item = (C, I)>,
    ) -> Result<(), PublishError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
        I: Into<Item>,
    {
        let items = items.into_iter().enumerate();
        let messages = items
            .map(|(index, (channel, item))| self.dispatch.message(index, channel, &item.into()))
            .collect::<Result<Vec<_>, _>>()?;
        self.dispatch.publish(messages).await
    }

    /// Puts an item in the queue of every endpoint, without waiting for anything.
    ///
    /// Whether they accept it is told by [`flush`](Self::flush), by the callback
    /// [`on_failure`](PublisherBuilder::on_failure), and in the log.
    ///
    /// # Errors
    /// If a queue is full the channel and the item are given back, and no endpoint has it.
    pub fn enqueue<C>(&self, channel: C, item: impl Into<Item>) -> Result<(), EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        self.dispatch.enqueue(channel, item.into())
    }

    /// Waits until everything that has been published and enqueued so far was accepted or given
    /// up.
    ///
    /// # Errors
    /// If items that nobody waited for were not accepted since the last call: how many at each
    /// endpoint, and the last reason.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: the next call tells what this one would have.
    pub async fn flush(&self) -> Result<(), PublishError> {
        self.dispatch.flush().await
    }

    /// Takes no more items, at any of its clones, and waits for those that it has.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    ///
    /// # Cancel safety
    /// As [`flush`](Self::flush); the publisher stays closed.
    pub async fn close(&self) -> Result<(), PublishError> {
        self.dispatch.close();
        self.flush().await
    }

    /// What it puts before every channel name.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.dispatch.prefix
    }

    /// Returns `true` if there is no endpoint and no sink.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.dispatch.is_empty()
    }
}
