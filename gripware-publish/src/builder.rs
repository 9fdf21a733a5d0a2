//! How a publisher is set up.

use std::{
    fmt,
    sync::{Arc, RwLock},
    time::Duration,
};

use gripware_core::{Channel, ChannelError, GripUrl};
use thiserror::Error;
use tokio::runtime::Handle;

use crate::{
    Endpoint, EndpointFailure, Publisher, Sink, Transport,
    dispatch::Dispatch,
    endpoint_factory::{EndpointFactory, Transports},
    endpoint_queue::Bounds,
    endpoints::Endpoints,
    failure::OnFailure,
    random::Ids,
    sink_handle::SinkHandle,
};

/// The most that a queue may be told to hold, which is more than a machine has.
const MOST: usize = 1 << 30;
/// The longest time that an item is kept, with which no clock overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Builds a [`Publisher`].
///
/// ```
/// use std::time::Duration;
///
/// use gripware_core::GripUrl;
/// use gripware_publish::{BuildError, Publisher};
///
/// let publisher = Publisher::builder()
///     .endpoint(GripUrl::parse("http://localhost:5561/")?)
///     .prefix("app-")
///     .timeout(Duration::from_secs(5))
///     .retries(2)
///     .queue(1_000, 1 << 20)
///     .build()?;
///
/// let error = Publisher::builder().queue(0, 0).build();
/// assert!(matches!(error, Err(BuildError::TooSmall { setting: "queue", .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct PublisherBuilder {
    endpoints: Vec<Endpoint>,
    sinks: Vec<Arc<dyn Sink>>,
    prefix: String,
    timeout: Duration,
    retries: u32,
    give_up_after: Duration,
    runtime: Option<Handle>,
    generates_ids: bool,
    queue: Bounds,
    transport: Option<Arc<dyn Transport>>,
    on_failure: OnFailure,
}

impl Default for PublisherBuilder {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            sinks: Vec::new(),
            prefix: String::new(),
            timeout: Duration::from_secs(10),
            retries: 3,
            give_up_after: Duration::from_secs(20),
            runtime: None,
            generates_ids: true,
            queue: Bounds {
                items: 10_000,
                bytes: 16 << 20,
            },
            transport: None,
            on_failure: OnFailure::default(),
        }
    }
}

impl PublisherBuilder {
    /// Adds an endpoint: a [`GripUrl`], or an [`Endpoint`] with settings of its own. Every item is
    /// sent to each.
    pub fn endpoint(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// Adds several endpoints by their URLs.
    pub fn urls(mut self, urls: impl IntoIterator<Item = GripUrl>) -> Self {
        self.endpoints.extend(urls.into_iter().map(Endpoint::from));
        self
    }

    /// Changes each endpoint that has been added so far: what it takes at once, or whether it gets
    /// credentials over plain http.
    pub fn each_endpoint(mut self, change: impl FnMut(Endpoint) -> Endpoint) -> Self {
        self.endpoints = self.endpoints.into_iter().map(change).collect();
        self
    }

    /// Adds a sink, which takes items in this process.
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// Sets what is put before every channel name, and before the channel in the meta
    /// `require_sub`. Default: nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long one request may take. Default 10 s, and never longer than what
    /// [`give_up_after`](Self::give_up_after) leaves. Half of it is for the connection.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often a request is sent again where no connection was made, it broke, there was
    /// no answer in time, or one of 5xx. Default 3: after about 0.1, 0.2 and 0.4 s. A request
    /// that is answered by 429 or 503 with `Retry-After` is sent again when that says so, and not
    /// counted; 0 switches this off as well. No other answer is ever tried again.
    ///
    /// The parts that a refused request is cut into share these retries.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets after what time items are given up: counted once from when they are put in a queue to
    /// when they are sent first, and once more for the sending, with all attempts, the waits
    /// between, and the parts that a refused request is cut into. Default 20 s, which is two
    /// requests that get no answer. So one endpoint that says nothing holds nobody up for long.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = time;
        self
    }

    /// Sends on this runtime, which needs I/O and time enabled, and whose worker threads or
    /// `block_on` have to be running. Default: the one from which an idle endpoint got its first
    /// item.
    ///
    /// For applications with several runtimes, and for publishing outside of any.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets whether items without an id get one. Default: yes, where there are retries.
    ///
    /// An endpoint may have taken an item although its answer was lost. A Pushpin drops an item
    /// whose id it has seen in that channel within its `id_cache_ttl`, which is shipped as 60 s,
    /// so with an id it is safe to send it again; without one it is sent again only where no
    /// connection was made. Where a proxy has that switched off, an item may arrive twice: then
    /// give [`retries`](Self::retries) as 0, or have none generated.
    ///
    /// An item that gets an id also gets `no-seq`: the id is then looked at for repetition alone
    /// and does not become the last id of its channel, which those who set ids themselves build
    /// upon. An item with a previous id and no id of its own gets none.
    pub fn generated_ids(mut self, generated: bool) -> Self {
        self.generates_ids = generated;
        self
    }

