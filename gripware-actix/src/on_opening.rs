//! A middleware for the opening of a WebSocket alone, such as one that authenticates.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpMessage as _,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use gripware_core::ws::Guard;
use pin_project::pin_project;

use crate::{convert, socket::OpenSocket};

/// Puts a middleware around what opens a WebSocket, and around plain requests, but not around what
/// comes of a WebSocket that is open.
///
/// A proxy repeats the headers of the opening with every request about a WebSocket. A middleware
/// that checks a token in them refuses it once that has expired: the client is cut off, and a
/// handler never hears that it left. With this around the middleware a client is authenticated once,
/// and the end always reaches the handler. What the middleware found out is put into the
/// connection's meta by the handler, and is there in later requests:
///
/// ```
/// use actix_web::{App, Error, HttpMessage, body::MessageBody,
///     dev::{ServiceRequest, ServiceResponse}, error::ErrorUnauthorized,
///     middleware::{Next, from_fn}, web};
/// use gripware_actix::{Grip, GripMiddleware, OnOpening, WebSocketContext, WebSocketRejection};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Deserialize, Serialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn authenticate<B: MessageBody>(
///     request: ServiceRequest,
///     next: Next<B>,
/// ) -> Result<ServiceResponse<B>, Error> {
///     let token = request.headers().get("authorization");
///     if token.is_none_or(|token| token != "Bearer valid") {
///         return Err(ErrorUnauthorized("who are you?"));
///     }
///     request.extensions_mut().insert(User { name: "anna".into() });
///     next.call(request).await
/// }
///
/// async fn room(
///     user: Option<web::ReqData<User>>,
///     mut ws: WebSocketContext,
/// ) -> Result<WebSocketContext, WebSocketRejection> {
///     if let Some(user) = user {
///         ws.accept();
///         ws.insert_meta_json("user", &*user)?;
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
/// let app = App::new()
///     .route("/room", web::to(room))
///     .wrap(OnOpening::new(from_fn(authenticate)))
///     .wrap(GripMiddleware::new(&grip));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// # What it relies on
/// [`GripMiddleware`](crate::GripMiddleware) stands around it: without that, and for requests of
/// anybody but a trusted proxy, the middleware always runs. Whether a WebSocket is open is told by
/// the head of the request, before its body has been read, and
/// [`WebSocketContext`](crate::WebSocketContext) refuses an opening that had the head of something
/// else with 400. So a handler behind this has to take one; a handler that reads the body by itself
/// is not protected.
#[derive(Clone, Copy, Debug)]
pub struct OnOpening<T>(T);

impl<T> OnOpening<T> {
    /// Creates a middleware that applies `middleware` to what is not about an open WebSocket.
    #[must_use]
    pub fn new(middleware: T) -> Self {
        Self(middleware)
    }
}

impl<T, S, B, G> Transform<S, ServiceRequest> for OnOpening<T>
where
    T: Transform<Rc<S>, ServiceRequest, Response = ServiceResponse<G>, Error = Error>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    G: MessageBody,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<G, B>>;
    type Error = Error;
    type Transform = OnOpeningService<T::Transform, S>;
    type InitError = T::InitError;
    type Future = OnOpeningInit<T::Future, S>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let inner = Rc::new(inner);
        OnOpeningInit {
            guarded: self.0.new_transform(Rc::clone(&inner)),
            inner,
        }
    }
}

/// An [`OnOpeningService`], while its middleware is made.
#[pin_project]
pub struct OnOpeningInit<F, S> {
    #[pin]
    guarded: F,
    inner: Rc<S>,
}

impl<F, S, G, E> Future for OnOpeningInit<F, S>
where
    F: Future<Output = Result<G, E>>,
{
    type Output = Result<OnOpeningService<G, S>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let guarded = ready!(this.guarded.poll(task))?;
        Poll::Ready(Ok(OnOpeningService {
            guarded,
            inner: Rc::clone(this.inner),
        }))
    }
}

impl<F, S> fmt::Debug for OnOpeningInit<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnOpeningInit").finish_non_exhaustive()
    }
}

/// The service that [`OnOpening`] puts around another.
#[derive(Debug)]
pub struct OnOpeningService<G, S> {
    guarded: G,
    inner: Rc<S>,
}

impl<G, S, GuardedBody, InnerBody> Service<ServiceRequest> for OnOpeningService<G, S>
where
    G: Service<ServiceRequest, Response = ServiceResponse<GuardedBody>, Error = Error>,
    S: Service<ServiceRequest, Response = ServiceResponse<InnerBody>, Error = Error>,
    GuardedBody: MessageBody,
    InnerBody: MessageBody,
{
    type Response = ServiceResponse<EitherBody<GuardedBody, InnerBody>>;
    type Error = Error;
    type Future = OnOpeningFuture<G::Future, S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.guarded.poll_ready(cx))?;
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        // There is one for what a trusted proxy sends about a WebSocket, and for nothing else.
        if request.extensions().get::<OpenSocket>().is_none() {
            return OnOpeningFuture(State::Guarded(self.guarded.call(request)));
        }
        let guard = Guard::of(&convert::request_headers(request.headers()));
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

impl<G, S, GuardedBody, InnerBody> Future for OnOpeningFuture<G, S>
where
    G: Future<Output = Result<ServiceResponse<GuardedBody>, Error>>,
    S: Future<Output = Result<ServiceResponse<InnerBody>, Error>>,
{
    type Output = Result<ServiceResponse<EitherBody<GuardedBody, InnerBody>>, Error>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().0.project() {
            StateProjection::Guarded(guarded) => {
                ready!(guarded.poll(task)).map(ServiceResponse::map_into_left_body)
            }
            StateProjection::Open(inner) => {
                ready!(inner.poll(task)).map(ServiceResponse::map_into_right_body)
            }
        })
    }
}

impl<G, S> fmt::Debug for OnOpeningFuture<G, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnOpeningFuture").finish_non_exhaustive()
    }
}
