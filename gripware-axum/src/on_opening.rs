//! A layer for the opening of a WebSocket alone, such as one that authenticates.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum_core::{BoxError, body::Body, response::Response};
use bytes::Bytes;
use gripware_core::ws::Guard;
use http::Request;
use pin_project::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::socket::OpenSocket;

/// Puts a layer around what opens a WebSocket, and around plain requests, but not around what comes
/// of a WebSocket that is open.
///
/// A proxy repeats the headers of the opening with every request about a WebSocket. A layer that
/// checks a token in them refuses it once that has expired: the client is cut off, and a handler
/// never hears that it left. With this around the layer a client is authenticated once, and the end
/// always reaches the handler. What the layer found out is put into the connection's meta by the
/// handler, and is there in later requests:
///
/// ```
/// use axum::{Extension, Router, extract::Request, http::StatusCode, middleware::{Next, from_fn},
///     response::Response};
/// use gripware_axum::{
///     Grip, GripLayer, OnOpening, WebSocketContext, WebSocketRejection, websocket,
/// };
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Deserialize, Serialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn authenticate(mut request: Request, next: Next) -> Result<Response, StatusCode> {
///     let token = request.headers().get("authorization");
///     if token.is_none_or(|token| token != "Bearer valid") {
///         return Err(StatusCode::UNAUTHORIZED);
///     }
///     request.extensions_mut().insert(User { name: "anna".into() });
///     Ok(next.run(request).await)
/// }
///
/// async fn room(
///     user: Option<Extension<User>>,
///     mut ws: WebSocketContext,
/// ) -> Result<WebSocketContext, WebSocketRejection> {
///     if let Some(Extension(user)) = user {
///         ws.accept();
///         ws.insert_meta_json("user", &user)?;
///     }
///     let user: Option<User> = ws.meta_json("user")?;
///     let name = user.map(|user| user.name).unwrap_or_default();
///     while let Some(message) = ws.receive()? {
///         ws.send_text(format!("{name}: {}", message.to_str()?))?;
///     }
///     if ws.close_received().is_some() || ws.is_disconnected() {
///         println!("{name} has left");
///     }
///     Ok(ws)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let grip = Grip::builder().build()?;
/// let app: Router = Router::new()
///     .route("/room", websocket(room))
///     .layer(OnOpening::new(from_fn(authenticate)))
///     .layer(GripLayer::new(&grip));
/// # Ok(())
/// # }
/// ```
///
/// # What it relies on
/// [`GripLayer`](crate::GripLayer) stands around it: without that, and for requests of anybody but
/// a trusted proxy, the layer always runs. Whether a WebSocket is open is told by the head of the
/// request, before its body has been read, and [`WebSocketContext`](crate::WebSocketContext) refuses
/// an opening that had the head of something else with 400. So a handler behind this has to take
/// one; a handler that reads the body by itself is not protected.
#[derive(Clone, Copy, Debug)]
pub struct OnOpening<L>(L);

impl<L> OnOpening<L> {
    /// Creates a layer that applies `layer` to what is not about an open WebSocket.
    #[must_use]
    pub fn new(layer: L) -> Self {
        Self(layer)
    }
}

impl<L: Layer<S>, S: Clone> Layer<S> for OnOpening<L> {
    type Service = OnOpeningService<L::Service, S>;

    fn layer(&self, inner: S) -> Self::Service {
        OnOpeningService {
            guarded: self.0.layer(inner.clone()),
            inner,
        }
    }
}

/// The middleware that [`OnOpening`] puts around a service.
#[derive(Clone, Debug)]
pub struct OnOpeningService<G, S> {
    guarded: G,
    inner: S,
}

impl<G, S, ReqBody, GuardedBody, InnerBody> Service<Request<ReqBody>> for OnOpeningService<G, S>
where
    G: Service<Request<ReqBody>, Response = http::Response<GuardedBody>, Error = S::Error>,
    S: Service<Request<ReqBody>, Response = http::Response<InnerBody>>,
    GuardedBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    InnerBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = OnOpeningFuture<G::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.guarded.poll_ready(cx))?;
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // There is one for what a trusted proxy sends about a WebSocket, and for nothing else.
        if request.extensions().get::<OpenSocket>().is_none() {
            return OnOpeningFuture(State::Guarded(self.guarded.call(request)));
        }
        let guard = Guard::of(request.headers());
        request.extensions_mut().insert(guard);
        OnOpeningFuture(match guard {
            Guard::PassedOver => State::Open(self.inner.call(request)),
            _ => State::Guarded(self.guarded.call(request)),
        })
    }
}

/// The answer of an [`OnOpeningService`], on its way.
#[pin_project]
pub struct OnOpeningFuture<G, S>(#[pin] State<G, S>);

#[pin_project(project = StateProjection)]
enum State<G, S> {
    Guarded(#[pin] G),
    Open(#[pin] S),
}

impl<G, S, GuardedBody, InnerBody, E> Future for OnOpeningFuture<G, S>
where
    G: Future<Output = Result<http::Response<GuardedBody>, E>>,
    S: Future<Output = Result<http::Response<InnerBody>, E>>,
    GuardedBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    InnerBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        // What is an axum body already stays as it is.
        Poll::Ready(match self.project().0.project() {
            StateProjection::Guarded(guarded) => {
                ready!(guarded.poll(task)).map(|it| it.map(Body::new))
            }
            StateProjection::Open(inner) => ready!(inner.poll(task)).map(|it| it.map(Body::new)),
        })
    }
}

impl<G, S> fmt::Debug for OnOpeningFuture<G, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnOpeningFuture").finish_non_exhaustive()
    }
}
