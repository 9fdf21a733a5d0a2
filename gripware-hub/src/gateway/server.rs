use std::{
    fmt, io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::AsyncReadExt as _,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};

use super::{Listener, Options, Socket, frame_scanner::PREFACE, http1, http2, share::Shares};
use crate::{
    handoff::{DetachedSocket, HeldClient, ResumeHttp},
    metrics::Metrics,
    node::Node,
    origin::{Origin, ServiceFetch, client::OriginClient},
    settings::Settings,
    signature::Signature,
    ws::WsSettings,
};

/// Who holds the clients that leave the gateway.
pub(crate) trait Holder: fmt::Debug + Send + Sync + 'static {
    fn hold(&self, held: HeldClient);
    fn settings(&self) -> &Settings;
    fn signature(&self) -> &Arc<Signature>;
    fn metrics(&self) -> &Metrics;
}

impl Holder for Node {
    fn hold(&self, held: HeldClient) {
        Self::hold(self, held);
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn signature(&self) -> &Arc<Signature> {
        &self.signature
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// Serves clients in front of one application.
pub(crate) struct Gateway<S> {
    pub(super) holder: Arc<dyn Holder>,
    pub(super) origin_client: OriginClient,
    pub(super) options: Options,
    pub(super) session: WsSettings,
    /// Cloned for each connection. A service need not be `Sync`.
    origin: Mutex<S>,
    runtime: Handle,
    pub(super) shares: Arc<Shares>,
    /// How many connections more may be open that are not held, where there is a limit.
    room: Option<Arc<Semaphore>>,
    /// Whether no more is served. Each connection has a receiver until it ends or is held.
    stop: watch::Sender<bool>,
}

/// A connection that is being served.
pub(super) struct Connected {
    pub(super) peer: Option<SocketAddr>,
    pub(super) is_tls: bool,
    pub(super) stop: watch::Receiver<bool>,
    /// Held for as long as the connection counts.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl<S: Origin> Gateway<S> {
    /// What follows runs on the runtime that this is called on.
    pub(crate) fn new(holder: Arc<dyn Holder>, origin: S, options: Options) -> Arc<Self> {
        let settings = holder.settings();
        let runtime = Handle::current();
        let origin_client = OriginClient::new(
            ServiceFetch::new(origin.clone()),
            runtime.clone(),
            Arc::clone(holder.signature()),
            settings.max_origin_requests,
            settings.max_turns_per_address,
            settings.origin_timeout,
        );
        let session = WsSettings {
            min_keep_alive_interval: settings.min_keep_alive_interval,
            ..WsSettings::default()
        };
        let room = options.max_connections.map(Semaphore::new);
        Arc::new(Self {
            holder,
            origin_client,
            room: room.map(Arc::new),
            shares: Shares::new(options.max_client_requests),
            options,
            session,
            origin: Mutex::new(origin),
            runtime,
            stop: watch::Sender::new(false),
        })
    }

    /// Serves until the signal comes; then nothing more is accepted, and this waits until every
    /// request that is under way has its answer. Holds are not waited for, except those on HTTP/2,
    /// which have to be ended first.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: Listener,
        signal: impl Future<Output = ()>,
    ) {
        let mut signal = pin!(signal);
        loop {
            let accepting = async {
                let accepted = listener.accept().await;
                // One connection waits here, not the permit for one: clients that come back from a
                // hold need it as well.
                (accepted, self.permit().await)
            };
            let (accepted, permit) = tokio::select! {
                () = &mut signal => break,
                accepted = accepting => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    let connected = Connected {
                        peer,
                        is_tls: false,
                        stop: self.stop.subscribe(),
                        permit,
                    };
                    self.runtime
                        .spawn(receive(Arc::clone(&self), socket, connected));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Mostly there are no file descriptors left, and a moment later there are.
                    tracing::warn!(target: "gripware_hub", %error, "no connection can be accepted");
                    tokio::select! {
                        () = &mut signal => break,
                        () = sleep(Duration::from_millis(100)) => {}
                    }
                }
            }
        }
        drop(listener);
        self.stop.send_replace(true);
        self.stop.closed().await;
    }

    /// Waits until one more connection may be open.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // A closed semaphore would let everybody in, and nobody closes this one.
        Arc::clone(self.room.as_ref()?).acquire_owned().await.ok()
    }

    /// Waits until nothing more is served.
    pub(super) async fn stopping(&self) {
        stopped(&mut self.stop.subscribe()).await;
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    pub(super) fn origin(&self) -> S {
        let origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        origin.clone()
    }
}

impl<S: Origin> fmt::Debug for Gateway<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Finds out which protocol a client speaks: HTTP/2 begins with words that no HTTP/1 request has.
async fn receive<S: Origin>(
    gateway: Arc<Gateway<S>>,
    mut socket: Socket,
    #[cfg_attr(not(feature = "tls"), expect(unused_mut))] mut connected: Connected,
) {
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    let limit = gateway.options.header_timeout;
    let mut stop = connected.stop.clone();
    #[cfg(feature = "tls")]
    if let Some(tls) = &gateway.options.tls {
        let accepted = tokio::select! {
            accepted = timeout(limit, tls.accept(socket)) => accepted,
            () = stopped(&mut stop) => return,
        };
        let Ok(Ok(accepted)) = accepted else {
            return;
        };
        socket = accepted;
        connected.is_tls = true;
    }
    let reading = async {
        while let Some(rest) = read.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match socket.read(rest).await {
                Ok(0) | Err(_) => return false,
                Ok(more) => length += more,
            }
            if !PREFACE.starts_with(read.get(..length).unwrap_or_default()) {
                return true;
            }
        }
        true
    };
    let begun = tokio::select! {
        begun = timeout(limit, reading) => begun,
        // Nothing was asked on this connection.
        () = stopped(&mut stop) => return,
    };
    drop(stop);
    if begun != Ok(true) {
        return;
    }
    let prefix = Bytes::copy_from_slice(read.get(..length).unwrap_or_default());
    if prefix == PREFACE[..] {
        http2::serve(gateway, socket, prefix, connected).await;
    } else {
        http1::serve(gateway, socket, prefix, connected).await;
    }
}

/// Waits until nothing more is served.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // It fails where the gateway is gone.
    let _ = stop.wait_for(|stopped| *stopped).await;
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Serves the next request on a connection that was held.
pub(super) struct Returning<S> {
    pub(super) gateway: Arc<Gateway<S>>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) is_tls: bool,
}

impl<S: Origin> ResumeHttp for Returning<S> {
    fn resume_http(&self, wire: DetachedSocket, unread: Bytes) {
        let gateway = Arc::clone(&self.gateway);
        let (peer, is_tls) = (self.peer, self.is_tls);
        let mut stop = gateway.stop.subscribe();
        self.gateway.runtime.spawn(async move {
            // It counts again, and waits like one that is new.
            let permit = tokio::select! {
                permit = gateway.permit() => permit,
                () = stopped(&mut stop) => return,
            };
            let connected = Connected {
                peer,
                is_tls,
                stop,
                permit,
            };
            // Here, since the socket has to be in the reactor of this runtime.
            if let Ok(socket) = Socket::attach(wire) {
                http1::serve(gateway, socket, unread, connected).await;
            }
        });
    }
}

impl<S> fmt::Debug for Returning<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returning")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
