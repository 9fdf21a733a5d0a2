//! An application behind an HTTP address, as a service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tower_service::Service;

use super::{OriginAddress, OriginError, connect::Connector};
use crate::http::{body::Body, header_count::MAX_HEADERS};

/// An application behind an HTTP address, over HTTP/1.1 connections that are kept for the next
/// request.
///
/// A request that a kept connection cannot have taken is sent once more on another one. No other is
/// sent twice.
#[derive(Clone)]
pub(crate) struct HttpOrigin {
    client: Client<Connector, Body>,
    address: Arc<OriginAddress>,
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
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Self::IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_max_headers(MAX_HEADERS)
            .build(connector);
        Self {
            client,
            address: Arc::new(address),
        }
    }
}

impl Service<Request<Body>> for HttpOrigin {
    type Response = Response<Incoming>;
    type Error = OriginError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, OriginError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OriginError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let client = self.client.clone();
        let resolved = self.address.resolve(request.uri());
        Box::pin(async move {
            *request.uri_mut() = resolved?;
            *request.version_mut() = Version::HTTP_11;
            match client.request(request).await {
                Ok(response) => Ok(response),
                Err(error) if error.is_connect() => Err(OriginError::Unreached(error.into())),
                Err(error) => Err(OriginError::Failed(error.into())),
            }
        })
    }
}

impl fmt::Debug for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOrigin")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
