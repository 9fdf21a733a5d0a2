//! An application behind an HTTP address, as a service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderValue, Request, Response, Version,
    header::{CONNECTION, HOST, TE, UPGRADE},
};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tower_service::Service;

use super::{
    OriginAddress, OriginError,
    connect::Connector,
    kept::{KeptBody, KeptConnections},
    per_runtime::PerRuntime,
};
use crate::http::{
    body::{Body, take},
    header_count::MAX_HEADERS,
};

/// An application behind an HTTP address, over HTTP/1.1 connections that are kept for the next
/// request.
///
/// A request that a kept connection cannot have taken is sent once more on another one. No other is
/// sent twice.
#[derive(Clone)]
pub(crate) struct HttpOrigin {
    shared: Arc<Shared>,
}

struct Shared {
    address: OriginAddress,
    connector: Connector,
    /// For requests that are whole, which are most.
    kept: Arc<KeptConnections>,
    /// For those whose body is still to come, and for upgrades: their connections go on by themselves.
    client: PerRuntime<Client<Connector, Body>>,
}

impl HttpOrigin {
    /// How long a connection may take to come about.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long a connection is kept for a next request. Servers close theirs after 5 s (Node.js)
    /// or 75 s (nginx); closing first avoids most requests on a connection that has ended.
    const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

    /// How long an answer may take is for whoever asks to say.
    pub(crate) fn new(address: OriginAddress) -> Self {
        let connector = Connector::new(&address, Self::CONNECT_TIMEOUT);
        let kept = KeptConnections::new(connector.clone(), address.uri(), Self::IDLE_TIMEOUT);
        Self {
            shared: Arc::new(Shared {
                address,
                connector,
                kept,
                // It is made again where it is wanted.
                client: PerRuntime::new(|_| true),
            }),
        }
    }

    /// Takes a request and sends it, with its path below that of the address.
    pub(crate) async fn send(
        &self,
        request: &mut Request<Body>,
    ) -> Result<Response<KeptBody>, OriginError> {
        let address = &self.shared.address;
        *request.version_mut() = Version::HTTP_11;
        if request.headers().contains_key(TE) {
            // Who does not know it has to leave it here (RFC 9110, section 10.1.4).
            let te = HeaderValue::from_static("te");
            request.headers_mut().insert(CONNECTION, te);
        }
        if !request.body().is_whole() || request.headers().contains_key(UPGRADE) {
            *request.uri_mut() = address.resolve(request.uri())?;
            // In a box, since the future of each request would have room for it.
            let answer = Box::pin(self.client().request(take(request)));
            return match answer.await {
                Ok(response) => Ok(response.map(KeptBody::driven)),
                Err(error) if error.is_connect() => Err(OriginError::Unreached(error.into())),
                Err(error) => Err(OriginError::Failed(error.into())),
            };
        }
        if let Some(uri) = address.origin_form(request.uri())? {
            *request.uri_mut() = uri;
        }
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, address.host());
        }
        self.shared.kept.send(request).await
    }

    fn client(&self) -> Arc<Client<Connector, Body>> {
        self.shared.client.here(|| {
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Self::IDLE_TIMEOUT)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .http1_max_headers(MAX_HEADERS)
                .build(self.shared.connector.clone())
        })
    }
}

impl Service<Request<Body>> for HttpOrigin {
    type Response = Response<KeptBody>;
    type Error = OriginError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<KeptBody>, OriginError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OriginError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let origin = self.clone();
        Box::pin(async move { origin.send(&mut request).await })
    }
}

impl fmt::Debug for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOrigin")
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}
