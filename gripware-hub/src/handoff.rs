//! What the gateway hands over when the application holds a client.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use gripware_core::proxy::Instruction;
use http::{Response, Version};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest, Ready},
    net::TcpStream,
    sync::oneshot,
};

use crate::{
    connection_id::Id, http::replay_request::ReplayRequest, origin::OriginClient, ws::Accepted,
};

/// A client that is held from now on.
#[derive(Debug)]
pub(crate) struct HeldClient {
    pub(crate) id: Id,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) since: Instant,
    pub(crate) request: ReplayRequest,
    pub(crate) origin_client: OriginClient,
    pub(crate) what: HoldKind,
}

#[derive(Debug)]
pub(crate) enum HoldKind {
    /// Answered once: by an item, or with the instruction's response when time is up.
    Response {
        instruction: Instruction,
        reply: Reply,
    },
    /// Appended to. `head` goes out first: all that the client has not got yet of the response's
    /// head and its first bytes, in the framing of the line.
    Stream {
        instruction: Instruction,
        line: ClientConn,
        head: Bytes,
        framing: Framing,
    },
    /// A WebSocket that the application has accepted. `head` is the 101, or nothing where hyper has
    /// sent it. The request that is kept is that of `OPEN`, without a body.
    WebSocket {
        accepted: Box<Accepted>,
        line: ClientConn,
        head: Bytes,
    },
}

/// How a response hold is answered in the end.
#[derive(Debug)]
pub(crate) enum Reply {
    /// As bytes on a line that was taken out of hyper.
    Http1 {
        line: ClientConn,
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
    pub(crate) wire: DetachedSocket,
    /// What the client has sent already, behind the request.
    pub(crate) unread: Bytes,
    /// Takes the connection back for its next request, where it may be used again.
    pub(crate) resume_http: Option<Arc<dyn ResumeHttp>>,
}

pub(crate) enum DetachedSocket {
    /// Not blocking, and in no runtime's reactor.
    Tcp(std::net::TcpStream),
    Other(Box<dyn Io>),
}

/// Any other connection, such as one with TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {
    /// Whether the client's side has ended, though what came before that may not be read yet.
    ///
    /// `false` where that cannot be told without reading, as on a stream of HTTP/2, which costs no
    /// descriptor.
    fn is_hung_up(&self) -> bool {
        false
    }
}

impl Io for DuplexStream {}

impl Io for TcpStream {
    fn is_hung_up(&self) -> bool {
        is_read_closed(self.ready(Interest::READABLE))
    }
}

#[cfg(unix)]
impl Io for UnixStream {
    fn is_hung_up(&self) -> bool {
        is_read_closed(self.ready(Interest::READABLE))
    }
}

/// Whether a socket's side for reading has ended, from what the reactor knows of it: no system call,
/// and whatever is still to be read.
fn is_read_closed(ready: impl Future<Output = io::Result<Ready>>) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(ready).poll(&mut cx) {
        Poll::Ready(Ok(ready)) => ready.is_read_closed(),
        Poll::Ready(Err(_)) => true,
        Poll::Pending => false,
    }
}

/// A server that goes on with a connection after a hold.
pub(crate) trait ResumeHttp: Send + Sync + std::fmt::Debug {
    fn resume_http(&self, wire: DetachedSocket, unread: Bytes);
}

/// How the bytes of a stream stand on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// In chunks of HTTP/1.1, ended by an empty one.
    Chunked,
    /// As they are, ended with the connection.
    Raw,
}

impl std::fmt::Debug for DetachedSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::AsyncWriteExt as _,
        time::{sleep, timeout},
    };

    use super::*;

    #[tokio::test]
    async fn a_client_on_a_unix_socket_that_leaves_is_noticed_although_nothing_is_read() {
        let (mut client, wire) = UnixStream::pair().unwrap();
        client.write_all(b"unread").await.unwrap();
        wire.readable().await.unwrap();
        assert!(!wire.is_hung_up());
        drop(client);
        let noticed = async {
            while !wire.is_hung_up() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(20), noticed).await.unwrap();
    }
}
