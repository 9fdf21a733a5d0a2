use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use crate::{Body, BoxError, Exception, remote::Handler};

/// Any service as one that answers always: its errors become exceptions.
pub(crate) fn handler<S, B>(service: S, development: bool) -> Handler
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(tower::service_fn(move |request| {
        let answering = service.clone().oneshot(request);
        answering
            .map_ok(|it| it.map(Body::new))
            .or_else(move |error| {
                let error = HandlerError(error.into());
                let response = Exception::of(&error, development).into_response();
                std::future::ready(Ok(response))
            })
    }))
}

/// What a handler has returned instead of a response.
#[derive(Debug, thiserror::Error)]
#[error("the handler failed: {0}")]
struct HandlerError(#[source] BoxError);
