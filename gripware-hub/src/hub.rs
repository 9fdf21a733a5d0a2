use std::{
    future::{Future, IntoFuture},
    io,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use gripware_core::sig::{Key, Signer};
use tokio::net::TcpListener;

use crate::{
    control::{self, ControlKey, ControlKeyError},
    inner::Inner,
    settings::{Settings, SlowClients},
    signature::Signature,
};

/// A GRIP proxy in this process.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) inner: Arc<Inner>,
    control_key: Option<ControlKey>,
}

impl Hub {
    /// Settings for a hub.
    pub fn builder() -> HubBuilder {
        HubBuilder {
            signer: None,
            control_key: None,
            drain: Duration::from_secs(5),
        }
    }

    /// Serves the control API.
    #[must_use]
    pub fn control(&self, listener: TcpListener) -> Serve {
        let (hub, stop) = (self.clone(), Stop::new());
        let stopped = stop.stopped();
        Serve {
            serving: Box::pin(async move {
                control::serve(listener, hub.inner, hub.control_key, stopped).await;
                Ok(())
            }),
            stop,
        }
    }

    /// Serves clients, in front of an origin.
    ///
    /// # Errors
    /// Where the text is no address of an origin.
    pub fn forward(&self, listener: TcpListener, origin: &str) -> Result<Serve, OriginError> {
        if !origin.starts_with("http://") && !origin.starts_with("unix:/") {
            return Err(OriginError);
        }
        let stop = Stop::new();
        let stopped = stop.stopped();
        Ok(Serve {
            serving: Box::pin(async move {
                stopped.await;
                drop(listener);
                Ok(())
            }),
            stop,
        })
    }

    /// Ends every hold.
    pub async fn shutdown(&self) {
        self.inner.drain().await;
    }
}

/// Why a text is no address of an origin.
#[derive(Debug, thiserror::Error)]
#[error("it has to be http://HOST:PORT or unix:/PATH")]
pub struct OriginError;

/// Settings for a [`Hub`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HubBuilder {
    signer: Option<Signer>,
    control_key: Option<ControlKey>,
    drain: Duration,
}

macro_rules! ignored {
    ($($name:ident: $kind:ty;)*) => {
        $(
            /// Not connected yet.
            pub fn $name(self, _: $kind) -> Self {
                self
            }
        )*
    };
}

impl HubBuilder {
    ignored! {
        shards: usize;
        development: bool;
        queue_bytes: usize;
        queue_messages: usize;
        slow_clients: SlowClients;
        backlog_bytes: usize;
        message_wait: Duration;
        id_memory: Duration;
        min_keep_alive_interval: Duration;
        max_message: usize;
        max_held_request: usize;
        max_held_response: usize;
        origin_timeout: Duration;
        max_asks: usize;
        trust_forwarded: bool;
        max_connections: usize;
        header_timeout: Duration;
        max_header_size: usize;
    }

    /// Signs requests to the origin.
    pub fn signer(mut self, signer: Signer) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sends requests to the origin without a signature.
    pub fn unsigned(mut self) -> Self {
        self.signer = None;
        self
    }

    /// Asks for this key on the control API.
    ///
    /// # Errors
    /// Where it cannot be one.
    pub fn control_key(mut self, key: &str) -> Result<Self, ControlKeyError> {
        self.control_key = Some(ControlKey::new(key)?);
        Ok(self)
    }

    /// How long the end may take.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// The certificates and the key of the public address, both in PEM.
    ///
    /// # Errors
    /// Where they cannot be read.
    #[cfg(feature = "tls")]
    pub fn tls(self, _certificates: &[u8], _key: &[u8]) -> Result<Self, OriginError> {
        Ok(self)
    }

    /// The hub.
    #[must_use]
    pub fn build(self) -> Hub {
        #[expect(clippy::unwrap_used, reason = "until a hub may be without a signer")]
        let signer = self
            .signer
            .unwrap_or_else(|| Signer::new(Key::secret("x").unwrap()).unwrap());
        Hub {
            inner: Arc::new(Inner {
                settings: Settings {
                    signer: signer.clone(),
                    shards: 1,
                    development: false,
                    queue_bytes: 0,
                    queue_messages: 0,
                    slow_clients: SlowClients::Close,
                    backlog_bytes: 0,
                    message_wait: Duration::ZERO,
                    id_memory: Duration::ZERO,
                    min_keep_alive_interval: Duration::ZERO,
                    max_message: 0,
                    max_held_request: 0,
                    max_held_response: 0,
                    origin_timeout: Duration::ZERO,
                    max_asks: 0,
                    drain: self.drain,
                },
                signature: Arc::new(Signature::new(signer)),
                metrics: Arc::default(),
            }),
            control_key: self.control_key,
        }
    }
}

/// Serves until it is told to stop.
pub struct Serve {
    serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>,
    stop: Stop,
}

impl Serve {
    /// Stops accepting once `signal` is done.
    #[must_use]
    pub fn with_graceful_shutdown(
        self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = io::Result<()>> + Send {
        async move {
            let mut serving = self.serving;
            tokio::select! {
                ended = &mut serving => return ended,
                () = signal => {}
            }
            drop(self.stop);
            serving.await
        }
    }
}

impl IntoFuture for Serve {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.with_graceful_shutdown(std::future::pending()))
    }
}

struct Stop(tokio::sync::watch::Sender<()>);

impl Stop {
    fn new() -> Self {
        Self(tokio::sync::watch::Sender::new(()))
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.0.subscribe();
        async move { while stopped.changed().await.is_ok() {} }
    }
}

impl std::fmt::Debug for Serve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serve").finish_non_exhaustive()
    }
}
