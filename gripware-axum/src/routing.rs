//! A route for the two ways in which a WebSocket comes.

use std::convert::Infallible;

use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};

/// Routes the turns of a WebSocket to a handler that takes a
/// [`WebSocketContext`](crate::WebSocketContext).
///
/// With the hub inside, the opening comes by GET, as the client has sent it, and what follows by POST;
/// behind Pushpin and Fastly all of it comes by POST. The route takes these two methods, and answers
/// any other with 405. Who wants one of the methods for something else adds to it as to any route.
///
/// ```
/// use axum::{Router, body::Body, http::Request};
/// use gripware_axum::{Grip, GripLayer, WebSocketContext, WebSocketRejection, websocket};
/// use tower::ServiceExt;
///
/// async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
///     if ws.is_opening() {
///         ws.accept();
///     }
///     while let Some(message) = ws.receive()? {
///         ws.send(message)?;
///     }
///     Ok(ws)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new()
///     .route("/echo", websocket(echo))
///     .layer(GripLayer::new(&Grip::builder().build()?));
///
/// // Without a proxy it is no WebSocket, whatever the method.
/// for (method, status) in [("GET", 400), ("POST", 400), ("PUT", 405)] {
///     let request = Request::builder().method(method).uri("/echo");
///     let answer = app.clone().oneshot(request.body(Body::empty())?).await?;
///     assert_eq!(answer.status(), status);
/// }
/// # Ok(())
/// # }
/// ```
pub fn websocket<H, T, S>(handler: H) -> MethodRouter<S, Infallible>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    on(MethodFilter::GET.or(MethodFilter::POST), handler)
}
