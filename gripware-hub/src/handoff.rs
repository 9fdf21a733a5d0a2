//! What the gateway hands to the shards when the application holds a client.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use gripware_core::proxy::Instruction;
use http::{Response, Version};
use tokio::sync::oneshot;

use crate::{
    connection_id::Id,
    http::replay_request::ReplayRequest,
    metrics::Metrics,
    origin::OriginClient,
    passed::PassedSockets,
    settings::Settings,
    signature::Signature,
    socket::{DetachedSocket, Io},
    ws::Accepted,
};

/// Who holds the clients that leave the gateway: a [`Node`](crate::node::Node), or a test's list.
pub(crate) trait Holder: fmt::Debug + Send + Sync + 'static {
    fn hold(&self, held: HeldClient);
    fn settings(&self) -> &Settings;
    fn signature(&self) -> &Arc<Signature>;
    fn metrics(&self) -> &Metrics;
    fn passed(&self) -> &Arc<PassedSockets>;
}

/// A client that is held from now on.
#[derive(Debug)]
pub(crate) struct HeldClient {
    pub(crate) id: Id,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) since: Instant,
    pub(crate) request: ReplayRequest,
    pub(crate) origin_client: OriginClient,
    pub(crate) kind: HoldKind,
    /// `None` if the answer goes by another task, and until the connection has left hyper.
    pub(crate) conn: Option<ClientConn>,
    /// Where the connection comes later.
    pub(crate) arrival: Option<Arrival>,
}

/// A connection that comes when its client is held already, so that the client follows its channels
/// before it has read anything. Until then what is for it waits in its queue.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Told when the client follows its channels.
    pub(crate) held: oneshot::Sender<()>,
    /// Fails where the client has gone.
    pub(crate) conn: oneshot::Receiver<ClientConn>,
}

/// A client that is held, whose connection is still elsewhere. The client is gone where this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Awaited(oneshot::Sender<ClientConn>);

impl HeldClient {
    /// Holds the client. Returns when it follows its channels; `None` if nobody can hold it.
    pub(crate) async fn hold_ahead(self, holder: &dyn Holder) -> Option<Awaited> {
        let (held, is_held) = oneshot::channel();
        let (awaited, conn) = oneshot::channel();
        holder.hold(Self {
            arrival: Some(Arrival { held, conn }),
            ..self
        });
        is_held.await.ok().map(|()| Awaited(awaited))
    }
}

impl Awaited {
    /// Ready where the hold has been cut off.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_closed(cx)
    }

    /// Brings the connection. It is closed where the hold has been cut off.
    pub(crate) fn arrive(self, conn: ClientConn) {
        let _ = self.0.send(conn);
    }
}

#[derive(Debug)]
pub(crate) enum HoldKind {
    /// Answered once: by an item, or with the instruction's response when time is up.
    Response {
        instruction: Instruction,
        reply: Reply,
    },
    /// Appended to. `head` goes out first: all that the client has not got yet of the response's
    /// head and its first bytes, in the framing of the connection.
    Stream {
        instruction: Instruction,
        head: Bytes,
        framing: Framing,
    },
    /// A WebSocket that the application has accepted. `head` is the 101, or empty if hyper has sent
    /// it. The request is that of `OPEN`, without a body.
    WebSocket {
        accepted: Box<Accepted>,
        head: Bytes,
        /// The socket of an origin that speaks WebSocket itself.
        origin: Option<OriginConn>,
    },
}

/// A connection to an origin that has left HTTP.
pub(crate) struct OriginConn(pub(crate) Box<dyn Io>);

impl fmt::Debug for OriginConn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OriginConn")
    }
}

/// How a response hold is answered in the end.
#[derive(Debug)]
pub(crate) enum Reply {
    /// As bytes on a connection that was taken out of hyper.
    Http1 {
        version: Version,
        /// Whether the request was a HEAD, whose answer has no body.
        is_head: bool,
    },
    /// By the task that waits for it; the client is gone when it no longer does.
    Channel(oneshot::Sender<Response<Bytes>>),
}

/// A connection to a client.
#[derive(Debug)]
pub(crate) struct ClientConn {
    pub(crate) socket: DetachedSocket,
    /// What the client has sent already, behind the request.
    pub(crate) unread: Bytes,
    /// Goes on with the connection after the hold; `None` if it may not be used again (keep-alive).
    pub(crate) resume_http: Option<Arc<dyn ResumeHttp>>,
}

impl ClientConn {
    /// A connection that ends with the hold, and of which nothing was read ahead.
    pub(crate) fn new(io: impl Io + 'static) -> Self {
        Self {
            socket: DetachedSocket::Other(Box::new(io)),
            unread: Bytes::new(),
            resume_http: None,
        }
    }
}

/// A server that goes on with a connection after a hold. All clients that it may get back refer to it,
/// and none has anything of its own for that.
pub(crate) trait ResumeHttp: Send + Sync + fmt::Debug {
    fn resume_http(
        self: Arc<Self>,
        socket: DetachedSocket,
        peer: Option<SocketAddr>,
        unread: Bytes,
    );
}

/// How the bytes of a stream are framed on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// In chunks of HTTP/1.1, ended by an empty one.
    Chunked,
    /// As they are, ended with the connection.
    Raw,
}
