//! A hold on HTTP/2: its connection is one stream, which hyper goes on writing. A stream
//! in memory leads from the shard to hyper.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::{
    handoff::{Awaited, ClientConn},
    socket::Io,
};

/// What may be on its way from a hold to hyper, in bytes.
const CAPACITY: usize = 16 * 1024;
const CHUNK: usize = 8 * 1024;

/// Gives a client that is held its connection: a stream of HTTP/2. Returns the rest of its response's
/// body.
pub(super) fn arrive_on_h2_stream(client: Awaited) -> H2StreamBody {
    let (socket, body) = h2_stream();
    client.arrive(ClientConn::new(socket));
    body
}

/// The socket of a stream on HTTP/2, and what hyper reads from it.
///
/// A socket that is shut down is a response that ended. One that is dropped was cut off, and hyper
/// resets the stream. A client that is gone is the socket's end of file.
fn h2_stream() -> (HoldSocket, H2StreamBody) {
    let (near, far) = tokio::io::duplex(CAPACITY);
    let ended = Arc::new(AtomicBool::new(false));
    let hold = Arc::new(());
    let body = H2StreamBody {
        io: far,
        ended: Arc::clone(&ended),
        hold: Arc::downgrade(&hold),
    };
    let socket = HoldSocket {
        io: near,
        ended,
        _hold: hold,
    };
    (socket, body)
}

struct HoldSocket {
    io: DuplexStream,
    ended: Arc<AtomicBool>,
    _hold: Arc<()>,
}

impl Io for HoldSocket {}

pub(super) struct H2StreamBody {
    io: DuplexStream,
    ended: Arc<AtomicBool>,
    hold: Weak<()>,
}

impl H2StreamBody {
    /// Lives as long as the socket.
    pub(super) fn hold(&self) -> Weak<()> {
        Weak::clone(&self.hold)
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        // On the stack, so that an idle stream has no buffer.
        let mut chunk = [const { MaybeUninit::uninit() }; CHUNK];
        let mut buf = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        let data = buf.filled();
        Poll::Ready(if !data.is_empty() {
            Some(Ok(Bytes::copy_from_slice(data)))
        } else if self.ended.load(Ordering::Acquire) {
            None
        } else {
            Some(Err(io::ErrorKind::ConnectionAborted.into()))
        })
    }
}

impl AsyncRead for HoldSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for HoldSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended.store(true, Ordering::Release);
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
