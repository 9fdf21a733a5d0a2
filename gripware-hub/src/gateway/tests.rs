//! Transcripts of clients, with what is held caught in a list.

mod compression;
mod early_answers;
mod ends;
mod events;
mod floods;
mod frames;
mod gone;
mod headers;
mod heads;
mod holds;
mod hostile;
mod http2;
mod idle;
mod native;
mod patience;
mod plain;
mod stalled;
mod websockets;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body as AxumBody,
    response::{IntoResponse, Response},
    routing,
};
use bytes::Bytes;
use gripware_core::sig::{Key, Signer};
use http::{HeaderValue, Request, StatusCode, Version};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    handoff::{ClientConn, Framing, HeldClient, HoldKind, Holder, Reply},
    http::replay_request::ReplayRequest,
    metrics::Metrics,
    origin::HttpOrigin,
    passed::PassedSockets,
    settings::Settings,
    signature::Signature,
    socket::{DetachedSocket, Socket},
    threads::Threads,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Holds nobody, and keeps what it was given.
#[derive(Debug)]
struct Caught {
    settings: Settings,
    signature: Arc<Signature>,
    metrics: Metrics,
    passed: Arc<PassedSockets>,
    held: Mutex<VecDeque<HeldClient>>,
    came: Notify,
}

impl Holder for Caught {
    fn hold(&self, mut held: HeldClient) {
        if let Some(arrival) = &mut held.arrival {
            let (told, _) = oneshot::channel();
            let _ = std::mem::replace(&mut arrival.held, told).send(());
        }
        self.held.lock().unwrap().push_back(held);
        self.came.notify_one();
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn signature(&self) -> &Arc<Signature> {
        &self.signature
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn passed(&self) -> &Arc<PassedSockets> {
        &self.passed
    }
}

impl Caught {
    fn new(development: bool) -> Arc<Self> {
        let signer = Signer::new(Key::secret("changeme").unwrap()).unwrap();
        let settings = Settings {
            signer: Some(signer.clone()),
            shards: 1,
            development,
            queue_bytes: 1 << 20,
            queue_messages: 1000,
            backlog_bytes: 1 << 20,
            max_message: 1 << 20,
            origin_timeout: Duration::from_secs(10),
            max_origin_requests: 10,
            max_turns_per_address: 10,
            max_held_request: 100_000,
            ..Settings::default()
        };
        Arc::new(Self {
            settings,
            signature: Arc::new(Signature::new(Some(signer))),
            metrics: Metrics::default(),
            passed: Arc::default(),
            held: Mutex::default(),
            came: Notify::new(),
        })
    }

    async fn next(&self) -> HeldClient {
        let next = async {
            loop {
                let first = self.held.lock().unwrap().pop_front();
                if let Some(mut held) = first {
                    if let Some(arrival) = held.arrival.take() {
                        held.conn = Some(arrival.conn.await.unwrap());
                    }
                    return held;
                }
                self.came.notified().await;
            }
        };
        timeout(PATIENCE, next).await.expect("nothing was held")
    }

    async fn stream(&self) -> (ReplayRequest, ClientConn, String, Framing) {
        let held = self.next().await;
        match held.kind {
            HoldKind::Stream { head, framing, .. } => {
                let head = String::from_utf8(head.to_vec()).unwrap();
                (held.request, held.conn.unwrap(), head, framing)
            }
            kind => panic!("no stream was held, but {kind:?}"),
        }
    }
}

fn socket(line: DetachedSocket) -> Socket {
    Socket::attach(line).unwrap()
}

async fn gateway<S: crate::origin::Origin>(caught: &Arc<Caught>, origin: S) -> SocketAddr {
    gateway_with(caught, origin, Options::default()).await
}

async fn gateway_with<S: crate::origin::Origin>(
    caught: &Arc<Caught>,
    origin: S,
    options: Options,
) -> SocketAddr {
    let holder: Arc<dyn Holder> = Arc::clone(caught) as _;
    let gateway = Gateway::new(
        holder,
        Threads::of_caller(),
        origin,
        options,
        CancellationToken::new(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener.into()));
    address
}

/// An origin that gives one answer to each request, byte for byte, and tells what it was asked.
async fn answering(answer: &'static str) -> (HttpOrigin, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel(10);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut origin = Client(socket);
                let mut request = origin.until("\r\n\r\n").await;
                if request.contains("transfer-encoding: chunked") {
                    request += &origin.until("0\r\n").await;
                    request += &origin.until("\r\n\r\n").await;
                }
                let _ = tell.send(request).await;
                origin.send(answer).await;
                // It stays open, whether the answer is whole or not.
                origin.rest().await;
            });
        }
    });
    (HttpOrigin::new(address.parse().unwrap()), told)
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Waits until something is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        timeout(3 * PATIENCE, waiting).await.is_ok(),
        "never: {what}"
    );
}

