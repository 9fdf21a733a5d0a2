//! What can be an application in this process.

use std::{
    any::Any,
    future::{Future, poll_fn},
    net::SocketAddr,
    panic::{self, AssertUnwindSafe},
    pin::{Pin, pin},
    task::Poll,
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use tower_service::Service;

use super::OriginError;
use crate::http::{
    BoxError,
    body::{Body, take},
};

/// The application, as any tower service that can be one.
pub(crate) trait Origin: Clone + Send + 'static {
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// Waits until the service is ready, takes the request and hands it to the service.
    fn send(
        self,
        request: &mut Request<Body>,
    ) -> impl Future<Output = Result<Response<Self::Body>, OriginError>> + Send;
}

impl<S, B> Origin for S
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Body = B;

    async fn send(mut self, request: &mut Request<Body>) -> Result<Response<B>, OriginError> {
        let failed = |error: S::Error| OriginError::from(error.into());
        let work = pin!(async move {
            poll_fn(|cx| self.poll_ready(cx)).await.map_err(failed)?;
            let answering = self.call(take(request));
            // A service may count itself as busy until it is dropped.
            drop(self);
            answering.await.map_err(failed)
        });
        caught(work).await
    }
}

/// Makes a panic of the application an error, which is that of one request and tells what it was.
///
/// It takes a reference, since a future that is taken by value is there twice.
async fn caught<T>(
    mut work: Pin<&mut impl Future<Output = Result<T, OriginError>>>,
) -> Result<T, OriginError> {
    poll_fn(|cx| {
        // It is not polled again, and whoever shares its state sees what any panic leaves.
        let polled = panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.unwrap_or_else(|cause| {
            let message = message_of(&*cause).to_owned();
            Poll::Ready(Err(OriginError::Panicked { message }))
        })
    })
    .await
}

fn message_of(cause: &(dyn Any + Send)) -> &str {
    match (cause.downcast_ref::<&str>(), cause.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}

/// Who sent a request, in the request's extensions.
///
/// It is the other end of the connection, and not what `X-Forwarded-For` says. The turns of a
/// WebSocket and a long poll that is asked again have that of their client. A client on a unix socket
/// has none, and neither have a next link, which is asked for several clients at once, and what tells
/// the application that a client has gone.
///
/// With the feature `axum` of this crate the same is there as axum's `ConnectInfo<SocketAddr>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);

impl ClientAddr {
    /// Notes who sent a request, where that is known.
    pub(crate) fn insert(peer: Option<SocketAddr>, extensions: &mut Extensions) {
        let Some(peer) = peer else {
            return;
        };
        extensions.insert(Self(peer));
        #[cfg(feature = "axum")]
        extensions.insert(axum::extract::ConnectInfo(peer));
    }
}
