//! Publishing from programs without a runtime: scripts, jobs, and code that is not `async`.

use std::sync::{Arc, mpsc};

use gripware_core::{Channel, ChannelError, Item};
use tokio::runtime::{Builder, Runtime};

use crate::{BuildError, EnqueueError, PublishError, PublisherBuilder};

/// Publishes items, and blocks the thread until they are accepted.
///
/// It has a thread of its own that sends. Clones are handles to the same publisher. It may be used
/// anywhere, but in `async` code it holds up whatever else the thread does: use
/// [`gripware_publish::Publisher`](crate::Publisher) there.
///
/// ```
/// use gripware_core::{GripUrl, WsMessage};
/// use gripware_publish::blocking::Publisher;
///
/// let settings = gripware_publish::Publisher::builder()
///     .endpoint(GripUrl::parse("http://127.0.0.1:1/")?)
///     .retries(0);
/// let publisher = Publisher::new(settings)?;
///
/// // Nobody listens there.
/// let error = publisher.publish("room", WsMessage::text("hi")).unwrap_err();
/// assert_eq!(error.failures().len(), 1);
/// publisher.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    publisher: crate::Publisher,
    worker: Arc<Worker>,
}

/// The runtime that sends; gone once the last handle is.
#[derive(Debug)]
struct Worker(Option<Runtime>);

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be dropped in `async` code, where nobody may wait for its end.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Publisher {
    /// Creates one with these settings. A [`runtime`](PublisherBuilder::runtime) among them is not
    /// used.
    ///
    /// # Errors
    /// [`BuildError`] as for any publisher, and [`BuildError::Thread`] if no thread can be started.
    pub fn new(settings: PublisherBuilder) -> Result<Self, BuildError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("gripware-publish")
            .enable_all()
            .build()
            .map_err(|error| BuildError::Thread {
                reason: error.to_string(),
            })?;
        let publisher = settings.runtime(runtime.handle().clone()).build()?;
        Ok(Self {
            publisher,
            worker: Arc::new(Worker(Some(runtime))),
        })
    }

    /// Publishes an item, and returns when every endpoint has accepted it or given it up: see
    /// [`Publisher::publish`](crate::Publisher::publish) for how long that takes.
    ///
    /// # Errors
    /// As [`Publisher::publish`](crate::Publisher::publish).
    pub fn publish<C>(&self, channel: C, item: impl Into<Item>) -> Result<(), PublishError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel: Result<Channel, ChannelError> = channel.try_into().map_err(Into::into);
        let channel = channel.map_err(|error| PublishError::channel(0, error))?;
        let (publisher, item) = (self.publisher.clone(), item.into());
        self.wait(async move { publisher.publish(channel, item).await })
    }

    /// Puts an item in the queue of every endpoint, without waiting for anything.
    ///
    /// # Errors
    /// As [`Publisher::enqueue`](crate::Publisher::enqueue).
    pub fn enqueue<C>(&self, channel: C, item: impl Into<Item>) -> Result<(), EnqueueError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        self.publisher.enqueue(channel, item)
    }

    /// Waits until everything that has been published and enqueued was accepted or given up.
    ///
    /// # Errors
    /// As [`Publisher::flush`](crate::Publisher::flush).
    pub fn flush(&self) -> Result<(), PublishError> {
        let publisher = self.publisher.clone();
        self.wait(async move { publisher.flush().await })
    }

    /// Takes no more items, and waits for those that it has. What is in the queue when the last
    /// handle is dropped without this is lost.
    ///
    /// # Errors
    /// As [`Publisher::close`](crate::Publisher::close).
    pub fn close(&self) -> Result<(), PublishError> {
        let publisher = self.publisher.clone();
        self.wait(async move { publisher.close().await })
    }

    /// Returns the publisher inside, to change its endpoints or to hand it to `async` code.
    #[must_use]
    pub fn as_async(&self) -> &crate::Publisher {
        &self.publisher
    }

    /// Blocks until the thread has done something. Not with `block_on`, which panics in `async` code.
    fn wait(
        &self,
        work: impl Future<Output = Result<(), PublishError>> + Send + 'static,
    ) -> Result<(), PublishError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let Some(runtime) = &self.worker.0 else {
            return Err(PublishError::no_runtime());
        };
        runtime.spawn(async move {
            let _ = sender.send(work.await);
        });
        // Nothing comes where a sink panicked.
        receiver
            .recv()
            .unwrap_or_else(|_| Err(PublishError::no_runtime()))
    }
}
