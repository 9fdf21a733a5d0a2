//! A listener for an origin whose proxy writes a request's head and body apart.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A TCP listener for [`axum::serve`](fn@axum::serve) whose connections acknowledge at once what they have read.
///
/// Pushpin from 1.37 on writes the head of a request and then its body, and does not turn off
/// Nagle's algorithm: the body waits until the head is acknowledged, and systems take their time
/// with that, 40 ms on Linux. Each turn of a WebSocket is then as late. Behind this listener it is
/// not. Nothing else changes, for one system call after each read.
///
/// It does so on Linux and Android (`TCP_QUICKACK`); elsewhere it is the listener that it was given.
/// `Hub::serve` of `gripware-hub` does the same by itself where it steps aside for another proxy.
/// [`ConnectInfo`](axum::extract::ConnectInfo) of a [`SocketAddr`] is axum's for its own listeners
/// alone; it would be the proxy's address.
///
/// ```no_run
/// use axum::Router;
/// use gripware_axum::QuickAck;
/// use tokio::net::TcpListener;
///
/// # async fn run() -> std::io::Result<()> {
/// let app: Router = Router::new();
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(QuickAck::new(listener), app).await
/// # }
/// ```
#[derive(Debug)]
pub struct QuickAck<L> {
    listener: L,
}

impl<L> QuickAck<L> {
    /// Wraps a listener of TCP.
    #[must_use]
    pub const fn new(listener: L) -> Self {
        Self { listener }
    }
}

impl<L> Listener for QuickAck<L>
where
    L: Listener<Io = TcpStream, Addr = SocketAddr>,
{
    type Io = QuickAckStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (QuickAckStream, SocketAddr) {
        let (stream, peer) = self.listener.accept().await;
        (QuickAckStream { stream }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection of [`QuickAck`].
#[derive(Debug)]
pub struct QuickAckStream {
    stream: TcpStream,
}

impl AsyncRead for QuickAckStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &mut self.get_mut().stream;
        ready!(Pin::new(&mut *stream).poll_read(cx, buf))?;
        acknowledge(stream);
        Poll::Ready(Ok(()))
    }
}

/// What has arrived is acknowledged now. The system forgets this wish when the next answer is
/// written, so it is said after each read. Where it fails the connection is slower.
fn acknowledge(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

impl AsyncWrite for QuickAckStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use socket2::SockRef;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn a_connection_never_takes_its_time_to_acknowledge() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4];
        // Question and answer are what a system learns from that it may take its time.
        while SockRef::from(&server).tcp_quickack().unwrap() {
            client.write_all(b"ping").await.unwrap();
            server.read_exact(&mut buffer).await.unwrap();
            server.write_all(b"pong").await.unwrap();
            client.read_exact(&mut buffer).await.unwrap();
        }
        let mut server = QuickAckStream { stream: server };
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut buffer).await.unwrap();
        assert!(SockRef::from(&server.stream).tcp_quickack().unwrap());
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
    }
}
