//! A connection to an origin that may answer before it has taken the whole request, and close.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;

/// A connection of which the answer is read although nothing more can be written.
///
/// An origin that refuses an upload by its head answers 413 and closes, so that a write fails while
/// the answer waits to be read: the system keeps what came before a reset. A failed write is
/// therefore one that does not go on until the end is read as well.
#[derive(Debug)]
pub(super) struct EarlyAnswer {
    socket: Socket,
    takes_no_more: bool,
    has_ended: bool,
}

impl EarlyAnswer {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            takes_no_more: false,
            has_ended: false,
        }
    }

    fn poll<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut Socket>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.takes_no_more && self.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.takes_no_more {
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.socket)) {
            // The task is woken by what is read.
            Poll::Ready(Err(_)) => {
                self.takes_no_more = true;
                Poll::Pending
            }
            polled => polled,
        }
    }
}

impl AsyncRead for EarlyAnswer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.remaining();
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, buf));
        self.has_ended = read.is_err() || (before > 0 && buf.remaining() == before);
        Poll::Ready(read)
    }
}

impl AsyncWrite for EarlyAnswer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(|socket| socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(|socket| socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.takes_no_more {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Connection for EarlyAnswer {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
