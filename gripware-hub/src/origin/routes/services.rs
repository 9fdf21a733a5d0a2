//! Applications that have a name and no address.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Either, combinators::UnsyncBoxBody};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower_service::Service;

use crate::{
    http::{BoxError, body::Body},
    origin::{Origin, OriginError, kept::KeptBody},
};

/// The body of an answer, from an address or from a service.
pub(crate) type RouteBody = Either<KeptBody, UnsyncBoxBody<Bytes, BoxError>>;

type Sending = Pin<Box<dyn Future<Output = Result<Response<RouteBody>, OriginError>> + Send>>;

/// Applications that routes name, `pipe:NAME` in place of an address: tower services that carry whole
/// messages of HTTP, such as the client of a `gripware-pipe`, which dials in.
#[derive(Clone, Default)]
#[must_use]
pub struct RouteServices {
    by_name: HashMap<Box<str>, NamedService>,
}

/// One of them.
#[derive(Clone)]
pub(super) struct NamedService(Arc<dyn Fn(Request<Body>) -> Sending + Send + Sync>);

impl RouteServices {
    /// Returns none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, in place of an earlier one of this name.
    ///
    /// Named within a runtime, the service is called there. Named outside of one, it is called on the
    /// threads of the hub, which it must not block.
    pub fn with<S, B>(mut self, name: &str, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.by_name.insert(name.into(), NamedService::new(service));
        self
    }

    pub(super) fn find(&self, name: &str) -> Option<NamedService> {
        self.by_name.get(name).cloned()
    }
}

impl NamedService {
    fn new(service: impl Origin) -> Self {
        // Cloned for each request. A service need not be `Sync`.
        let service = Mutex::new(service);
        let runtime = Handle::try_current().ok();
        Self(Arc::new(move |mut request| {
            let service = service
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let sending = async move {
                let response = service.send(&mut request).await?;
                Ok(response.map(|body| Either::Right(body.map_err(Into::into).boxed_unsync())))
            };
            match &runtime {
                None => Box::pin(sending),
                Some(runtime) => {
                    let sending = AbortOnDropHandle::new(runtime.spawn(sending));
                    Box::pin(async move { sending.await.unwrap_or(Err(OriginError::Ended)) })
                }
            }
        }))
    }

    pub(super) fn send(&self, request: Request<Body>) -> Sending {
        (self.0)(request)
    }
}

impl fmt::Debug for RouteServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl fmt::Debug for NamedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamedService")
    }
}
