//! The extractor for what a request says about its proxy.

use std::{
    future::{Ready, ready},
    ops::Deref,
    time::SystemTime,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use gripware_core::PrivateLink;

use super::MiddlewareMissing;
use crate::admission;

/// What the request says about the proxy it came through: whether there is one, what it can do,
/// and what it delivered last.
///
/// It is there for every request that went through [`GripMiddleware`](crate::GripMiddleware),
/// proxied or not; its methods are those of [`gripware_core::GripContext`]. `Option<GripContext>`
/// is `None` where there is no middleware.
///
/// # Rejections
/// [`MiddlewareMissing`], a 500, where no middleware is around the route.
///
/// ```
/// use actix_web::{App, test, web};
/// use gripware_actix::{Grip, GripContext, GripMiddleware};
///
/// async fn who(cx: GripContext) -> &'static str {
///     if cx.is_proxied() { "a proxy" } else { "a client" }
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let routes = || App::new().route("/", web::get().to(who));
/// let request = || test::TestRequest::get().uri("/").to_request();
///
/// let grip = Grip::builder().build()?;
/// let app = test::init_service(routes().wrap(GripMiddleware::new(&grip))).await;
/// assert_eq!(test::call_and_read_body(&app, request()).await, "a client");
///
/// // Without the middleware nobody knows, and the answer says what is missing.
/// let app = test::init_service(routes()).await;
/// assert_eq!(test::call_service(&app, request()).await.status(), 500);
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

impl FromRequest for GripContext {
    type Error = MiddlewareMissing;
    type Future = Ready<Result<Self, MiddlewareMissing>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            admission::context(request)
                .map(Self)
                .ok_or(MiddlewareMissing),
        )
    }
}