    /// Sets how many items, and how many bytes of them as JSON, each endpoint's queue holds.
    /// Default 10 000 and 16 MiB. An item counts as at least the bytes by the items, rounded up:
    /// so the queue is never over either, and may be full some items before the bound, as the
    /// default is at 9 998. Items that are being sent are still in the queue.
    pub fn queue(mut self, items: usize, bytes: usize) -> Self {
        self.queue = Bounds { items, bytes };
        self
    }

    /// Sends requests with this transport, in place of hyper's client.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Calls this for items that an endpoint did not take, once for all items that failed
    /// together, whether or not somebody waits for them. It must not block. It may call the
    /// publisher, and where it panics that is all that happens.
    pub fn on_failure(mut self, call: impl Fn(&EndpointFailure) + Send + Sync + 'static) -> Self {
        self.on_failure = OnFailure::new(call);
        self
    }

    /// Returns the publisher. Needs no runtime; publishing does.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Publisher, BuildError> {
        if !self.prefix.is_empty() {
            Channel::new(self.prefix.as_str()).map_err(|source| BuildError::Prefix { source })?;
        }
        let least = |setting, value: usize| match value {
            0 => Err(BuildError::TooSmall { setting, least: 1 }),
            _ => Ok(()),
        };
        least("queue", self.queue.items.min(self.queue.bytes))?;
        least("timeout", usize::from(!self.timeout.is_zero()))?;
        least("give_up_after", usize::from(!self.give_up_after.is_zero()))?;
        let prefix = self.prefix.clone();
        let runtime = self.runtime.clone();
        let ids = (self.generates_ids && self.retries > 0).then(Ids::new);
        let sinks = self.sinks.iter().cloned();
        let sinks = sinks.map(|sink| Arc::new(SinkHandle::new(sink, self.on_failure.clone())));
        let sinks = sinks.collect();
        let endpoints = self.endpoints.clone();
        let factory = self.into_factory();
        Ok(Publisher::new(Dispatch {
            prefix,
            give_up_after: factory.give_up_after,
            endpoints: Endpoints::new(factory, &endpoints)?,
            sinks,
            ids,
            runtime,
            is_closed: RwLock::new(false),
        }))
    }

    pub(crate) fn into_factory(self) -> EndpointFactory {
        EndpointFactory {
            timeout: self.timeout,
            retries: self.retries,
            give_up_after: self.give_up_after.min(LONGEST),
            bounds: Bounds {
                items: self.queue.items.min(MOST),
                bytes: self.queue.bytes.min(MOST),
            },
            on_failure: self.on_failure,
            transports: Transports::of_its_own(self.transport),
        }
    }
}

impl fmt::Debug for PublisherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherBuilder")
            .field("endpoints", &self.endpoints)
            .field("sinks", &self.sinks)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// Why a publisher cannot be built. No credentials are in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The prefix cannot stand before a channel's name.
    #[error("the prefix cannot stand before a channel name")]
    Prefix {
        /// What is wrong with it.
        #[source]
        source: ChannelError,
    },
    /// Credentials would be sent over plain http to another host than this one.
    #[error(
        "credentials for {endpoint} would be readable on the way; use https, or in a private network GRIP_ALLOW_INSECURE_CREDENTIALS=true"
    )]
    InsecureCredentials {
        /// The endpoint.
        endpoint: String,
    },
    /// Credentials that no header can carry, or a key that cannot sign.
    #[error("the credentials for {endpoint} cannot be sent")]
    Credentials {
        /// The endpoint.
        endpoint: String,
    },
    /// An endpoint with https, while the feature `tls` is off and there is no other transport.
    #[error("{endpoint} needs the feature `tls` or a transport of one's own")]
    NoTls {
        /// The endpoint.
        endpoint: String,
    },
    /// No address of a ZeroMQ socket, such as `tcp://127.0.0.1:5560`.
    #[error("`{address}` is no ZeroMQ address with a host and a port")]
    ZeroMqAddress {
        /// The text.
        address: String,
    },
    /// The system's certificates could not be read.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What the system said.
        reason: String,
    },
    /// The thread of a [blocking publisher](crate::blocking) could not be started.
    #[cfg(feature = "blocking")]
    #[error("no thread can be started to publish with: {reason}")]
    Thread {
        /// What the system said.
        reason: String,
    },
    /// A bound or a time that has to be more.
    #[error("{setting} has to be at least {least}")]
    TooSmall {
        /// Which setting.
        setting: &'static str,
        /// The least that can be used.
        least: usize,
    },
}
