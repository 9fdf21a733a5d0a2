//! Where clients connect: a TCP port, a unix socket, or whatever else gives connections.

#[cfg(unix)]
use std::os::fd::AsFd as _;
use std::{fmt, io, net::SocketAddr, pin::Pin};

use hyper_util::rt::TokioIo;
#[cfg(unix)]
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use crate::{
    descriptors::{DescriptorReserve, Shortage},
    socket::{Io, Socket},
};

/// Where clients connect: a TCP port or a unix socket, from a listener of tokio, or
/// [anything else](Self::from_fn) that gives connections, such as one with TLS of one's own.
///
/// Clients on a unix socket have no address: limits for one address do not apply to them.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
    Other(Box<dyn Accept>),
}

type Accepting<'a> =
    Pin<Box<dyn Future<Output = io::Result<(Box<dyn Io>, Option<SocketAddr>)>> + Send + 'a>>;

/// A listener of another library.
trait Accept: Send {
    fn accept(&mut self) -> Accepting<'_>;
}

/// hyper-util's adapter there and back is one type for connections of every kind.
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for TokioIo<TokioIo<S>> {}

fn boxed(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Box<dyn Io> {
    Box::new(TokioIo::new(TokioIo::new(stream)))
}

impl Listener {
    /// A listener of any kind, by what waits for its next connection: a stream, and the address of its
    /// client if it has one.
    ///
    /// The next one is waited for when the one before is being served, and the future is dropped when
    /// the hub ends. After an error it is asked again, within a second. Streams bring a reactor of their
    /// own. TCP's keep-alive and user timeout are theirs to set, and the descriptors that are kept back
    /// for the origin are not guarded against them.
    ///
    /// ```
    /// use gripware_hub::{Hub, Listener};
    /// use tokio::{net::TcpListener, sync::Semaphore};
    ///
    /// # async fn example(app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::builder().build()?;
    /// let inner = std::sync::Arc::new(TcpListener::bind("127.0.0.1:0").await?);
    /// let listener = Listener::from_fn(move || {
    ///     let inner = inner.clone();
    ///     async move {
    ///         let (stream, peer) = inner.accept().await?;
    ///         Ok((stream, Some(peer))) // or a stream with TLS around it
    ///     }
    /// });
    /// hub.serve(listener, app).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fn<F, S>(accept: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<(S, Option<SocketAddr>)>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        struct FromFn<A>(A);

        impl<A, F, S> Accept for FromFn<A>
        where
            A: FnMut() -> F + Send,
            F: Future<Output = io::Result<(S, Option<SocketAddr>)>> + Send + 'static,
            S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        {
            fn accept(&mut self) -> Accepting<'_> {
                let accepting = (self.0)();
                Box::pin(async move {
                    let (stream, peer) = accepting.await?;
                    Ok((boxed(stream), peer))
                })
            }
        }

        Self(Kind::Other(Box::new(FromFn(accept))))
    }

    /// A listener as axum has it, such as one with its `ListenerExt` around it. As for
    /// [`from_fn`](Self::from_fn).
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn axum(listener: impl axum::serve::Listener<Addr = SocketAddr>) -> Self {
        struct Axum<L>(L);

        impl<L: axum::serve::Listener<Addr = SocketAddr>> Accept for Axum<L> {
            fn accept(&mut self) -> Accepting<'_> {
                Box::pin(async {
                    let (stream, peer) = self.0.accept().await;
                    Ok((boxed(stream), Some(peer)))
                })
            }
        }

        Self(Kind::Other(Box::new(Axum(listener))))
    }

    /// Waits for a connection, and until it may take a descriptor.
    pub(super) async fn accept(
        &mut self,
        reserve: DescriptorReserve,
        shortage: &mut Shortage,
    ) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &mut self.0 {
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
            Kind::Other(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::Other(stream), peer))
            }
        }
    }
}

impl fmt::Debug for dyn Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accept")
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
