//! The byte stream of a connection, from the listener that accepts it to the shard that holds it.
//!
//! A socket is registered with the reactor of one runtime. To move to another one it is detached
//! here and attached there.

use std::{
    fmt,
    io::{self, IoSlice},
    net::IpAddr,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf, Ready},
    net::TcpStream,
};

/// A connection in the reactor of the runtime that uses it.
pub(crate) enum Socket {
    Tcp(TcpStream),
    /// It brings a reactor of its own, or is fed by another task.
    Other(Box<dyn Io>),
}

/// A connection on its way from one runtime to another.
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

impl Socket {
    /// Takes it out of the runtime's reactor.
    pub(crate) fn detach(self) -> io::Result<DetachedSocket> {
        match self {
            Self::Tcp(stream) => stream.into_std().map(DetachedSocket::Tcp),
            Self::Other(io) => Ok(DetachedSocket::Other(io)),
        }
    }

    /// Returns the address that the client has reached; `None` if it came by another way than TCP.
    pub(crate) fn local_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => Some(stream.local_addr().ok()?.ip()),
            Self::Other(_) => None,
        }
    }

    /// Puts it into the reactor of the runtime that calls.
    pub(crate) fn attach(wire: DetachedSocket) -> io::Result<Self> {
        match wire {
            DetachedSocket::Tcp(stream) => TcpStream::from_std(stream).map(Self::Tcp),
            DetachedSocket::Other(io) => Ok(Self::Other(io)),
        }
    }
}

impl Socket {
    /// Writes what the socket takes now.
    ///
    /// TCP has no use for `cx`: whoever wants to write more waits for it to be writable.
    pub(crate) fn try_write(
        &mut self,
        slices: &[IoSlice<'_>],
        cx: &mut Context<'_>,
    ) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => match slices {
                // What most writes are, by a system call that is cheaper.
                [only] => stream.try_write(only),
                _ => stream.try_write_vectored(slices),
            },
            Self::Other(io) => match Pin::new(&mut **io).poll_write_vectored(cx, slices) {
                Poll::Ready(written) => written,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            },
        }
    }

    /// Reads what has arrived into `buffer`; 0 bytes are the end.
    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(self).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl Io for Socket {
    fn is_hung_up(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_hung_up(),
            Self::Other(io) => io.is_hung_up(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Other(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Other(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Other(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

impl fmt::Debug for DetachedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
