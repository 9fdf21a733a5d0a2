use std::{fmt, io, path::PathBuf, time::Duration};

use tokio::{net::TcpListener, time::sleep};

use crate::socket::Socket;

/// How long to wait when the system has no sockets left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where an [`Entrance`](super::Entrance) listens: an address, or a unix socket.
///
/// `Display` writes it as it is given: `127.0.0.1:8611`, `unix:/run/pipe.sock`.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// Its path is removed with it.
#[cfg(unix)]
#[derive(Debug)]
struct UnixSocket {
    listener: tokio::net::UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens on `HOST:PORT`, where port 0 is any that is free, or `unix:PATH`. A socket that is
    /// left there by a program that has ended is replaced.
    ///
    /// # Errors
    /// Where the address cannot be used.
    pub async fn bind(address: &str) -> io::Result<Self> {
        match address.strip_prefix("unix:") {
            Some(path) => Self::unix(path.into()).await,
            None => Ok(TcpListener::bind(address).await?.into()),
        }
    }

    #[cfg(unix)]
    async fn unix(path: PathBuf) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt;

        use tokio::net::{UnixListener, UnixStream};

        let is_socket =
            std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.file_type().is_socket());
        if is_socket && UnixStream::connect(&path).await.is_err() {
            std::fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        Ok(Self(Kind::Unix(UnixSocket { listener, path })))
    }

    #[cfg(not(unix))]
    async fn unix(_: PathBuf) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Waits for a connection. Safe to cancel.
    pub(super) async fn accept(&self) -> Socket {
        loop {
            let accepted = match &self.0 {
                Kind::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    // It is faster with it, and works without.
                    let _ = stream.set_nodelay(true);
                    Socket::Tcp(stream)
                }),
                #[cfg(unix)]
                Kind::Unix(socket) => {
                    let accepted = socket.listener.accept().await;
                    accepted.map(|(stream, _)| Socket::Unix(stream))
                }
            };
            match accepted {
                Ok(socket) => return socket,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    pub(super) fn is_loopback(&self) -> bool {
        match &self.0 {
            Kind::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| address.ip().to_canonical().is_loopback()),
            #[cfg(unix)]
            Kind::Unix(_) => false,
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

#[cfg(unix)]
impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Where it is gone already, that is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("an unknown address"),
            },
            #[cfg(unix)]
            Kind::Unix(socket) => write!(f, "unix:{}", socket.path.display()),
        }
    }
}
