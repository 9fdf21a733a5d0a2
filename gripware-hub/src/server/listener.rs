//! Where clients connect: a TCP port or a unix socket.

#[cfg(unix)]
use std::os::fd::AsFd as _;
use std::{io, net::SocketAddr};

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::{
    descriptors::{DescriptorReserve, Shortage},
    socket::Socket,
};

/// Where clients connect: a TCP port or a unix socket, from a listener of tokio.
///
/// Clients on a unix socket have no address: limits for one address do not apply to them.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Waits for a connection, and until it may take a descriptor.
    pub(super) async fn accept(
        &self,
        reserve: DescriptorReserve,
        shortage: &mut Shortage,
    ) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                #[cfg(unix)]
                let stream = match reserve.admit(stream.as_fd(), shortage).await? {
                    Some(other) => TcpStream::from_std(other.into())?,
                    None => stream,
                };
                #[cfg(not(unix))]
                let _ = (reserve, shortage);
                // Where it fails the connection is slower.
                let _ = stream.set_nodelay(true);
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let stream = match reserve.admit(stream.as_fd(), shortage).await? {
                    Some(other) => UnixStream::from_std(other.into())?,
                    None => stream,
                };
                Ok((Socket::Other(Box::new(stream)), None))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self(Kind::Unix(listener))
    }
}
