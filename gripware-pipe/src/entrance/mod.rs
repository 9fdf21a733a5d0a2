//! The local REST entrance of an end: HTTP requests of the same machine become calls.

mod access;
mod listener;
mod patient;
mod route;

use std::{convert::Infallible, fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body as HttpBody;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use serde_json::json;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use tower_service::Service;

pub use self::listener::Listener;
use self::{access::Access, patient::Patient, route::Route};
use crate::{
    Body, BoxError, CallErrorKind, Exception, Name, PipeClient, PipeServer, Remote, Serve,
    events::{FAILED, NO_HANDLER, RETURN_CODE},
    handler::handler,
    http2::LIST_SIZE,
    settings::{MAX_HEADERS, Settings},
    socket::Socket,
};

/// How many connections to an entrance there may be by default. More wait to be accepted.
const DEFAULT_MAX_CONNECTIONS: usize = 1024;

/// How long the head of a request may take, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The local REST entrance of an end of a pipe.
///
/// | request | goes to |
/// |---|---|
/// | `/server/<noun>[//<p1>/<p2>]` | the server; at a server itself, its own handlers |
/// | `/client/<name>/<noun>[//<p1>/<p2>]` | that client; at a client, through the server |
/// | `GET /clients` | at a server: the clients, as JSON |
/// | `GET /metrics` | counters and gauges for Prometheus |
///
/// Every verb, query strings, and bodies of any size and kind are passed on, as streams. Every
/// response has `X-Event-Return-Code`: the handler's own, or 0 for a status of 2xx and 3xx, 255 for
/// 404, 251 for 500, and otherwise the status. Where there is no response of a handler, the body is
/// an [`Exception`] and `Pipe-Error` says why: 404 `unknown`, 503 `not-connected`, 503 `overloaded`,
/// 504 `timed-out`, 502 `lost` and `reset`, 403 `forbidden`.
///
/// # Browsers
/// Whoever reaches the entrance may call, so it belongs on a loopback address or a unix socket. A
/// page in a browser on the same machine reaches a loopback address too, so requests that a browser
/// makes for another site (`Origin`, `Sec-Fetch-Site`) are refused, and against DNS rebinding, where
/// a name of the attacker's is that address, any `Host` that is neither an address nor a name
/// without dots nor one of [`host`](Self::host).
#[derive(Clone)]
#[must_use]
pub struct Entrance {
    end: End,
    here: Option<Remote>,
    access: Access,
    max_connections: usize,
}

#[derive(Clone)]
enum End {
    Server(PipeServer),
    Client(PipeClient),
}

impl Entrance {
    /// The entrance of a server.
    pub fn of_server(server: &PipeServer) -> Self {
        Self::of(End::Server(server.clone()))
    }

    /// The entrance of a client.
    pub fn of_client(client: &PipeClient) -> Self {
        Self::of(End::Client(client.clone()))
    }

    fn of(end: End) -> Self {
        Self {
            end,
            here: None,
            access: Access::default(),
            max_connections: DEFAULT_MAX_CONNECTIONS,
        }
    }

    /// Sets what answers `/server/…` at a server: its own handlers. Default: 404.
    pub fn here<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let End::Server(server) = &self.end {
            let settings = Arc::clone(server.settings());
            let handler = handler(service, settings.development);
            let telemetry = Arc::clone(server.telemetry());
            self.here = Some(Remote::here(handler, settings, telemetry));
        }
        self
    }

    /// Allows a host name, with which a loopback address is reached.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.access.allow(&name.into());
        self
    }

    /// Sets how many connections there may be. Default: 1024.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Serves requests of this machine, over HTTP/1.1 and HTTP/2 without TLS.
    pub fn serve(self, listener: Listener) -> Serve {
        Serve::new(move |stop| self.run(listener, stop))
    }

    async fn run(self, listener: Listener, stop: CancellationToken) -> io::Result<()> {
        let drain = self.settings().drain;
        let cut = CancellationToken::new();
        let _cut = cut.clone().drop_guard();
        let tasks = TaskTracker::new();
        let room = Arc::new(Semaphore::new(self.max_connections));
        let access = Arc::new(self.access.clone().at(&listener));
        loop {
            let next = async {
                // It is never closed.
                let permit = Arc::clone(&room).acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, socket) = tokio::select! {
                next = next => next,
                () = stop.cancelled() => break,
            };
            let connection = self
                .clone()
                .attend(socket, Arc::clone(&access), stop.clone());
            let cut = cut.clone();
            tasks.spawn(async move {
                cut.run_until_cancelled_owned(connection).await;
                drop(permit);
            });
        }
        drop(listener);
        tasks.close();
        if timeout(drain, tasks.wait()).await.is_err() {
            cut.cancel();
            tasks.wait().await;
        }
        Ok(())
    }

    /// Serves one connection.
    async fn attend(self, socket: Socket, access: Arc<Access>, stop: CancellationToken) {
        let socket = Patient::new(socket, self.settings().idle_timeout);
        let service = service_fn(move |request: Request<Incoming>| {
            let (this, access) = (self.clone(), Arc::clone(&access));
            async move { Ok::<_, Infallible>(this.answer(request, &access).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(LIST_SIZE);
        let connection = builder.serve_connection(TokioIo::new(socket), service);
        tokio::pin!(connection);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                _ = &mut connection => return,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>, access: &Access) -> Response<Body> {
        if let Err(why) = access.check(&request) {
            let exception = Exception::new("Refused", why);
            let status = StatusCode::FORBIDDEN;
            return exception.with_status(status, status.as_u16());
        }
        let limit = self.settings().idle_timeout;
        let mut request = request.map(|body| Body::incoming(body).within(limit));
        let is_get = *request.method() == Method::GET;
        let remote = match Route::of(request.uri()) {
            Route::Server(target) => {
                *request.uri_mut() = target;
                self.to_server()
            }
            Route::Client(name, target) => {
                *request.uri_mut() = target;
                self.to_client(&name)
            }
            Route::Metrics if is_get => return text(self.metrics()),
            Route::Clients if is_get => match &self.end {
                End::Server(server) => return clients(server),
                End::Client(_) => None,
            },
            Route::Metrics | Route::Clients | Route::None => None,
        };
        let Some(remote) = remote else {
            let what = "there is nobody here of this name";
            return Exception::of_kind(CallErrorKind::Unknown, what);
        };
        match remote.oneshot(request).await {
            Ok(response) => coded(response),
            Err(error) => Exception::of_call(&error, self.settings().development),
        }
    }

    fn to_server(&self) -> Option<Remote> {
        match &self.end {
            End::Server(_) => self.here.clone(),
            End::Client(client) => Some(client.server()),
        }
    }

    fn to_client(&self, name: &str) -> Option<Remote> {
        match &self.end {
            End::Server(server) => server.known_client(name),
            End::Client(client) => Some(client.client(&Name::try_from(name).ok()?)),
        }
    }

    fn metrics(&self) -> String {
        match &self.end {
            End::Server(server) => server.metrics(),
            End::Client(client) => client.metrics(),
        }
    }

    fn settings(&self) -> &Settings {
        match &self.end {
            End::Server(server) => server.settings(),
            End::Client(client) => client.settings(),
        }
    }
}

/// Adds the code where the handler has not said one.
fn coded(mut response: Response<Body>) -> Response<Body> {
    let status = response.status();
    if !response.headers().contains_key(RETURN_CODE) {
        let code = match status {
            StatusCode::NOT_FOUND => NO_HANDLER,
            StatusCode::INTERNAL_SERVER_ERROR => FAILED,
            status if status.is_client_error() || status.is_server_error() => status.as_u16(),
            _ => 0,
        };
        response.headers_mut().insert(RETURN_CODE, code.into());
    }
    response
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let plain = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn clients(server: &PipeServer) -> Response<Body> {
    let clients = server.clients().into_iter().map(|client| {
        let connected = client.connected.as_ref();
        let age = connected.map(|it| it.since.elapsed().unwrap_or_default().as_secs_f64());
        json!({
            "name": client.name.as_str(),
            "connected": connected.is_some(),
            "address": connected.map(|it| it.address.to_string()),
            "age": age,
            "calls": connected.map_or(0, |it| it.calls),
        })
    });
    let list = serde_json::Value::from_iter(clients).to_string();
    let mut response = Response::new(Body::from(list));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}
