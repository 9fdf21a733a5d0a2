//! Connections to an HTTP origin, over TCP or a unix socket.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use tower_service::Service;

use super::{BoxError, OriginAddress, address::Place};
use crate::socket::Socket;

/// Opens connections to one origin.
#[derive(Clone, Debug)]
pub(super) enum Connector {
    Tcp(HttpConnector),
    Unix(Arc<Path>),
}

impl Connector {
    pub(super) fn new(address: &OriginAddress, timeout: Duration) -> Self {
        match &address.place {
            Place::Tcp(_) => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                connector.set_connect_timeout(Some(timeout));
                connector.set_keepalive(Some(Duration::from_secs(60)));
                Self::Tcp(connector)
            }
            Place::Unix(path) => Self::Unix(path.as_path().into()),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Socket>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Tcp(connector) => connector.poll_ready(cx).map_err(Into::into),
            Self::Unix(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Tcp(connector) => {
                let connecting = connector.call(uri);
                Box::pin(async move {
                    let stream = connecting.await?.into_inner();
                    Ok(TokioIo::new(Socket::Tcp(stream)))
                })
            }
            Self::Unix(path) => {
                let path = Arc::clone(path);
                Box::pin(async move { Ok(TokioIo::new(unix(&path).await?)) })
            }
        }
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Socket> {
    let stream = tokio::net::UnixStream::connect(path).await?;
    Ok(Socket::Other(Box::new(stream)))
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
