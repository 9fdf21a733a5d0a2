//! The middleware as an application names it; see `service` for what it does to a request.

use std::future::{Ready, ready};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use gripware_core::SharedPolicy;
use gripware_publish::Grip;

use crate::{GripService, ResponseBody};

/// Reads what the proxy says about each request, and turns the holds that handlers return into
/// instructions to it.
///
/// It goes around an app, a scope or a resource. What it does not know it leaves alone: a request
/// without GRIP headers reaches the handler as it came, and a response without a hold leaves with
/// its body untouched, streaming ones included.
///
/// Put it *inside* middleware that changes bodies or answers, that is, wrap with it before them;
/// see [the order of middleware](crate#the-order-of-middleware). Every worker gets a clone, which
/// shares everything.
///
/// ```
/// use actix_web::{App, http::StatusCode, test, web};
/// use gripware_actix::{Grip, GripMiddleware, Hold};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let grip = Grip::builder().build()?;
/// let app = test::init_service(
///     App::new()
///         .route("/news", web::get().to(|| async { Hold::stream("news") }))
///         .wrap(GripMiddleware::new(&grip)),
/// )
/// .await;
///
/// // Nobody signed this request, so there is no proxy to hold it.
/// let request = test::TestRequest::get().uri("/news").to_request();
/// let response = test::call_service(&app, request).await;
/// assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GripMiddleware {
    policy: SharedPolicy,
}

impl GripMiddleware {
    /// Creates a middleware with the policy of this configuration.
    #[must_use]
    pub fn new(grip: &Grip) -> Self {
        Self {
            policy: SharedPolicy::new(grip.policy()),
        }
    }
}

impl<S, B> Transform<S, ServiceRequest> for GripMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ResponseBody<B>>;
    type Error = Error;
    type Transform = GripService<S>;
    type InitError = ();
    type Future = Ready<Result<GripService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(GripService::new(inner, self.policy.clone())))
    }
}
