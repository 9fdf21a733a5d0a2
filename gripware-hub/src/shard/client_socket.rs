use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::handoff::{DetachedSocket, Io};

/// A connection to a client in the reactor of its shard.
pub(super) enum ClientSocket {
    Tcp(TcpStream),
    /// It brings a reactor of its own, or is fed by another task.
    Other(Box<dyn Io>),
}

impl ClientSocket {
    /// Takes over a connection. To be called in the shard's runtime.
    pub(super) fn new(wire: DetachedSocket) -> io::Result<Self> {
        Ok(match wire {
            DetachedSocket::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream)?),
            DetachedSocket::Other(io) => Self::Other(io),
        })
    }

    /// Gives the connection back.
    pub(super) fn detach(self) -> io::Result<DetachedSocket> {
        Ok(match self {
            Self::Tcp(stream) => DetachedSocket::Tcp(stream.into_std()?),
            Self::Other(io) => DetachedSocket::Other(io),
        })
    }

    /// Writes what the socket takes now.
    pub(super) fn try_write(
        &mut self,
        slices: &[IoSlice<'_>],
        cx: &mut Context<'_>,
    ) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Other(io) => match Pin::new(&mut **io).poll_write_vectored(cx, slices) {
                Poll::Ready(written) => written,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            },
        }
    }

    /// Sends on what a layer in between has kept, such as TLS.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Other(io) => Pin::new(&mut **io).poll_flush(cx),
        }
    }

    /// Ends the sending side.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(io) => Pin::new(&mut **io).poll_shutdown(cx),
        }
    }

    /// Whether the client's side has ended, though what came before that may not be read yet.
    pub(super) fn is_hung_up(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_hung_up(),
            Self::Other(io) => io.is_hung_up(),
        }
    }

    /// Reads what has arrived into `buffer`; 0 bytes are the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => loop {
                ready!(stream.poll_read_ready(cx))?;
                match stream.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read),
                }
            },
            Self::Other(io) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(&mut **io).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }
}

impl std::fmt::Debug for ClientSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}
