use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// How much may wait in the kernel before the socket is no longer writable. What waits there delays
/// heartbeats: with the kernel's own limit, megabytes, a slow uplink would be taken for a dead one.
#[cfg(target_os = "linux")]
const NOT_SENT: u32 = 128 * 1024;

/// Sets what a pipe needs of its sockets.
pub(crate) fn prepare(stream: &TcpStream, silence: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // HTTP/2's heartbeats notice a dead peer. This keeps the entries of NATs on the way alive
    // where they look at TCP alone.
    let keep_alive = TcpKeepalive::new().with_time(silence.max(Duration::from_secs(1)));
    socket.set_tcp_keepalive(&keep_alive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(NOT_SENT)?;
    Ok(())
}

/// A connection on this machine: to a handler, or of a caller.
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

macro_rules! either {
    ($socket:expr, $inner:ident => $do:expr) => {
        match $socket.get_mut() {
            Socket::Tcp($inner) => $do,
            #[cfg(unix)]
            Socket::Unix($inner) => $do,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, it => Pin::new(it).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, it => Pin::new(it).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, it => Pin::new(it).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, it => Pin::new(it).poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, it => Pin::new(it).poll_write_vectored(cx, slices))
    }
}
