//! Connections to an HTTP origin, over TCP or a unix socket.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::time::Instant;
use tower_service::Service;

use super::{BoxError, OriginAddress, address::Place, early_answer::EarlyAnswer};
use crate::{
    descriptors::{DescriptorReserve, Shortage, pause},
    socket::Socket,
};

/// Opens connections to one origin.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    way: Way,
    descriptors: Arc<Descriptors>,
}

#[derive(Clone, Debug)]
enum Way {
    Tcp(HttpConnector),
    #[cfg(feature = "tls")]
    Tls(HttpConnector, Duration),
    Unix(Arc<Path>),
}

/// What is left for connections.
#[derive(Debug)]
struct Descriptors {
    reserve: DescriptorReserve,
    shortage: Mutex<Shortage>,
}

impl Connector {
    pub(super) fn new(address: &OriginAddress, timeout: Duration) -> Self {
        let tcp = || {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            connector.set_connect_timeout(Some(timeout));
            connector.set_keepalive(Some(Duration::from_secs(60)));
            connector.enforce_http(false);
            connector
        };
        let way = match &address.place {
            Place::Tcp(_) => Way::Tcp(tcp()),
            #[cfg(feature = "tls")]
            Place::Tls(_) => Way::Tls(tcp(), timeout),
            Place::Unix(path) => Way::Unix(path.as_path().into()),
        };
        let descriptors = Descriptors {
            reserve: DescriptorReserve::of_origin(),
            shortage: Mutex::default(),
        };
        Self {
            way,
            descriptors: Arc::new(descriptors),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<EarlyAnswer>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<EarlyAnswer>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.way {
            Way::Tcp(connector) => connector.poll_ready(cx).map_err(Into::into),
            #[cfg(feature = "tls")]
            Way::Tls(connector, _) => connector.poll_ready(cx).map_err(Into::into),
            Way::Unix(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (way, descriptors) = (self.way.clone(), Arc::clone(&self.descriptors));
        Box::pin(async move {
            descriptors.room().await?;
            let socket = match way {
                Way::Tcp(mut connector) => Socket::Tcp(connector.call(uri).await?.into_inner()),
                #[cfg(feature = "tls")]
                Way::Tls(mut connector, limit) => {
                    let stream = connector.call(uri.clone()).await?.into_inner();
                    tokio::time::timeout(limit, super::https::connect(stream, &uri)).await??
                }
                Way::Unix(path) => unix(&path).await?,
            };
            Ok(TokioIo::new(EarlyAnswer::new(socket)))
        })
    }
}

impl Descriptors {
    /// How long a request waits for a descriptor: others end, and give theirs back.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Waits until there is one that is not kept for publishers.
    async fn room(&self) -> Result<(), BoxError> {
        let start = Instant::now();
        while !self.reserve.has_room() {
            if start.elapsed() >= Self::PATIENCE {
                return Err("no descriptors are left".into());
            }
            self.say();
            pause().await;
        }
        Ok(())
    }

    fn say(&self) {
        let mut shortage = self.shortage.lock().unwrap_or_else(PoisonError::into_inner);
        shortage.say("requests to the origin wait: no descriptors are left");
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