/// A client that speaks bytes.
struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until what came ends so.
    async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        let reading = async {
            let mut byte = [0];
            while !read.ends_with(end.as_bytes()) {
                assert_ne!(self.0.read(&mut byte).await.unwrap(), 0, "it was closed");
                read.push(byte[0]);
            }
        };
        let done = timeout(PATIENCE, reading).await;
        let read = String::from_utf8_lossy(&read).into_owned();
        assert!(done.is_ok(), "only this came: {read}");
        read
    }

    async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let reading = self.0.read_to_end(&mut read);
        timeout(PATIENCE, reading).await.unwrap().unwrap();
        String::from_utf8(read).unwrap()
    }
}

async fn echo(request: axum::extract::Request) -> String {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut lines = vec![format!("{} {}", parts.method, parts.uri)];
    for (name, value) in &parts.headers {
        lines.push(format!("{name}: {}", value.to_str().unwrap()));
    }
    lines.push(format!("body: {}", String::from_utf8_lossy(&body)));
    lines.join("\n") + "\nend"
}

fn stream(body: impl Into<AxumBody>) -> impl IntoResponse {
    let headers = [
        ("grip-hold", "stream"),
        ("grip-channel", "news"),
        ("content-type", "text/event-stream"),
    ];
    (headers, body.into())
}

fn app() -> Router {
    Router::new()
        .route("/echo", routing::any(echo))
        .route("/stream", routing::any(async || stream("hello\n")))
        .route(
            "/response",
            routing::any(async || {
                let headers = [("grip-hold", "response"), ("grip-channel", "news")];
                (headers, "nothing yet")
            }),
        )
        .route(
            "/slow",
            routing::any(async || {
                let (sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
                tokio::spawn(slowly(sender));
                stream(AxumBody::new(body))
            }),
        )
        .route(
            "/instruct",
            routing::any(async || {
                let body = r#"{"hold": {"mode": "stream", "channels": [{"name": "a"}]},
                    "response": {"reason": "Fine", "headers": {"X-Y": "z"}, "body": "b"}}"#;
                ([("content-type", "application/grip-instruct")], body)
            }),
        )
        .route(
            "/large",
            routing::any(async || {
                let headers = [("grip-hold", "response"), ("grip-channel", "news")];
                (headers, "x".repeat(300_000))
            }),
        )
        .route("/big", routing::any(async || "b".repeat(8 << 20)))
        .route("/some", routing::any(async || "s".repeat(200_000)))
        .route("/ws", routing::post(websocket))
        .route("/many", routing::any(async || many()))
        .route("/bad", routing::any(async || [("grip-hold", "Stream")]))
        .route(
            "/status",
            routing::any(async || ([("grip-status", "404 Not Here")], "x")),
        )
}

/// So many headers, and an answer with as many.
const MANY: usize = 240;

fn many() -> Response {
    let mut response = Response::new(AxumBody::empty());
    for _ in 0..MANY {
        let value = HeaderValue::from_static("y");
        response.headers_mut().append("x", value);
    }
    response
}

async fn slowly(mut sender: http_body_util::channel::Sender<Bytes>) {
    for _ in 0..30 {
        sender.send_data(vec![b'x'; 10_000].into()).await.unwrap();
        tokio::task::yield_now().await;
    }
    sender.send_data("end".into()).await.unwrap();
}

/// What was said about WebSockets, and by whom.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

async fn websocket(headers: axum::http::HeaderMap, uri: axum::http::Uri, body: String) -> Response {
    let header = |name| {
        headers
            .get(name)
            .map_or("none", |it: &HeaderValue| it.to_str().unwrap())
    };
    assert_eq!(header("content-type"), "application/websocket-events");
    assert_eq!(header("content-length"), body.len().to_string());
    assert!(header("grip-sig").starts_with("ey"));
    assert_eq!(header("upgrade"), "none");
    let name = uri.query().unwrap_or_default().to_owned();
    TOLD.lock()
        .unwrap()
        .push(format!("{name} {}", body.trim_ascii()));
    if name.starts_with("refused") {
        return (StatusCode::FORBIDDEN, [("grip-x", "y")], "no").into_response();
    }
    if name.starts_with("slow") {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let headers = [
        ("content-type", "application/websocket-events"),
        ("sec-websocket-extensions", "grip"),
        ("sec-websocket-protocol", "p2"),
        ("x-more", "1"),
    ];
    (headers, "OPEN\r\n").into_response()
}

/// The application in the same process, and the same behind an HTTP address.
async fn both(caught: &Arc<Caught>) -> [SocketAddr; 2] {
    let inside = gateway(caught, app()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app()).await });
    let origin = HttpOrigin::new(address.parse().unwrap());
    [inside, gateway(caught, origin).await]
}
