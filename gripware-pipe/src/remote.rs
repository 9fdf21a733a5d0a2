use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, request::Parts};
use http_body::Body as HttpBody;
use tokio::time::timeout;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use crate::{
    Body, BoxError, CallError, CallErrorKind, Name,
    link::{Failed, Link},
    message::{self, PIPE_ERROR, PIPE_FROM, PIPE_TO},
    settings::{MAX_HEAD, Settings},
    slot::Slot,
    telemetry::Telemetry,
};

/// What answers requests, at either end.
pub(crate) type Handler = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The other end of a pipe as a [`tower::Service`]: requests go in, and its responses come out.
///
/// Bodies of both are streams, in both directions at once, with HTTP/2's flow control. A clone is a
/// handle to the same end, which need not be connected: a call looks for the connection when it is
/// made, and fails at once where there is none, or waits for as long as
/// [`Settings::wait`] says.
///
/// Headers about one connection are removed, `Host` arrives as it is. `CONNECT` and upgrades are not
/// carried, so a WebSocket goes through a pipe as WebSocket-over-HTTP alone.
///
/// # Cancel safety
/// Dropping the future of a call cancels it at the other end.
#[derive(Clone)]
pub struct Remote {
    target: Target,
    settings: Arc<Settings>,
    telemetry: Arc<Telemetry>,
}

#[derive(Clone)]
enum Target {
    /// Of a server: whoever has this name.
    Client(Arc<Slot>, Name),
    /// Of a client: the server it is connected to.
    Server(Arc<Slot>),
    /// Of a client: another one, through the server.
    Through(Arc<Slot>, Name, HeaderValue),
    /// Its own handlers.
    Here(Handler),
}

/// The response of a call, once it is awaited.
pub struct Calling(Pin<Box<dyn Future<Output = Result<Response<Body>, CallError>> + Send>>);

