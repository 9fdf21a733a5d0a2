//! The extractor for one turn of a WebSocket over HTTP.

use std::{
    future::Future,
    ops::{Deref, DerefMut},
};

use axum_core::{
    RequestExt as _,
    extract::{FromRequest, OptionalFromRequest, Request},
};
use bytes::Bytes;
use gripware_core::{
    Admission, Limits, Policy,
    header::is_conversation,
    ws::{WebSocketError, WebSocketErrorKind},
};
use http::{header::HOST, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{LayerMissing, WebSocketRejection};
use crate::{scope, socket::OpenSocket};

/// One turn of a conversation over a WebSocket: the events that the proxy brings, and what the
/// handler answers.
///
/// As an extractor it reads the events of the request; as a response it sends the answers back.
/// Its methods are those of [`gripware_core::ws::WebSocketContext`]. It takes the body, so it stands
/// last among a handler's arguments. `Option<WebSocketContext>` is `None` where the request is no
/// WebSocket's, so that one route can serve pages and sockets. A route takes GET and POST:
/// [`websocket`](crate::websocket) makes one.
///
/// A conversation is one request after the other, each of them any instance's: what is to be
/// remembered goes into the connection's meta, which the proxy keeps.
///
/// # Rejections
/// [`WebSocketRejection`]: 400 where the request carries no WebSocket events or broken ones, 403
/// where they did not come through a trusted proxy or a page of another host opens the socket (see
/// [`AllowedOrigins`](gripware_core::ws::AllowedOrigins)), 413 where they are over
/// [`Limits`](gripware_core::Limits), 500 where the layer is missing.
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
/// // Events that nobody signed could be anybody's.
/// let forged = Request::post("/echo")
///     .header("content-type", "application/websocket-events")
///     .header("connection-id", "1")
///     .body(Body::from("OPEN\r\n"))?;
/// assert_eq!(app.clone().oneshot(forged).await?.status(), 403);
///
/// // And this is no WebSocket at all.
/// let page = Request::get("/echo").body(Body::empty())?;
/// assert_eq!(app.oneshot(page).await?.status(), 400);
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

impl<S: Sync> FromRequest<S> for WebSocketContext {
    type Rejection = WebSocketRejection;

    fn from_request(
        request: Request,
        _: &S,
    ) -> impl Future<Output = Result<Self, WebSocketRejection>> + Send {
        let admitted = admitted(&request);
        let (mut head, body) = request.with_limited_body().into_parts();
        // An `async fn` would have room for the request twice.
        async move {
            let admission = admitted?;
            let policy = admission.policy();
            let ws = match read(body, policy.limits()).await {
                Ok(body) => context(&mut head, body, policy),
                Err(error) => Err(error),
            };
            match (&ws, head.extensions.get::<OpenSocket>()) {
                (Ok(ws), Some(socket)) => socket.note(&ws.0),
                (Err(_), Some(socket)) => socket.note_unreadable(),
                (_, None) => {}
            }
            ws
        }
    }
}

/// What the layer knows of a request that is a turn of a WebSocket.
fn admitted(request: &Request) -> Result<Admission, WebSocketRejection> {
    let admission = scope::admission(request.headers(), request.extensions());
    let admission = admission.ok_or(LayerMissing)?;
    if !is_conversation(request.method(), request.headers()) {
        return Err(WebSocketRejection::NotWebSocket);
    }
    if !admission.is_proxied() {
        return Err(WebSocketRejection::Unsigned);
    }
    Ok(admission)
}

fn context(
    head: &mut Parts,
    body: Bytes,
    policy: &Policy,
) -> Result<WebSocketContext, WebSocketRejection> {
    // HTTP/2 names the host here alone.
    if !head.headers.contains_key(HOST)
        && let Some(Ok(host)) = head.uri.authority().map(|host| host.as_str().try_into())
    {
        head.headers.insert(HOST, host);
    }
    let mut ws = gripware_core::ws::WebSocketContext::from_request(
        &head.headers,
        body,
        policy.prefix(),
        policy.limits(),
    )?;
    ws.check_origin(policy.allowed_origins())?;
    if let Some(guard) = head.extensions.get().copied() {
        ws.check_guard(guard)?;
    }
    Ok(WebSocketContext(Box::new(ws)))
}

impl<S: Sync> OptionalFromRequest<S> for WebSocketContext {
    type Rejection = WebSocketRejection;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, WebSocketRejection> {
        if !is_conversation(request.method(), request.headers()) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}

async fn read(body: axum_core::body::Body, limits: &Limits) -> Result<Bytes, WebSocketRejection> {
    match Limited::new(body, limits.websocket_body).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if is_over_limit(&*error) => {
            Err(WebSocketError::from(WebSocketErrorKind::RequestTooLarge).into())
        }
        Err(error) => Err(WebSocketRejection::Body(error)),
    }
}

/// Whether the body was cut at a limit: ours, or a smaller one that the application set with
/// axum's `DefaultBodyLimit`, which arrives wrapped.
fn is_over_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_over_limit)
}
