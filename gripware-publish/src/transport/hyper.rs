//! The default transport: hyper, with rustls.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout_at};

use super::{MAX_ANSWER, Transport, TransportError, TransportFuture};
use crate::BuildError;

/// How long a connection is kept for the next request. Below the 30 s and more after which
/// servers commonly close theirs.
const IDLE: Duration = Duration::from_secs(20);

/// How long the rest of an answer is waited for, once its status is there: it is short, and nothing
/// depends on it.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// hyper's client over plain http, and with the feature `tls` over https.
///
/// Certificates are checked against the system's: whoever runs a control endpoint behind a
/// certificate of their own adds it there, and an update of the system reaches this as well.
pub(crate) enum HyperTransport {
    Http(Client<HttpConnector, Full<Bytes>>),
    #[cfg(feature = "tls")]
    Https(Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl HyperTransport {
    /// A client that gives up a connection attempt after `connect`.
    pub(crate) fn http(connect: Duration) -> Self {
        Self::Http(client().build(connector(connect)))
    }

    /// The same, also for https.
    #[cfg(feature = "tls")]
    pub(crate) fn https(connect: Duration) -> Result<Self, BuildError> {
        let mut http = connector(connect);
        http.enforce_http(false);
        // Named explicitly: a process-wide default provider may be missing, or another one.
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| BuildError::Tls {
                reason: error.to_string(),
            })?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self::Https(client().build(connector)))
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn https(endpoint: String) -> Result<Self, BuildError> {
        Err(BuildError::NoTls { endpoint })
    }

    async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Error> {
        match self {
            Self::Http(client) => client.request(request).await,
            #[cfg(feature = "tls")]
            Self::Https(client) => client.request(request).await,
        }
    }
}

impl Transport for HyperTransport {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let response = self.request(request.map(Full::new)).await;
            let response = response.map_err(|error| {
                if error.is_connect() {
                    TransportError::connect(&error)
                } else {
                    TransportError::broken(&error)
                }
            })?;
            let (head, body) = response.into_parts();
            Ok(Response::from_parts(head, read(body).await))
        })
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http",
            #[cfg(feature = "tls")]
            Self::Https(_) => "Https",
        })
    }
}

fn client() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(1);
    builder
}

fn connector(connect: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect));
    connector
}

/// The start of an answer. Its status has come already and says what happened, so one that breaks
/// off, or does not end, is as good as one that ends.
async fn read(mut body: Incoming) -> Bytes {
    let mut read = BytesMut::new();
    let deadline = Instant::now() + ANSWER_TIME;
    while read.len() < MAX_ANSWER {
        let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else {
            break;
        };
        if let Some(data) = frame.data_ref() {
            let room = MAX_ANSWER - read.len();
            read.extend_from_slice(data.get(..room).unwrap_or(data));
        }
    }
    read.freeze()
}
