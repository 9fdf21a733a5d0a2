//! Connections to broadcasters, each within a bound that leaves time for the next broadcaster.

use std::{
    error::Error,
    io,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use crate::tls::{Tls, TlsError};

/// How long it may take to connect, with its name resolved, its addresses tried and TLS agreed on. A
/// host that drops packets would take all the time that there is for an answer.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

type Failure = Box<dyn Error + Send + Sync>;

/// Dials broadcasters, over TLS where the URL says so.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    time: Duration,
}

impl Connector {
    /// `time`: how long a connection may take until it is there, of which the addresses of a host
    /// have equal shares.
    pub(super) fn new(tls: Tls, time: Duration) -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        // Over TLS too.
        http.enforce_http(false);
        // Whatever is sent is sent whole.
        http.set_nodelay(true);
        http.set_connect_timeout(Some(time));
        let inner = tls.wrap(http)?;
        Ok(Self { inner, time })
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connected = timeout(self.time, self.inner.call(uri));
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        connected
            .map(move |connected| connected.unwrap_or_else(late))
            .boxed()
    }
}
