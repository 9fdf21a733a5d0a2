//! A route for the two ways in which a WebSocket comes.

use actix_web::{FromRequest, Handler, Responder, Route, guard, web};

/// Routes the turns of a WebSocket to a handler that takes a
/// [`WebSocketContext`](crate::WebSocketContext).
///
/// With the hub inside, the opening comes by GET, as the client has sent it, and what follows by POST;
/// behind Pushpin and Fastly all of it comes by POST. The route takes these two methods and no other.
///
/// ```
/// use actix_web::{App, http::Method, test};
/// use gripware_actix::{
///     Grip, GripMiddleware, WebSocketContext, WebSocketRejection, websocket,
/// };
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
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = test::init_service(
///     App::new()
///         .route("/echo", websocket(echo))
///         .wrap(GripMiddleware::new(&Grip::builder().build()?)),
/// )
/// .await;
///
/// // Without a proxy it is no WebSocket, whatever the method.
/// for (method, status) in [(Method::GET, 400), (Method::POST, 400), (Method::PUT, 404)] {
///     let request = test::TestRequest::with_uri("/echo").method(method).to_request();
///     assert_eq!(test::call_service(&app, request).await.status(), status);
/// }
/// # Ok(())
/// # }
/// ```
pub fn websocket<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route()
        .guard(guard::Any(guard::Get()).or(guard::Post()))
        .to(handler)
}
