//! The gateway to one application: accepts connections, tells HTTP/1.x from HTTP/2, and takes
//! connections back from holds.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::{io::AsyncReadExt as _, sync::OwnedSemaphorePermit, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Options, frame_scanner::PREFACE, http1, http2, share::Shares};
use crate::{
    descriptors::DescriptorReserve,
    handoff::{Holder, ResumeHttp},
    origin::{Origin, OriginClient},
    server::{Accepted, Listener, Server, TcpTimes},
    socket::{DetachedSocket, Socket},
    threads::Threads,
    ws::WsSettings,
};

/// Serves clients in front of one application.
pub(crate) struct Gateway<S> {
    pub(super) holder: Arc<dyn Holder>,
    pub(super) origin_client: OriginClient,
    pub(super) options: Options,
    pub(super) ws_settings: WsSettings,
    /// Cloned for each connection. A service need not be `Sync`.
    origin: Mutex<S>,
    pub(super) shares: Arc<Shares>,
    pub(super) server: Server,
}

/// A connection that is being served, but for its socket.
pub(super) struct Connected {
    pub(super) peer: Option<SocketAddr>,
    /// Held for as long as the connection counts.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl<S: Origin> Gateway<S> {
    /// Connections, and what is asked on their behalf, run on these threads.
    pub(crate) fn new(
        holder: Arc<dyn Holder>,
        threads: Threads,
        origin: S,
        options: Options,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let settings = holder.settings();
        let tcp_times = TcpTimes::new(settings);
        let origin_client = OriginClient::new(
            threads.clone(),
            origin.clone(),
            Arc::clone(holder.signature()),
            settings.max_origin_requests,
            settings.max_turns_per_address,
            settings.origin_timeout,
        );
        let origin_client = match options.turns_on_own_threads {
            true => origin_client.with_turns_here(),
            false => origin_client,
        };
        let ws_settings = settings.websocket();
        let reserve = DescriptorReserve::of_clients();
        Arc::new(Self {
            holder,
            origin_client,
            server: Server::new(threads, stop, options.max_connections, tcp_times, reserve),
            shares: Shares::new(options.max_client_requests),
            options,
            ws_settings,
            origin: Mutex::new(origin),
        })
    }

    /// Serves until it is told to stop; then nothing more is accepted, and this waits until every
    /// request that is under way has its answer. Holds are not waited for, except those on HTTP/2,
    /// which have to be ended first.
    pub(crate) async fn serve(self: Arc<Self>, listener: Listener) {
        let gateway = Arc::clone(&self);
        self.server
            .serve(listener, move |accepted| {
                receive(Arc::clone(&gateway), accepted)
            })
            .await;
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
async fn receive<S: Origin>(gateway: Arc<Gateway<S>>, accepted: Accepted) {
    let Accepted {
        socket,
        peer,
        permit,
    } = accepted;
    // Nothing is asked on the connection before this is done.
    let stop = gateway.server.stop();
    let begun = stop.run_until_cancelled(begin(&gateway.options, socket));
    let Some(Some(begun)) = begun.await else {
        return;
    };
    let connected = Connected { peer, permit };
    if begun.prefix == PREFACE[..] {
        http2::serve(gateway, begun.socket, begun.prefix, connected).await;
    } else {
        http1::serve(gateway, begun.socket, begun.prefix, connected).await;
    }
}

/// A connection whose first bytes are there.
struct Begun {
    socket: Socket,
    prefix: Bytes,
}

/// Reads until it is clear whether this is the preface of HTTP/2; `None` if the client leaves or
/// takes too long.
async fn begin(options: &Options, mut socket: Socket) -> Option<Begun> {
    let limit = options.header_timeout;
    #[cfg(feature = "tls")]
    if let Some(tls) = &options.tls {
        socket = timeout(limit, tls.accept(socket)).await.ok()?.ok()?;
    }
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    let reading = async {
        while let Some(rest) = read.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match socket.read(rest).await {
                Ok(0) | Err(_) => return None,
                Ok(more) => length += more,
            }
            if !PREFACE.starts_with(read.get(..length).unwrap_or_default()) {
                break;
            }
        }
        Some(())
    };
    timeout(limit, reading).await.ok()??;
    Some(Begun {
        socket,
        prefix: Bytes::copy_from_slice(read.get(..length).unwrap_or_default()),
    })
}

impl<S: Origin> ResumeHttp for Gateway<S> {
    fn resume_http(
        self: Arc<Self>,
        socket: DetachedSocket,
        peer: Option<SocketAddr>,
        unread: Bytes,
    ) {
        let gateway = Arc::clone(&self);
        self.server.spawn(async move {
            let server = &gateway.server;
            // It counts again, and waits like one that is new.
            let permit = server.stop().run_until_cancelled(server.permit());
            let Some(permit) = permit.await else {
                return;
            };
            let connected = Connected { peer, permit };
            // Here, since the socket has to be in the reactor of this runtime.
            if let Ok(socket) = Socket::attach(socket) {
                http1::serve(gateway, socket, unread, connected).await;
            }
        });
    }
}
