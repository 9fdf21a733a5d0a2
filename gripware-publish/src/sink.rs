//! Where items go as they are, without a request and without JSON.

use std::{fmt, pin::Pin, sync::Arc};

use gripware_core::{Channel, item::ItemParts};

/// Tells whether an item arrived that a [`Sink`] has taken: the error is told to whoever publishes.
pub type Confirmation = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send>>;

/// Takes items in this process: the way to a proxy that is embedded, or to a test.
///
/// A publisher hands over each item when it has room for it at all endpoints, before any of them
/// has answered. The channel has the publisher's prefix, and so has the meta `require_sub`.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use gripware_core::{Channel, WsMessage, item::ItemParts};
/// use gripware_publish::{Publisher, Sink, SinkError};
///
/// #[derive(Debug, Default)]
/// struct Names(Mutex<Vec<String>>);
///
/// impl Sink for Names {
///     fn name(&self) -> &str {
///         "names"
///     }
///
///     fn accept(&self, channel: &Channel, _item: &ItemParts) -> Result<(), SinkError> {
///         let mut names = self.0.lock().map_err(|_| SinkError::new("poisoned"))?;
///         if names.len() == 1 {
///             return Err(SinkError::new("one is enough"));
///         }
///         names.push(channel.name().to_owned());
///         Ok(())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let names = Arc::new(Names::default());
/// let publisher = Publisher::builder().sink(names.clone()).prefix("app-").build()?;
/// publisher.publish("room", WsMessage::text("hi")).await?;
/// assert_eq!(*names.0.lock().unwrap(), ["app-room"]);
///
/// let error = publisher.publish("room", WsMessage::text("hi")).await.unwrap_err();
/// assert_eq!(error.to_string(), "names did not take 1 item: one is enough");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Sink: fmt::Debug + Send + Sync + 'static {
    /// What it is called in errors.
    fn name(&self) -> &str;

    /// Waits for room for one more item, where the sink queues and has none. Whoever publishes
    /// waits; whoever enqueues does not. Nothing, which is the default, where there is room now.
    fn room(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        None
    }

    /// Takes one item: the parts of one that is valid. Must not block: a sink that queues drops or
    /// refuses what is too much.
    ///
    /// It may call the publisher, which holds no lock here, but may not wait for it. A panic goes
    /// to whoever publishes; the endpoints get the item all the same.
    ///
    /// # Errors
    /// Where it does not take the item; the reason is told to whoever publishes.
    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError>;

    /// Takes one item as [`accept`](Self::accept) does, which is called by default. Returns a
    /// [`Confirmation`] if it is known only later whether the item arrived, as with a broker.
    ///
    /// Whoever publishes waits for it, and for those of enqueued items whoever flushes. The item is
    /// sent whether anybody waits or not, and a sink that returns confirmations bounds how many of
    /// them are not ready yet.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    fn deliver(
        &self,
        channel: &Channel,
        item: &ItemParts,
    ) -> Result<Option<Confirmation>, SinkError> {
        self.accept(channel, item).map(|()| None)
    }

    /// Gives turns to WebSockets, by their `Connection-Id`; see
    /// [`Publisher::refresh`](crate::Publisher::refresh). Ids that are not known are passed over. Must not
    /// block.
    ///
    /// Returns `false`, as by default, where nothing is done: it cannot, or has no room.
    fn refresh(&self, connections: &mut dyn Iterator<Item = &str>) -> bool {
        let _ = connections;
        false
    }
}

impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn room(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        (**self).room()
    }

    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        (**self).accept(channel, item)
    }

    fn deliver(
        &self,
        channel: &Channel,
        item: &ItemParts,
    ) -> Result<Option<Confirmation>, SinkError> {
        (**self).deliver(channel, item)
    }

    fn refresh(&self, connections: &mut dyn Iterator<Item = &str>) -> bool {
        (**self).refresh(connections)
    }
}

/// Why a [`Sink`] did not take an item, or why it did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkError {
    message: String,
}

impl SinkError {
    /// An error by what it says.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SinkError {}
