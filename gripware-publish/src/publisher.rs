//! The handle that an application publishes with.

use std::sync::Arc;

use gripware_core::{Channel, ChannelError, Item};

use crate::{
    BuildError, Endpoint, EnqueueError, Outcome, PublishError, PublisherBuilder, dispatch::Dispatch,
};

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

    /// As [`enqueue`](Self::enqueue), and returns what says what became of this very item.
    ///
    /// It is sent as patiently as any that nobody waits for: with all retries, also while an endpoint
    /// is out of reach.
    ///
    /// ```no_run
    /// # use gripware_core::WsMessage;
    /// # async fn example(publisher: gripware_publish::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// let outcome = publisher.enqueue_with_outcome("room", WsMessage::text("hi"))?;
    /// tokio::spawn(async move {
    ///     if let Err(error) = outcome.await {
    ///         eprintln!("nobody heard it: {error}");
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub fn enqueue_with_outcome<C>(
        &self,
        channel: C,
        item: impl Into<Item>,
    ) -> Result<Outcome, EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let handed_over = self.dispatch.enqueue_with_outcome(channel, item.into())?;
        Ok(Outcome::new(handed_over))
    }

    /// Has a proxy in this process ask about WebSockets at once, by their `Connection-Id`: each has a turn
    /// without events, as each subscriber of a channel has with [`WsMessage::refresh`]. It is for whoever
    /// has something for many connections and a different thing for each, and costs a fraction of an item
    /// for a channel of each. Connections that are not there are passed over.
    ///
    /// Returns `false`, and has done nothing, where the proxy is elsewhere, or too much waits to be
    /// handed out: such an item does it then.
    ///
    /// [`WsMessage::refresh`]: gripware_core::WsMessage::refresh
    ///
    /// ```
    /// use gripware_core::WsMessage;
    /// use gripware_publish::{PublishError, Publisher};
    ///
    /// /// Each connection is subscribed to a channel of its own.
    /// async fn refresh(publisher: &Publisher, ids: &[String]) -> Result<(), PublishError> {
    ///     if publisher.refresh(ids.iter().map(String::as_str)) {
    ///         return Ok(());
    ///     }
    ///     let items = ids.iter().map(|id| (format!("own-{id}"), WsMessage::refresh()));
    ///     publisher.publish_all(items).await
    /// }
    /// ```
    pub fn refresh<'a>(&self, connections: impl IntoIterator<Item = &'a str>) -> bool {
        self.dispatch.refresh(&mut connections.into_iter())
    }

    /// Adds an endpoint while the publisher runs: what is published from now on is sent there too.
    /// One at the same address, whatever its credentials and settings, is
    /// [removed](Self::remove_endpoint).
    ///
    /// Which signatures an application trusts is decided when its [`Grip`](crate::Grip) is built, and
    /// not changed by this.
    ///
    /// # Errors
    /// [`BuildError`] if it cannot be used, as when a publisher is built.
    pub fn add_endpoint(&self, endpoint: impl Into<Endpoint>) -> Result<(), BuildError> {
        self.dispatch.endpoints.add(&endpoint.into())
    }

    /// Removes the endpoint at an address, whatever its credentials. Returns `false` if there is none.
    ///
    /// What it has in its queue is sent as before, and told as before where it fails;
    /// [`flush`](Self::flush) waits for it.
    pub fn remove_endpoint(&self, endpoint: impl Into<Endpoint>) -> bool {
        self.dispatch.endpoints.remove(&endpoint.into().name())
    }

    /// Sends to these endpoints from now on, and to no others: adds those that are new, and
    /// [removes](Self::remove_endpoint) those that are not in the list. One that differs in nothing
    /// keeps its queue, and with it the order of its items.
    ///
    /// ```
    /// use gripware_core::GripUrl;
    /// use gripware_publish::Publisher;
    ///
    /// let publisher = Publisher::none();
    /// publisher.apply(GripUrl::parse_many("http://10.0.0.1:5561/ http://10.0.0.2:5561/")?)?;
    /// assert!(!publisher.is_none());
    /// publisher.remove_endpoint(GripUrl::parse("http://10.0.0.1:5561/")?);
    /// publisher.apply([] as [GripUrl; 0])?;
    /// assert!(publisher.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`] if one of them cannot be used: then nothing has changed.
    pub fn apply<E: Into<Endpoint>>(
        &self,
        endpoints: impl IntoIterator<Item = E>,
    ) -> Result<(), BuildError> {
        let endpoints: Vec<_> = endpoints.into_iter().map(Into::into).collect();
        self.dispatch.endpoints.apply(&endpoints)
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
