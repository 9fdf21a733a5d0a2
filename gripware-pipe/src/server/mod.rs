//! The end that clients dial.

mod accept;
mod builder;
mod connection;
mod exchange;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tokio::net::TcpListener;
use tower_service::Service;

pub use self::builder::{BuildError, PipeServerBuilder};
use self::connection::Trusted;
use crate::{
    Body, BoxError, Hooks, Identity, Name, Remote, Serve, Settings, handler::handler,
    registry::Registry, slot::Slot, telemetry::Telemetry, tls::ServerTls,
};

/// The end of pipes that clients dial. Clones are handles to the same one.
///
/// ```no_run
/// use gripware_pipe::{Identity, PipeServer, events::Events};
/// use http::Request;
/// use tower::ServiceExt;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Identity::from_files("ca.crt.pem", "server.crt.pem", "server.key.pem");
/// let server = PipeServer::builder(identity).build()?;
/// let fileserver = server.client(&"fileserver".parse()?);
///
/// let listener = tokio::net::TcpListener::bind("[::]:8600").await?;
/// tokio::spawn(async move { server.serve(listener, Events::built_in("server")).await });
///
/// let request = Request::get("/time").body(gripware_pipe::Body::empty())?;
/// let response = fileserver.oneshot(request).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PipeServer {
    inner: Arc<Inner>,
}

/// Whether a call is passed on, by who makes it and to whom.
type MayPassOn = Box<dyn Fn(&Name, &Name) -> bool + Send + Sync>;

/// What all connections of a server share.
struct Inner {
    identity: Identity,
    tls: RwLock<Arc<ServerTls>>,
    settings: Arc<Settings>,
    telemetry: Arc<Telemetry>,
    hooks: Arc<dyn Hooks>,
    registry: Registry,
    /// Names that are never forgotten.
    _known: Vec<Arc<Slot>>,
    /// Whether no other client is accepted.
    only: Option<Vec<Name>>,
    aliases: HashMap<String, Name>,
    may_pass_on: MayPassOn,
    max_handshakes: usize,
    /// Every connection, to verify its certificate again.
    trusted: Mutex<HashMap<u64, Trusted>>,
}

/// A client that a server knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientInfo {
    /// Its name.
    pub name: Name,
    /// Its address and since when it is connected. `None` if it is not.
    pub connected: Option<Connected>,
}

/// How a client is connected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connected {
    /// Its address.
    pub address: std::net::SocketAddr,
    /// Since when.
    pub since: SystemTime,
    /// How many calls to it are under way or wait.
    pub calls: usize,
}

impl PipeServer {
    /// Settings for a server.
    pub fn builder(identity: Identity) -> PipeServerBuilder {
        PipeServerBuilder::new(identity)
    }

    /// Serves clients that dial, and answers their requests with a handler: any tower service, such
    /// as axum's `Router` or [`Events`](crate::events::Events).
    pub fn serve<S, B>(&self, listener: TcpListener, handler: S) -> Serve
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = Arc::clone(&self.inner);
        let handler = self::handler(handler, inner.settings.development);
        Serve::new(move |stop| accept::run(inner, listener, handler, stop))
    }

    /// A client as a service, whether or not it is connected. From now on it is known: a call to it
    /// fails with [`NotConnected`](crate::CallErrorKind::NotConnected), or waits, and not with
    /// [`Unknown`](crate::CallErrorKind::Unknown).
    #[must_use]
    pub fn client(&self, name: &Name) -> Remote {
        self.remote(self.inner.registry.know(name), name.clone())
    }

    /// Returns a client by its name, or by an alias of the server's settings. `None` if it has never
    /// been connected and no setting names it.
    #[must_use]
    pub fn known_client(&self, name: &str) -> Option<Remote> {
        let alias = self.inner.aliases.get(name).cloned();
        let name = alias.or_else(|| Name::try_from(name).ok())?;
        let slot = self.inner.registry.slot(&name)?;
        Some(self.remote(slot, name))
    }

    /// Returns all clients that are known, in alphabetical order.
    #[must_use]
    pub fn clients(&self) -> Vec<ClientInfo> {
        let clients = self.inner.registry.list().into_iter();
        clients
            .map(|(name, link)| ClientInfo {
                name,
                connected: link.map(|link| Connected {
                    address: link.peer.address(),
                    since: link.since,
                    calls: link.calls(),
                }),
            })
            .collect()
    }

    /// Counters and gauges as Prometheus reads them (text format 0.0.4).
    #[must_use]
    pub fn metrics(&self) -> String {
        let connected = self.clients().into_iter().filter_map(|it| it.connected);
        let (clients, calls) = connected.fold((0, 0), |(clients, calls), client| {
            (clients + 1, calls + client.calls as u64)
        });
        self.inner.telemetry.exposition(&[
            ("clients", "Names of clients that are connected.", clients),
            ("calls", "Calls under way or waiting.", calls),
        ])
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.inner.settings
    }

    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.inner.telemetry
    }

    fn remote(&self, slot: Arc<Slot>, name: Name) -> Remote {
        let settings = Arc::clone(&self.inner.settings);
        Remote::client(slot, name, settings, Arc::clone(&self.inner.telemetry))
    }
}

impl Inner {
    fn tls(&self) -> Arc<ServerTls> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn trusted(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Trusted>> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PipeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeServer")
            .field("identity", &self.inner.identity)
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
