//! The end that dials.

mod address;
mod backoff;
mod builder;
mod pipe;
mod run;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use rustls::pki_types::ServerName;
use tower_service::Service;

pub use self::{
    address::{ServerAddress, ServerAddressError},
    builder::PipeClientBuilder,
};
use crate::{
    Body, BoxError, Hooks, Identity, IdentityError, Name, Remote, Serve, Settings,
    handler::handler, slot::Slot, telemetry::Telemetry, tls::ClientTls,
};

/// The end of a pipe that dials, from behind a NAT or a firewall. Clones are handles to the same
/// one.
///
/// ```no_run
/// use gripware_pipe::{Identity, PipeClient, events::Events};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Identity::from_files("ca.crt.pem", "fileserver.crt.pem", "fileserver.key.pem");
/// let client = PipeClient::builder(identity)
///     .server("pipe.example.com:8600".parse()?)
///     .build()?;
/// client.serve(Events::built_in("client")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PipeClient {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    tls: RwLock<Arc<ClientTls>>,
    settings: Arc<Settings>,
    telemetry: Arc<Telemetry>,
    hooks: Arc<dyn Hooks>,
    servers: Vec<ServerAddress>,
    /// Under which name the server is verified, where it is not the host.
    server_name: Option<ServerName<'static>>,
    first_retry: Duration,
    last_retry: Duration,
    slot: Arc<Slot>,
}

/// What has changed in the files of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    None,
    /// Open connections are verified again.
    Revocations,
    /// The server is dialled again.
    Identity,
}

impl PipeClient {
    /// Settings for a client.
    pub fn builder(identity: Identity) -> PipeClientBuilder {
        PipeClientBuilder::new(identity)
    }

    /// Dials, again and again, and answers the server's requests with a handler: any tower service,
    /// such as axum's `Router` or [`Events`](crate::events::Events).
    pub fn serve<S, B>(&self, handler: S) -> Serve
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = Arc::clone(&self.inner);
        let handler = self::handler(handler, inner.settings.development);
        Serve::new(move |stop| run::run(inner, handler, stop))
    }

    /// The server as a service, whether or not it is connected.
    #[must_use]
    pub fn server(&self) -> Remote {
        Remote::server(
            Arc::clone(&self.inner.slot),
            Arc::clone(&self.inner.settings),
            Arc::clone(&self.inner.telemetry),
        )
    }

    /// Another client of the same server as a service, through the server. The server has to allow
    /// it: [`PipeServerBuilder::pass_on`](crate::PipeServerBuilder::pass_on).
    #[must_use]
    pub fn client(&self, name: &Name) -> Remote {
        self.server().through(name.clone())
    }

    /// Returns whether there is a pipe at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.slot.current().is_some()
    }

    /// Waits until there is a pipe.
    ///
    /// # Cancel safety
    /// Safe to cancel.
    pub async fn connected(&self) {
        self.inner.slot.connected().await;
    }

    /// Counters and gauges as Prometheus reads them (text format 0.0.4).
    #[must_use]
    pub fn metrics(&self) -> String {
        let link = self.inner.slot.current();
        let calls = link.as_ref().map_or(0, |link| link.calls() as u64);
        self.inner.telemetry.exposition(&[
            (
                "connected",
                "Whether there is a pipe.",
                link.is_some().into(),
            ),
            ("calls", "Calls under way or waiting.", calls),
        ])
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.inner.settings
    }
}

impl Inner {
    fn tls(&self) -> Arc<ClientTls> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the certificates again.
    fn read(&self) -> Result<News, IdentityError> {
        if self.identity.is_constant() {
            return Ok(News::None);
        }
        let (pem, old) = (self.identity.read()?, self.tls());
        if *pem == *old.pem {
            return Ok(News::None);
        }
        let news = if pem.is_same_identity(&old.pem) {
            News::Revocations
        } else {
            News::Identity
        };
        let tls = Arc::new(ClientTls::new(pem)?);
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
        tracing::info!("certificates or revocations are new");
        Ok(news)
    }
}

impl fmt::Debug for PipeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeClient")
            .field("servers", &self.inner.servers)
            .field("identity", &self.inner.identity)
            .finish_non_exhaustive()
    }
}
