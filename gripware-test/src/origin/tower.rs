use std::{fmt, future::poll_fn};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tower_service::Service;

use super::{Answering, IntoOrigin, Origin, OriginError};

/// Marks tower services; see [`IntoOrigin`].
///
/// A service that takes one kind of body alone is brought to this one with
/// `tower::ServiceExt::map_request`.
#[derive(Debug)]
pub enum Tower {}

impl<S, B> IntoOrigin<Tower> for S
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<OriginError>,
    B: Body,
    B::Error: Into<OriginError>,
{
    type Origin = TowerOrigin<S>;

    fn into_origin(self) -> TowerOrigin<S> {
        TowerOrigin(self)
    }
}

/// The origin that a tower service is.
pub struct TowerOrigin<S>(S);

impl<S, B> Origin for TowerOrigin<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<OriginError>,
    B: Body,
    B::Error: Into<OriginError>,
{
    fn send(&self, request: Request<Bytes>) -> Answering<'_> {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            let answering = service.call(request.map(Full::new));
            let (head, body) = answering.await.map_err(Into::into)?.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok(Response::from_parts(head, body))
        })
    }
}

impl<S> fmt::Debug for TowerOrigin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerOrigin").finish_non_exhaustive()
    }
}
