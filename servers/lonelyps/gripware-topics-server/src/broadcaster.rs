//! What all requests share.

use std::{error::Error, fmt, sync::Arc};

use gripware_axum::{Grip, GripLayer};
use gripware_topics::{
    Address, Auth,
    auth::{Kind, ReplayStore, Verifier},
    tls::{Tls, TlsError},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    Settings, Targets,
    deliver::{Deliverer, missed},
    dial, room,
    socket::{Peer, Sockets, Waker, look_after},
    store::{MemoryStore, Store, StoreError},
};

/// Most bytes of all requests that are read before it is known who asks. Most have some hundred.
const MAX_UNVERIFIED: usize = 64 * 1024 * 1024;

/// A broadcaster: [`router`](Self::router) is its HTTP side. Clones are the same one.
///
/// ```
/// use gripware_topics::Auth;
/// use gripware_topics_server::{Broadcaster, Targets};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), gripware_topics::tls::TlsError> {
/// let broadcaster = Broadcaster::builder(Auth::none()) // or Auth::from_file("broadcaster-secrets.json")?
///     .targets(Targets::public().allow("127.0.0.1".parse().expect("a network")))
///     .build()?;
/// let app = axum::Router::new().nest("/pubsub", broadcaster.router());
/// # let _: axum::Router = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Broadcaster(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) to_broadcaster: Arc<Verifier>,
    pub(crate) deliverer: Arc<Deliverer>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) targets: Targets,
    pub(crate) settings: Settings,
    /// For messages, and for lists of subscriptions.
    pub(crate) buffers: Arc<Semaphore>,
    /// For what is read before it is known whose it is.
    pub(crate) unverified: Arc<Semaphore>,
    /// Around the route of WebSockets, where there is one.
    pub(crate) layer: Option<GripLayer>,
    /// Most bytes of the answer to a turn of a WebSocket.
    pub(crate) answer_limit: usize,
    /// Where there are other broadcasters.
    pub(crate) peer: Option<PeerSide>,
    /// What outlives a turn runs here, wherever the turn does.
    pub(crate) runtime: Handle,
}

/// What other broadcasters know this one as, and what their deliveries are signed with.
#[derive(Debug)]
pub(crate) struct PeerSide {
    pub(crate) peer: Arc<Peer>,
    pub(crate) verifier: Verifier,
}

impl Broadcaster {
    /// Begins to build one with secrets.
    pub fn builder(auth: Auth) -> BroadcasterBuilder {
        BroadcasterBuilder {
            auth,
            store: Arc::new(MemoryStore::default()),
            targets: Targets::public(),
            settings: Settings::default(),
            grip: None,
            refresh: None,
            host: None,
            tls: Tls::default(),
        }
    }

    /// Takes room for a message before it comes, or returns `None` if there is none.
    pub(crate) fn reserve(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        room::take(&self.0.buffers, length)
    }

    pub(crate) fn sockets(&self) -> &Arc<Sockets> {
        self.0.deliverer.sockets()
    }

    /// Calls the store where it may wait for the disk.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        blocking(&self.0.store, call).await
    }
}

impl fmt::Debug for Broadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcaster")
            .field("store", &self.0.store)
            .field("targets", &self.0.targets)
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    store: &Arc<dyn Store>,
    call: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    let called = tokio::task::spawn_blocking(move || call(&*store)).await;
    called.unwrap_or_else(|error| Err(StoreError::Unavailable(error.into())))
}

/// Builds a [`Broadcaster`].
#[derive(Debug)]
#[must_use]
pub struct BroadcasterBuilder {
    auth: Auth,
    store: Arc<dyn Store>,
    targets: Targets,
    settings: Settings,
    grip: Option<Grip>,
    refresh: Option<Waker>,
    host: Option<Address>,
    tls: Tls,
}

impl BroadcasterBuilder {
    /// Where subscriptions are kept. Default: in memory.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Where it may POST to. Default: public addresses.
    pub fn targets(mut self, targets: Targets) -> Self {
        self.targets = targets;
        self
    }

