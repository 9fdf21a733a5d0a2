//! The socket of an HTTP/1.x connection as hyper sees it: bytes can be put back before what is still
//! to be read, and are read ahead so that a client that leaves is noticed.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::{ending::Ending, handoff_slot::HandoffSlot};
use crate::socket::Socket;

/// How much is read ahead of hyper, in bytes: a few pipelined requests. A client that sends more is
/// not seen to go until there is room.
const AHEAD: usize = 16 * 1024;
const CHUNK: usize = 4096;

/// A client's connection as hyper sees it where HTTP/1.x is spoken: what was read before comes first,
/// and the slot learns whether everything is written.
///
/// hyper does not read while it has bytes that it cannot use yet, such as a pipelined request, and
/// would not notice that the client is gone while the origin thinks. So what it leaves is read ahead
/// of it, up to a bound. A reset ends the connection, and with it what is in progress. An end of file
/// does not: a client that has no more to ask sends it too and waits for its answers, and TCP does
/// not tell the two apart.
pub(super) struct Rewind {
    socket: TokioIo<Ending>,
    ahead: BytesMut,
    /// Whether hyper itself waits for more, since the last flush.
    is_awaited: bool,
    slot: Arc<HandoffSlot>,
}

impl Rewind {
    pub(super) fn new(socket: Socket, prefix: Bytes, slot: Arc<HandoffSlot>) -> Self {
        Self {
            socket: TokioIo::new(Ending {
                socket,
                has_ended: false,
            }),
            ahead: prefix.into(),
            is_awaited: false,
            slot,
        }
    }

    /// The connection, and what of it hyper has not read.
    pub(super) fn into_parts(self) -> (Socket, Bytes) {
        (self.socket.into_inner().socket, self.ahead.freeze())
    }

    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.socket.inner().has_ended && self.ahead.len() < AHEAD {
            // Zeros would be a tenth of the work of a plain request.
            let mut chunk = [const { MaybeUninit::uninit() }; CHUNK];
            let mut buf = ReadBuf::uninit(&mut chunk);
            let socket = Pin::new(self.socket.inner_mut());
            match socket.poll_read(cx, &mut buf) {
                Poll::Ready(read) => read?,
                Poll::Pending => break,
            }
            self.ahead.extend_from_slice(buf.filled());
        }
        self.note_end();
        Ok(())
    }

    fn note_end(&self) {
        if self.socket.inner().has_ended {
            self.slot.progress().ends();
        }
    }

    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        let mut progress = self.slot.progress();
        match written {
            Poll::Ready(Ok(bytes)) => progress.takes(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => progress.waits(),
        }
    }
}

impl Read for Rewind {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let read = Pin::new(&mut self.socket).poll_read(cx, buf);
            self.is_awaited = read.is_pending();
            self.note_end();
            return read;
        }
        let length = self.ahead.len().min(buf.remaining());
        buf.put_slice(self.ahead.get(..length).unwrap_or_default());
        self.ahead.advance(length);
        if self.ahead.is_empty() {
            // It would keep its memory for as long as the connection is idle.
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Rewind {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.slot.set_flushed(false);
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.slot.set_flushed(false);
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::take(&mut self.is_awaited) {
            self.read_ahead(cx)?;
        }
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.slot.progress().settles();
        self.slot.set_flushed(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
