//! Handlers of events: verb and noun to a function, with positional parameters.
//!
//! Any tower service answers requests from the other end. This one does it in the way of RestPipe:
//! `GET /cat//hello%20/world` is the verb `GET`, the noun `cat` and the parameters `hello ` and
//! `world`.
//!
//! ```
//! use gripware_pipe::{Body, events::{Event, Events, Json}};
//! use http::{Method, Request};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let events = Events::new()
//!     .on(Method::GET, "sum", |_: Event, a: i64, b: i64| async move { Json(a + b) })
//!     .on(Method::PUT, "disk/name", |event: Event| async move {
//!         if event.data().is_empty() {
//!             return ("text/plain", 422, "a name is missing");
//!         }
//!         ("text/plain", 0, "it is renamed")
//!     });
//!
//! let response = events.clone().oneshot(Request::get("/sum//2/3").body(Body::empty())?).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["X-Event-Return-Code"], "0");
//!
//! let response = events.clone().oneshot(Request::put("/disk/name").body(Body::empty())?).await?;
//! assert_eq!(response.status(), 422);
//!
//! let response = events.oneshot(Request::get("/other").body(Body::empty())?).await?;
//! assert_eq!(response.status(), 404);
//! assert_eq!(response.headers()["X-Event-Return-Code"], "255");
//! # Ok(())
//! # }
//! ```

mod built_in;
mod event;
mod exception;
mod handler;
mod raise;
mod reply;

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use tower_service::Service;

pub use self::{
    event::Event,
    exception::Exception,
    handler::{EventHandler, Handling},
    raise::{EventError, raise_for_exception},
    reply::{IntoReply, Json},
};
use crate::{Body, BoxError, Peer};

/// The header with a handler's code: 0 where all is well.
pub const RETURN_CODE: HeaderName = HeaderName::from_static("x-event-return-code");

/// The code where there is no handler.
pub const NO_HANDLER: u16 = 255;

/// The code where a handler failed.
pub const FAILED: u16 = 251;

/// The most bytes that an event may have by default: handlers get it whole. A handler of larger
/// bodies is a tower service, which gets a stream.
pub const DEFAULT_MAX_EVENT: usize = 1 << 20;

/// The handlers of one end. Clones share them.
#[derive(Clone)]
#[must_use]
pub struct Events {
    handlers: HashMap<(Method, String), Arc<dyn Dispatch>>,
    max_event: usize,
    development: bool,
}

/// A handler whose parameters are forgotten.
trait Dispatch: Send + Sync {
    fn dispatch(&self, event: Event, development: bool) -> Handling;
}

struct Of<H, P>(H, std::marker::PhantomData<fn(P)>);

impl<P: 'static, H: EventHandler<P>> Dispatch for Of<H, P> {
    fn dispatch(&self, event: Event, development: bool) -> Handling {
        self.0.handle(event, development)
    }
}

impl Events {
    /// No handlers yet.
    pub fn new() -> Self {
        Self {
            handlers: HashMap::new(),
            max_event: DEFAULT_MAX_EVENT,
            development: false,
        }
    }

    /// Answers a verb and a noun with a function. The noun may have slashes, and has none at its
    /// ends. A later handler of the same takes the place of the earlier one; `HEAD` acts as `GET`
    /// where it has no handler of its own.
    pub fn on<P: 'static, H>(mut self, method: Method, noun: &str, handler: H) -> Self
    where
        H: EventHandler<P>,
    {
        let noun = noun.trim_matches('/').to_owned();
        let handler = Arc::new(Of(handler, std::marker::PhantomData));
        self.handlers.insert((method, noun), handler);
        self
    }

    /// Sets the most bytes that an event may have. One with more gets 413. Default: 1 MiB.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Sets whether exceptions have a traceback.
    pub fn development(mut self, development: bool) -> Self {
        self.development = development;
        self
    }

    fn handler(&self, method: &Method, noun: &str) -> Option<Arc<dyn Dispatch>> {
        let of = |method: &Method| self.handlers.get(&(method.clone(), noun.to_owned()));
        let found = of(method);
        let found = found.or_else(|| (method == Method::HEAD).then(|| of(&Method::GET))?);
        found.cloned()
    }

    async fn answer<B>(self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let (noun, params) = split(parts.uri.path());
        let Some(handler) = self.handler(&parts.method, &noun) else {
            let what = format!("there is no handler of {} {noun}", parts.method);
            return Exception::new("NoHandler", what)
                .with_status(StatusCode::NOT_FOUND, NO_HANDLER);
        };
        let data = match Limited::new(body, self.max_event).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let (class, status) = if error.is::<LengthLimitError>() {
                    ("TooLarge", StatusCode::PAYLOAD_TOO_LARGE)
                } else {
                    ("CutOff", StatusCode::BAD_REQUEST)
                };
                let exception = Exception::new(class, error.to_string());
                return exception.with_status(status, status.as_u16());
            }
        };
        let query = parts.uri.query().unwrap_or_default();
        let event = Event {
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            peer: parts.extensions.remove::<Peer>(),
            method: parts.method,
            headers: parts.headers,
            noun,
            params,
            data,
        };
        let handling =
            AssertUnwindSafe(async move { handler.dispatch(event, self.development).await });
        match handling.catch_unwind().await {
            Ok(response) => response,
            Err(panic) => Exception::of_panic(&*panic, self.development).into_response(),
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

/// The noun of a path, and the parameters behind its double slash.
fn split(path: &str) -> (String, Vec<String>) {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (noun, params) = match path.split_once("//") {
        Some((noun, params)) => (noun, params.split('/').map(decode).collect()),
        None => (path, Vec::new()),
    };
    (decode(noun.trim_end_matches('/')), params)
}

impl<B> Service<Request<B>> for Events
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let request = request.map(Body::new);
        Answering(Box::pin(self.clone().answer(request)))
    }
}

/// The response to an event, once it is awaited.
pub struct Answering(Handling);

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self
            .handlers
            .keys()
            .map(|(m, n)| format!("{m} {n}"))
            .collect();
        names.sort_unstable();
        f.debug_struct("Events")
            .field("handlers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
