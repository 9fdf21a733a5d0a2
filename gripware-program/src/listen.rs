use std::{fmt, net::SocketAddr};

use tokio::net::TcpListener;

use crate::Failure;

/// A listener on an address or a unix socket.
///
/// `Display` writes where it listens: `127.0.0.1:7999`, with the real port, or `unix:/run/a.sock`.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener, SocketAddr),
    /// On a unix socket, and its file.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, SocketFile),
}

/// The file of a unix socket, which is removed when this is dropped, unless a supervisor has made it.
#[cfg(unix)]
#[derive(Debug)]
pub struct SocketFile {
    path: std::path::PathBuf,
    is_own: bool,
}

impl Listener {
    /// Listens on `HOST:PORT`, where port 0 is any that is free, or `unix:PATH`. A socket that is
    /// left there by a program that has ended is replaced.
    ///
    /// `fd:NAME` is a listening socket that systemd has opened and passed on (socket activation): its
    /// `FileDescriptorName=`, or its number from 0 on. Each can be taken once.
    ///
    /// # Errors
    /// Where the address cannot be used.
    pub async fn bind(address: &str) -> Result<Self, Failure> {
        let bound = match address.split_once(':') {
            Some(("unix", path)) => Self::unix(path).await,
            Some(("fd", name)) => Self::activated(name),
            _ => Self::tcp(address).await,
        };
        bound.map_err(|error| Failure::other(format_args!("cannot listen on {address}: {error}")))
    }

    async fn tcp(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    #[cfg(unix)]
    async fn unix(path: &str) -> std::io::Result<Self> {
        use std::os::unix::fs::FileTypeExt;

        let is_socket =
            std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
        if is_socket && tokio::net::UnixStream::connect(path).await.is_err() {
            std::fs::remove_file(path)?;
        }
        let listener = tokio::net::UnixListener::bind(path)?;
        let file = SocketFile {
            path: path.into(),
            is_own: true,
        };
        Ok(Self::Unix(listener, file))
    }

    #[cfg(unix)]
    fn activated(name: &str) -> std::io::Result<Self> {
        use crate::activation::{Activated, take};

        match take(name)? {
            Activated::Tcp(listener) => {
                let address = listener.local_addr()?;
                Ok(Self::Tcp(TcpListener::from_std(listener)?, address))
            }
            Activated::Unix(listener) => {
                let address = listener.local_addr()?;
                // One of the abstract namespace has none.
                let path = address.as_pathname().unwrap_or_else(|| "".as_ref()).into();
                let listener = tokio::net::UnixListener::from_std(listener)?;
                let is_own = false;
                Ok(Self::Unix(listener, SocketFile { path, is_own }))
            }
        }
    }

    #[cfg(not(unix))]
    fn activated(_: &str) -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    #[cfg(not(unix))]
    async fn unix(_: &str) -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Returns `true` if only this machine reaches it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(_, address) => address.ip().to_canonical().is_loopback(),
            #[cfg(unix)]
            Self::Unix(..) => true,
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix(_, file) => write!(f, "unix:{}", file.path.display()),
        }
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_own {
            // Where it is gone already, that is as good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
