//! The answering end of one connection.

use std::{
    convert::Infallible, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc,
    time::Instant,
};

use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tower::ServiceExt;

use crate::{
    Body, CallErrorKind, Exception, Lost, Name, Peer,
    ending::Ending,
    http2,
    message::{self, CONTROL, PIPE_FROM, PIPE_GENERATION, PIPE_TO},
    remote::Handler,
    scope::Scope,
    settings::{MAX_HEAD, Settings},
    telemetry::Telemetry,
};

/// Answers the requests of one peer.
pub(crate) struct Answerer {
    pub(crate) peer: Peer,
    pub(crate) handler: Handler,
    pub(crate) settings: Arc<Settings>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) side: Side,
}

/// What is different about a server's and a client's.
pub(crate) enum Side {
    Server(Arc<dyn Exchange>),
    Client(Arc<Accepted>),
}

/// What a server does with requests that are not for its handlers.
pub(crate) trait Exchange: Send + Sync {
    /// Passes a request from one client to another, or says why not.
    fn pass_on(&self, from: Name, to: Name, request: Request<Body>) -> PassingOn;

    /// Ends calls to a client on one of its connections.
    fn leaves(&self, name: &Name, generation: u64);
}

/// What a client hears of the server's acceptance.
#[derive(Debug)]
pub(crate) struct Accepted {
    generation: watch::Sender<Option<u64>>,
    ending: Ending,
}

impl Accepted {
    pub(crate) fn new(ending: Ending) -> Self {
        Self {
            generation: watch::Sender::new(None),
            ending,
        }
    }

    /// Waits until the server accepts this client, and returns how it calls the connection. Safe to
    /// cancel.
    pub(crate) async fn generation(&self) -> u64 {
        let mut generations = self.generation.subscribe();
        match generations.wait_for(Option::is_some).await {
            Ok(generation) => generation.unwrap_or_default(),
            // The sender is in `self`.
            Err(_) => 0,
        }
    }
}

pub(crate) type PassingOn = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Answerer {
    /// Serves a connection until the peer ends it, it fails, or `stop` comes; in the last case
    /// streams that have begun go on in `scope`.
    pub(crate) async fn serve<S>(
        self,
        stream: S,
        scope: &Scope,
        stop: impl Future<Output = ()>,
    ) -> Result<(), hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let builder = http2::server(scope, &self.settings);
        let this = Arc::new(self);
        let service = service_fn(move |request| Arc::clone(&this).answer(request));
        let connection = builder.serve_connection(TokioIo::new(scope.cuttable(stream)), service);
        tokio::pin!(connection, stop);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = &mut connection => return ended,
                () = &mut stop, if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = scope.is_cut() => return Ok(()),
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        self.telemetry.counters.requests.add(1);
        self.telemetry.tick("message.receive.tick");
        let (mut parts, body) = request.into_parts();
        let generation = parts.headers.get(PIPE_GENERATION).cloned();
        if let Some(generation) = generation.filter(|_| parts.uri.path() == CONTROL) {
            self.control(&parts.method, &generation);
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return Ok(response);
        }
        let body = Body::incoming(body).within(self.settings.idle_timeout);
        let to = parts.headers.remove(PIPE_TO);
        let from = parts.headers.remove(PIPE_FROM);
        message::incoming(&mut parts);
        match &self.side {
            Side::Server(exchange) => {
                if let Some(to) = to {
                    let request = Request::from_parts(parts, body);
                    return Ok(self.pass_on(exchange.as_ref(), &to, request).await);
                }
                parts.extensions.insert(self.peer.clone());
            }
            Side::Client(_) => {
                let peer = match from.as_ref().and_then(name) {
                    Some(from) => self.peer.passing_on(from),
                    None => self.peer.clone(),
                };
                parts.extensions.insert(peer);
            }
        }
        let begun = Instant::now();
        let name = self.telemetry.handler_name(&parts.method, parts.uri.path());
        let request = Request::from_parts(parts, body);
        let handling = AssertUnwindSafe(self.handler.clone().oneshot(request)).catch_unwind();
        let mut response = match handling.await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => Exception::of_panic(&panic, self.settings.development).into_response(),
        };
        // Whoever asks for what is not there makes no names.
        let name = name.filter(|_| response.status() != StatusCode::NOT_FOUND);
        self.telemetry.handled(name.as_deref(), begun.elapsed());
        message::strip(response.headers_mut());
        if message::size(response.headers()) > MAX_HEAD {
            let what = format!("the head of the response has more than {MAX_HEAD} bytes");
            response = Exception::new("HeadTooLarge", what).into_response();
        }
        let limit = self.settings.idle_timeout;
        Ok(response.map(|body| body.within(limit)))
    }

    fn control(&self, method: &Method, generation: &HeaderValue) {
        let generation = generation.to_str().ok().and_then(|it| it.parse().ok());
        match (&self.side, method) {
            (Side::Client(accepted), &Method::GET) => {
                accepted
                    .generation
                    .send_replace(Some(generation.unwrap_or_default()));
            }
            (Side::Client(accepted), &Method::DELETE) => accepted.ending.end(Lost::Ended),
            (Side::Server(exchange), &Method::DELETE) => {
                if let (Ok(name), Some(generation)) = (Name::try_from(self.peer.name()), generation)
                {
                    exchange.leaves(&name, generation);
                }
            }
            _ => {}
        }
    }

    async fn pass_on(
        &self,
        exchange: &dyn Exchange,
        to: &HeaderValue,
        request: Request<Body>,
    ) -> Response<Body> {
        let (Some(from), Some(to)) = (Name::try_from(self.peer.name()).ok(), name(to)) else {
            return Exception::of_kind(CallErrorKind::Unknown, "there is no such client");
        };
        self.telemetry.counters.passed_on.add(1);
        exchange.pass_on(from, to, request).await
    }
}

fn name(value: &HeaderValue) -> Option<Name> {
    Name::try_from(value.to_str().ok()?).ok()
}
