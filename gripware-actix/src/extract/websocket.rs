//! The extractor for one turn of a WebSocket over HTTP.

use std::ops::{Deref, DerefMut};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::{WebSocketFuture, WebSocketRejection};

/// One turn of a conversation over a WebSocket: the events that the proxy brings, and what the
/// handler answers.
///
/// As an extractor it reads the events of the request; as a response it sends the answers back.
/// Its methods are those of [`gripware_core::ws::WebSocketContext`]. It takes the body of a request
/// that carries WebSocket events, and leaves that of any other to the extractors after it. A route takes
/// GET and POST: [`websocket`](crate::websocket) makes one.
///
/// A conversation is one request after the other, each of them any instance's: what is to be
/// remembered goes into the connection's meta, which the proxy keeps.
///
/// # One route for pages and sockets
/// `Option<WebSocketContext>` is `None` if the request is no WebSocket's. actix-web makes it
/// `None` for every other rejection, too: where events that a proxy signed cannot be read, the
/// handler runs as if there were none. The proxy then gets the rejection nevertheless, unless the
/// handler answers with an error of its own. A handler that does something at `None` asks for
/// `Result<WebSocketContext, WebSocketRejection>` in its place, and looks for
/// [`NotWebSocket`](WebSocketRejection::NotWebSocket):
///
/// ```
/// # use actix_web::{HttpResponse, Responder, HttpRequest};
/// use gripware_actix::{WebSocketContext, WebSocketRejection};
///
/// async fn page_or_socket(
///     request: HttpRequest,
///     ws: Result<WebSocketContext, WebSocketRejection>,
/// ) -> Result<HttpResponse, WebSocketRejection> {
///     match ws {
///         Ok(mut ws) => {
///             ws.accept();
///             Ok(ws.respond_to(&request).map_into_boxed_body())
///         }
///         Err(WebSocketRejection::NotWebSocket) => Ok(HttpResponse::Ok().body("a page\n")),
///         Err(broken) => Err(broken),
///     }
/// }
/// ```
///
/// # Rejections
/// [`WebSocketRejection`]: 400 where the request carries no WebSocket events or broken ones, 403
/// where they did not come through a trusted proxy or a page of another host opens the socket (see
/// [`AllowedOrigins`](gripware_core::ws::AllowedOrigins)), 413 where they are over
/// [`Limits`](gripware_core::Limits), 500 where the middleware is missing. actix-web's
/// `PayloadConfig` has no say here.
///
/// ```
/// use actix_web::{App, test, web};
/// use gripware_actix::{Grip, GripMiddleware, WebSocketContext, WebSocketRejection};
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
///         .route("/echo", web::to(echo))
///         .wrap(GripMiddleware::new(&Grip::builder().build()?)),
/// )
/// .await;
///
/// // Events that nobody signed could be anybody's.
/// let forged = test::TestRequest::post()
///     .uri("/echo")
///     .insert_header(("content-type", "application/websocket-events"))
///     .insert_header(("connection-id", "1"))
///     .set_payload("OPEN\r\n")
///     .to_request();
/// assert_eq!(test::call_service(&app, forged).await.status(), 403);
///
/// // And this is no WebSocket at all.
/// let page = test::TestRequest::get().uri("/echo").to_request();
/// assert_eq!(test::call_service(&app, page).await.status(), 400);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
// In a box, since it is large, and is moved from future to future of the handler.
pub struct WebSocketContext(pub(crate) Box<gripware_core::ws::WebSocketContext>);

impl Deref for WebSocketContext {
    type Target = gripware_core::ws::WebSocketContext;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for WebSocketContext {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromRequest for WebSocketContext {
    type Error = WebSocketRejection;
    type Future = WebSocketFuture;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> WebSocketFuture {
        WebSocketFuture::new(request, payload)
    }
}