impl Remote {
    pub(crate) fn client(
        slot: Arc<Slot>,
        name: Name,
        settings: Arc<Settings>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            target: Target::Client(slot, name),
            settings,
            telemetry,
        }
    }

    pub(crate) fn server(
        slot: Arc<Slot>,
        settings: Arc<Settings>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            target: Target::Server(slot),
            settings,
            telemetry,
        }
    }

    pub(crate) fn here(
        handler: Handler,
        settings: Arc<Settings>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            target: Target::Here(handler),
            settings,
            telemetry,
        }
    }

    /// Another client of the server that this one reaches.
    pub(crate) fn through(self, name: Name) -> Self {
        let Target::Server(slot) = self.target else {
            return self;
        };
        // Letters, digits, `-`, `_` and dots are legal in a header.
        let value = HeaderValue::from_str(name.as_str());
        let value = value.unwrap_or_else(|_| HeaderValue::from_static("-"));
        Self {
            target: Target::Through(slot, name, value),
            ..self
        }
    }

    /// Returns whether the other end is connected at this moment. Of a client behind the server,
    /// only the server's connection is known.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        match &self.target {
            Target::Client(slot, _) | Target::Server(slot) | Target::Through(slot, ..) => {
                slot.current().is_some()
            }
            Target::Here(_) => true,
        }
    }

    /// The same with a header that says on whose behalf the call is made.
    pub(crate) async fn call_for(
        self,
        from: &Name,
        request: Request<Body>,
    ) -> Result<Response<Body>, CallError> {
        let from = HeaderValue::from_str(from.as_str()).ok();
        self.start(request, from).await
    }

    async fn start(
        self,
        request: Request<Body>,
        from: Option<HeaderValue>,
    ) -> Result<Response<Body>, CallError> {
        let begun = Instant::now();
        self.telemetry.call_began();
        let is_sent = AtomicBool::new(false);
        let limit = self.settings.response_timeout;
        let result = match timeout(limit, self.attempts(request, from, &is_sent)).await {
            Ok(result) => result,
            Err(_) => {
                let is_sent = is_sent.load(Ordering::Relaxed);
                Err(CallError::timed_out(self.name(), limit, is_sent))
            }
        };
        self.telemetry.call_ended(begun.elapsed(), result.is_ok());
        result
    }

    async fn attempts(
        &self,
        request: Request<Body>,
        from: Option<HeaderValue>,
        is_sent: &AtomicBool,
    ) -> Result<Response<Body>, CallError> {
        if request.method() == Method::CONNECT {
            return Err(CallError::new(CallErrorKind::Unsupported, self.name()));
        }
        let (mut parts, body) = request.into_parts();
        if let Target::Here(handler) = &self.target {
            message::incoming(&mut parts);
            let request = Request::from_parts(parts, body);
            let Ok(mut response) = handler.clone().oneshot(request).await;
            message::strip(response.headers_mut());
            return Ok(response);
        }
        message::outgoing(&mut parts, self.name());
        if let Target::Through(_, _, name) = &self.target {
            parts.headers.insert(PIPE_TO, name.clone());
        }
        if let Some(from) = from {
            parts.headers.insert(PIPE_FROM, from);
        }
        if message::head_size(&parts) > MAX_HEAD {
            return Err(CallError::new(CallErrorKind::HeadTooLarge, self.name()));
        }
        let spare = self.spare(&parts, &body);
        let link = self.link(None, self.settings.wait).await?;
        let body = body.within(self.settings.idle_timeout);
        let failed = match link.call(Request::from_parts(parts, body), is_sent).await {
            Ok(response) => return self.arrived(response),
            Err(failed) => failed,
        };
        let (request, error) = match (failed, spare) {
            (Failed::Unsent(request), _) => {
                is_sent.store(false, Ordering::Relaxed);
                let error = CallError::new(CallErrorKind::NotConnected, self.name());
                (*request, error)
            }
            (Failed::Error(error), Some(spare)) if error.kind() == CallErrorKind::Lost => {
                (spare, error)
            }
            (Failed::Error(error), _) => return Err(error),
        };
        // Once, and on another connection.
        let Ok(link) = self.link(Some(link.generation), self.settings.wait).await else {
            return Err(error);
        };
        if error.may_have_been_handled() {
            self.telemetry.counters.repeated.add(1);
        }
        match link.call(request, is_sent).await {
            Ok(response) => self.arrived(response),
            Err(Failed::Error(second)) if error.may_have_been_handled() => Err(second.sent()),
            Err(Failed::Error(second)) => Err(second),
            Err(Failed::Unsent(_)) => Err(error),
        }
    }

    /// The request once more, where it may be sent twice.
    fn spare(&self, parts: &Parts, body: &Body) -> Option<Request<Body>> {
        let may =
            self.settings.repeat_idempotent && parts.method.is_idempotent() && body.is_end_stream();
        may.then(|| {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = parts.method.clone();
            *request.uri_mut() = parts.uri.clone();
            *request.version_mut() = parts.version;
            *request.headers_mut() = parts.headers.clone();
            request
        })
    }

    async fn link(&self, lost: Option<u64>, wait: Duration) -> Result<Arc<Link>, CallError> {
        let slot = match &self.target {
            Target::Client(slot, _) | Target::Server(slot) | Target::Through(slot, ..) => slot,
            // It is answered without one.
            Target::Here(_) => return Err(CallError::new(CallErrorKind::NotConnected, "nobody")),
        };
        let link = slot.wait(lost, wait).await;
        link.ok_or_else(|| CallError::new(CallErrorKind::NotConnected, self.name()))
    }

    /// A response that the server has made of its own error is that error.
    fn arrived(&self, mut response: Response<Body>) -> Result<Response<Body>, CallError> {
        if let Target::Through(..) = &self.target {
            let word = response.headers().get(PIPE_ERROR);
            let kind = word.and_then(|word| CallErrorKind::from_word(word.as_bytes()));
            if let Some(kind) = kind {
                let error = CallError::new(kind, self.name());
                let is_sent = matches!(
                    kind,
                    CallErrorKind::Lost | CallErrorKind::Reset | CallErrorKind::TimedOut
                );
                return Err(if is_sent { error.sent() } else { error });
            }
        }
        message::strip(response.headers_mut());
        Ok(response)
    }

    fn name(&self) -> &str {
        match &self.target {
            Target::Client(_, name) | Target::Through(_, name, _) => name.as_str(),
            Target::Server(_) => "server",
            Target::Here(_) => "this end",
        }
    }
}

impl<B> Service<Request<B>> for Remote
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = CallError;
    type Future = Calling;

    /// Always ready: whether there is room is known when it is known where the call goes.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Calling {
        let calling = self.clone().start(request.map(Body::new), None);
        Calling(Box::pin(calling))
    }
}

impl Future for Calling {
    type Output = Result<Response<Body>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("name", &self.name())
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").finish_non_exhaustive()
    }
}