    /// Whom it trusts, and by which certificate subscribers know it, where they are reached over TLS.
    /// Default: the system's authorities, and no certificate.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How much it does at a time, and for how long.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Serves subscribers over WebSockets too, whose connections a proxy holds: a hub in this process
    /// (`Hub::grip`), or one that `GRIP_URL` names. Default: over HTTP alone.
    ///
    /// The router then has to be served by that proxy. Behind several processes each connection has to
    /// stay with the one that it was opened at. With secrets for Standard Webhooks there are no
    /// WebSockets: what they would get has no signature of theirs.
    pub fn grip(mut self, grip: &Grip) -> Self {
        self.grip = Some(grip.clone());
        self
    }

    /// Has the proxy make turns of a connection in this way, and not by an item: for Pushpin 1.36, which
    /// refuses the item, `CommandSocket::refresh_connection` of `gripware-publish`. It gets the proxy's id
    /// of the connection, its `Connection-Id`. Default: by an item.
    ///
    /// Without either a subscriber gets what is due with the next message that it sends, or within a
    /// minute.
    pub fn refreshing<F, T>(mut self, refresh: F) -> Self
    where
        F: Fn(String) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.refresh = Some(Waker::calling(refresh));
        self
    }

    /// Where other broadcasters reach this one, which share its store (`RecordsStore`): the URL whose path
    /// the router is mounted at. They POST to it what its WebSockets want, and it POSTs to them, so that
    /// [`targets`](Self::targets) has to allow their addresses. All have the same secrets. Default: there
    /// are no others.
    pub fn host(mut self, url: Address) -> Self {
        self.host = Some(url);
        self
    }

    /// Builds it, and starts to tell subscribers what they have missed, until the last clone is
    /// gone.
    ///
    /// # Errors
    /// Where the certificate for [`tls`](Self::tls) or the system's cannot be used.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn build(self) -> Result<Broadcaster, TlsError> {
        let Self {
            auth,
            store,
            targets,
            settings,
            grip,
            refresh,
            host,
            tls,
        } = self;
        let Auth {
            to_broadcaster,
            to_subscriber,
        } = auth;
        let to_broadcaster = Arc::new(Verifier::new(
            to_broadcaster,
            ReplayStore::new(settings.replays),
        ));
        if to_subscriber.kind() == Kind::StandardWebhooks {
            tracing::info!("subscribers are webhooks, whose status is their confirmation");
        }
        let grip = grip.filter(|_| to_subscriber.kind() != Kind::StandardWebhooks);
        let peer = host.filter(|_| grip.is_some()).map(|host| PeerSide {
            peer: Arc::new(Peer::new(&host, Arc::clone(&store))),
            verifier: Verifier::new(to_subscriber.clone(), ReplayStore::new(settings.replays)),
        });
        let sockets = grip.as_ref().map(|grip| {
            let peer = peer.as_ref().map(|side| Arc::clone(&side.peer));
            let by_items = || Waker::Items(grip.publisher());
            Sockets::new(refresh.unwrap_or_else(by_items), peer)
        });
        let sockets = Arc::new(sockets.unwrap_or_default());
        if grip.is_some() {
            look_after(&sockets);
            // What an earlier process has left in the store goes.
            sockets.announce_later(Vec::new());
        }
        let deliverer = Arc::new(Deliverer::new(
            Arc::clone(&store),
            Arc::clone(&to_broadcaster),
            to_subscriber,
            dial::sender(targets.clone(), tls)?,
            sockets,
            settings,
        ));
        missed::spawn(&deliverer);
        Ok(Broadcaster(Arc::new(Shared {
            to_broadcaster,
            deliverer,
            store,
            targets,
            settings,
            buffers: room::of(settings.max_buffered),
            unverified: room::of(MAX_UNVERIFIED),
            layer: grip.as_ref().map(GripLayer::new),
            answer_limit: grip.map_or(0, |grip| grip.policy().limits().websocket_body),
            peer,
            runtime: Handle::current(),
        })))
    }
}
