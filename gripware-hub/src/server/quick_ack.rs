//! Acknowledging at once what has been read, for a proxy that waits for it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;

/// A connection whose system acknowledges after each read.
///
/// Pushpin from 1.37 on writes the head of a request and then its body, under Nagle's algorithm: the
/// body waits for the acknowledgement of the head, which Linux delays by 40 ms.
#[derive(Debug)]
pub(crate) struct QuickAck(pub(crate) Socket);

impl AsyncRead for QuickAck {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &mut self.get_mut().0;
        ready!(Pin::new(&mut *socket).poll_read(cx, buf))?;
        // The system forgets this wish when the next answer is written. Where it fails the
        // connection is slower.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Socket::Tcp(stream) = socket {
            let _ = socket2::SockRef::from(&*stream).set_tcp_quickack(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for QuickAck {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use socket2::SockRef;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
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
        let mut server = QuickAck(Socket::Tcp(server));
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut buffer).await.unwrap();
        let Socket::Tcp(stream) = &server.0 else {
            unreachable!("it was made with one");
        };
        assert!(SockRef::from(stream).tcp_quickack().unwrap());
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
    }
}
