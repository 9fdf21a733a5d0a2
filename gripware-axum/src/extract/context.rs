//! The extractor for what a request says about its proxy.

use std::{ops::Deref, time::SystemTime};

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use gripware_core::PrivateLink;
use http::request::Parts;

use super::LayerMissing;
use crate::scope;

/// What the request says about the proxy it came through: whether there is one, what it can do,
/// and what it delivered last.
///
/// It is there for every request that went through [`GripLayer`](crate::GripLayer), proxied or
/// not; its methods are those of [`gripware_core::GripContext`]. `Option<GripContext>` is `None`
/// where there is no layer.
///
/// # Rejections
/// [`LayerMissing`], a 500, where no layer is around the route.
///
/// ```
/// use axum::{Router, body::{Body, to_bytes}, http::Request, routing::get};
/// use gripware_axum::{Grip, GripContext, GripLayer};
/// use tower::ServiceExt;
///
/// async fn who(cx: GripContext) -> &'static str {
///     if cx.is_proxied() { "a proxy" } else { "a client" }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let routes: Router = Router::new().route("/", get(who));
/// let request = || Request::get("/").body(Body::empty());
///
/// let app = routes.clone().layer(GripLayer::new(&Grip::builder().build()?));
/// let body = app.oneshot(request()?).await?.into_body();
/// assert_eq!(to_bytes(body, 100).await?, "a client");
///
/// // Without the layer nobody knows, and the answer says what is missing.
/// assert_eq!(routes.oneshot(request()?).await?.status(), 500);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GripContext(gripware_core::GripContext);

impl GripContext {
    /// Makes the next link of a private stream: `path`, which has no query, and as its last segment
    /// a capability that [`PrivateStream`](crate::PrivateStream) checks. It is good for an hour;
    /// see [`gripware_core::GripContext::private_link_at`].
    pub fn private_link(&self, path: &str, user: &str, channel: &str) -> PrivateLink {
        self.0
            .private_link_at(SystemTime::now(), path, user, channel)
    }
}

impl Deref for GripContext {
    type Target = gripware_core::GripContext;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for GripContext {
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LayerMissing> {
        found(parts).ok_or(LayerMissing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for GripContext {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(found(parts))
    }
}

fn found(parts: &Parts) -> Option<GripContext> {
    scope::context(parts).map(GripContext)
}
