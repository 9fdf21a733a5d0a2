//! The layer as an application names it; see `service` for what it does to a request.

use gripware_core::SharedPolicy;
use gripware_publish::Grip;
use tower_layer::Layer;

use crate::GripService;

/// Reads what the proxy says about each request, and turns the holds that handlers return into
/// instructions to it.
///
/// It goes around a router, a nested router or a single route. What it does not know it leaves
/// alone: a request without GRIP headers reaches the handler as it came, and a response without a
/// hold leaves with its body untouched, streaming ones included.
///
/// Put it *inside* layers that change bodies or answers, that is, add it before them; see
/// [the order of layers](crate#the-order-of-layers).
///
/// ```
/// use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
/// use gripware_axum::{Grip, GripLayer, Hold};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let grip = Grip::builder().build()?;
/// let app = Router::new()
///     .route("/news", get(|| async { Hold::stream("news") }))
///     .layer(GripLayer::new(&grip));
///
/// // Nobody signed this request, so there is no proxy to hold it.
/// let response = app.oneshot(Request::get("/news").body(Body::empty())?).await?;
/// assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GripLayer {
    policy: SharedPolicy,
}

impl GripLayer {
    /// Creates a layer with the policy of this configuration.
    #[must_use]
    pub fn new(grip: &Grip) -> Self {
        Self {
            policy: SharedPolicy::new(grip.policy()),
        }
    }
}

impl<S> Layer<S> for GripLayer {
    type Service = GripService<S>;

    fn layer(&self, inner: S) -> GripService<S> {
        GripService::new(inner, self.policy.clone())
    }
}
