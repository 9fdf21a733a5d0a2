//! The socket of an HTTP/2 connection as hyper sees it, with the frame meter in between.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::frame_meter::FrameMeter;
use crate::socket::Socket;

/// A client's connection as hyper sees it where HTTP/2 is spoken: what was read before comes first,
/// and frames are counted as they pass. A flood of them is a failure to read, after a GOAWAY.
pub(super) struct Http2Io {
    socket: Socket,
    prefix: Bytes,
    meter: SharedMeter,
}

/// A meter that the connection's task looks at too.
#[derive(Clone, Debug)]
pub(super) struct SharedMeter(Arc<Mutex<FrameMeter>>);

impl SharedMeter {
    pub(super) fn new(meter: FrameMeter) -> Self {
        Self(Arc::new(Mutex::new(meter)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, FrameMeter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Http2Io {
    pub(super) fn new(socket: Socket, prefix: Bytes, meter: SharedMeter) -> Self {
        Self {
            socket,
            prefix,
            meter,
        }
    }

    /// Says why the connection ends, where there is room for it.
    fn say_goodbye(&mut self, cx: &mut Context<'_>) {
        let Some(goaway) = self.meter.lock().goaway() else {
            return;
        };
        let mut socket = Pin::new(&mut self.socket);
        if let Poll::Ready(Ok(_)) = socket.as_mut().poll_write(cx, &goaway) {
            let _ = socket.poll_flush(cx);
        }
    }
}

impl AsyncRead for Http2Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.prefix.is_empty() {
            std::task::ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        } else {
            let length = self.prefix.len().min(buf.remaining());
            buf.put_slice(self.prefix.get(..length).unwrap_or_default());
            self.prefix.advance(length);
        }
        let read = buf.filled().get(before..).unwrap_or_default();
        let received = self.meter.lock().receive(read, Instant::now());
        Poll::Ready(received.map_err(|flood| {
            self.say_goodbye(cx);
            io::Error::other(flood)
        }))
    }
}

impl AsyncWrite for Http2Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.socket).poll_write(cx, buf))?;
        self.meter
            .lock()
            .send(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs))?;
        let mut meter = self.meter.lock();
        let mut left = written;
        for buf in bufs {
            let length = left.min(buf.len());
            meter.send(buf.get(..length).unwrap_or_default());
            left -= length;
        }
        drop(meter);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
