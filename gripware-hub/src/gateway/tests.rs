//! Transcripts of clients, with what is held caught in a list.

mod hostile;

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
    sync::Notify,
    time::timeout,
};

use super::{server::Holder, *};
use crate::{
    held::{Framing, Held, Line, Reply, What, Wire},
    kept::Kept,
    metrics::Metrics,
    origin::HttpOrigin,
    settings::{Settings, SlowClients},
    signature::Signature,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Holds nobody, and keeps what it was given.
#[derive(Debug)]
struct Caught {
    settings: Settings,
    signature: Arc<Signature>,
    metrics: Metrics,
    held: Mutex<VecDeque<Held>>,
    came: Notify,
}

impl Holder for Caught {
    fn hold(&self, held: Held) {
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
}

impl Caught {
    fn new(development: bool) -> Arc<Self> {
        let signer = Signer::new(Key::secret("changeme").unwrap()).unwrap();
        let settings = Settings {
            signer: Some(signer.clone()),
            max_channels: 20,
            shards: 1,
            development,
            queue_bytes: 1 << 20,
            queue_messages: 1000,
            slow_clients: SlowClients::Close,
            backlog_bytes: 1 << 20,
            message_wait: Duration::from_secs(5),
            id_memory: Duration::from_secs(60),
            min_keep_alive_interval: Duration::from_secs(20),
            max_message: 1 << 20,
            max_held_request: 100_000,
            max_held_response: 100_000,
            origin_timeout: Duration::from_secs(10),
            max_asks: 10,
            drain: Duration::from_secs(5),
        };
        Arc::new(Self {
            settings,
            signature: Arc::new(Signature::new(Some(signer))),
            metrics: Metrics::default(),
            held: Mutex::default(),
            came: Notify::new(),
        })
    }

    async fn next(&self) -> Held {
        let next = async {
            loop {
                if let Some(held) = self.held.lock().unwrap().pop_front() {
                    return held;
                }
                self.came.notified().await;
            }
        };
        timeout(PATIENCE, next).await.expect("nothing was held")
    }

    async fn stream(&self) -> (Kept, Line, String, Framing) {
        let held = self.next().await;
        match held.what {
            What::Stream {
                line,
                head,
                framing,
                ..
            } => {
                let head = String::from_utf8(head.to_vec()).unwrap();
                (held.request, line, head, framing)
            }
            what => panic!("no stream was held, but {what:?}"),
        }
    }
}

fn socket(line: Wire) -> Socket {
    Socket::from_wire(line).unwrap()
}

async fn gateway<S: crate::origin::Origin>(caught: &Arc<Caught>, origin: S) -> SocketAddr {
    let holder: Arc<dyn Holder> = Arc::clone(caught) as _;
    let gateway = Gateway::new(holder, origin, Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener.into(), std::future::pending()));
    address
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
        .route("/ws", routing::post(websocket))
        .route("/bad", routing::any(async || [("grip-hold", "Stream")]))
        .route(
            "/status",
            routing::any(async || ([("grip-status", "404 Not Here")], "x")),
        )
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
    TOLD.lock().unwrap().push(format!("{name} {}", body.trim()));
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
    let origin = HttpOrigin::new(address.parse().unwrap(), Duration::from_secs(10));
    [inside, gateway(caught, origin).await]
}

#[tokio::test]
async fn a_plain_request_reaches_either_origin_cleaned_and_signed() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send(
                "POST /echo?a=b HTTP/1.1\r\nHost: example.org\r\nGrip-Sig: forged\r\nGrip-Last: x\r\n\
                 Meta-User: admin\r\nConnection-Id: 1\r\nAccept-Encoding: gzip\r\nX-Forwarded-For: \
                 1.2.3.4\r\nConnection: x-hop\r\nX-Hop: 1\r\nCookie: a=1\r\nContent-Length: \
                 4\r\n\r\nbody",
            )
            .await;
        let answer = client.until("end").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for part in [
            "POST /echo?a=b\n",
            "host: example.org\n",
            "cookie: a=1\n",
            "x-forwarded-for: 127.0.0.1\n",
            "x-forwarded-proto: http\n",
            "grip-feature: status,",
            "grip-sig: ey",
            "body: body\n",
        ] {
            assert!(answer.contains(part), "{part} is not in {answer}");
        }
        for part in [
            "forged",
            "grip-last",
            "admin",
            "connection-id",
            "gzip",
            "1.2.3.4",
            "x-hop",
        ] {
            assert!(!answer.contains(part), "{part} is in {answer}");
        }
        assert_eq!(answer.matches("grip-sig").count(), 1, "{answer}");
    }
    assert_eq!(caught.metrics.requests.value(), 2);
}

#[tokio::test]
async fn a_stream_hold_leaves_http_and_its_connection_can_be_used_again() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
            .await;
        let (kept, line, mut head, framing) = caught.stream().await;
        assert_eq!(framing, Framing::Chunked);
        assert_eq!(kept.uri(), "http://h/stream");
        let again = kept.to_request();
        assert_eq!(
            (again.method().as_str(), &again.body()[..]),
            ("POST", &b"body"[..])
        );
        assert!(!again.headers().contains_key("grip-sig"));

        let mut socket = socket(line.wire);
        if head.is_empty() {
            // An origin's body that came later went through HTTP.
            head = client.until("hello\n\r\n").await;
        } else {
            socket.write_all(head.as_bytes()).await.unwrap();
            assert_eq!(client.until("hello\n\r\n").await, head);
        }
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains("\r\ncontent-type: text/event-stream\r\n"),
            "{head}"
        );
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\ndate: "), "{head}");
        assert!(!head.contains("grip-"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        assert!(head.ends_with("\r\n\r\n6\r\nhello\n\r\n"), "{head}");

        socket.write_all(b"3\r\nnew\r\n0\r\n\r\n").await.unwrap();
        assert_eq!(client.until("0\r\n\r\n").await, "3\r\nnew\r\n0\r\n\r\n");
        let take_back = line.take_back.expect("the connection stays");
        take_back.take_back(socket.into_wire().unwrap(), line.unread);
        client
            .send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let answer = client.rest().await;
        assert!(answer.contains("GET /echo\n"), "{answer}");
    }
    assert_eq!(caught.metrics.held_streams.value(), 2);
}

#[tokio::test]
async fn a_response_hold_keeps_what_was_pipelined_behind_it() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        let request = "HTTP/1.1\r\nHost: h\r\n\r\n";
        client
            .send(&format!(
                "GET /echo {request}GET /response {request}GET /echo?2 {request}"
            ))
            .await;
        let first = client.until("end").await;
        assert!(first.contains("GET /echo\n"), "{first}");
        let held = caught.next().await;
        let What::Response {
            instruction,
            reply:
                Reply::Http1 {
                    line,
                    version,
                    is_head,
                },
        } = held.what
        else {
            panic!("no response was held");
        };
        assert_eq!(instruction.response().body(), "nothing yet");
        let mut socket = socket(line.wire);
        let answer = response_bytes(instruction.response(), version, is_head, true);
        socket.write_all(&answer).await.unwrap();
        line.take_back
            .unwrap()
            .take_back(socket.into_wire().unwrap(), line.unread);
        let second = client.until("nothing yet").await;
        assert!(second.contains("\r\ncontent-length: 11\r\n"), "{second}");
        let third = client.until("end").await;
        assert!(third.contains("GET /echo?2\n"), "{third}");
    }
}

#[tokio::test]
async fn no_hold_overtakes_an_answer_that_the_client_has_not_read_yet() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        let request = "HTTP/1.1\r\nHost: h\r\n\r\n";
        client
            .send(&format!("GET /big {request}GET /stream {request}"))
            .await;
        // Time enough for a hold that does not wait; one that does cannot come.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(caught.held.lock().unwrap().len(), 0);
        let mut read = vec![0; 8 << 20];
        let head = client.until("\r\n\r\n").await;
        assert!(head.contains("content-length: 8388608\r\n"), "{head}");
        client.0.read_exact(&mut read).await.unwrap();
        assert!(read.iter().all(|byte| *byte == b'b'));
        let (_, line, head, _) = caught.stream().await;
        let mut socket = socket(line.wire);
        socket.write_all(head.as_bytes()).await.unwrap();
        let beginning = client.until("hello\n\r\n").await;
        assert!(beginning.starts_with("HTTP/1.1 200 OK\r\n"), "{beginning}");
    }
}

#[tokio::test]
async fn a_large_or_slow_beginning_goes_through_http_and_is_held_then() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let beginning = client.until("3\r\nend\r\n").await;
        assert!(
            beginning.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{beginning}"
        );
        assert_eq!(
            beginning.matches('x').count(),
            300_000 + "text/event-stream".matches('x').count()
        );
        let (_, line, head, framing) = caught.stream().await;
        assert_eq!((&*head, framing), ("", Framing::Chunked));
        let mut socket = socket(line.wire);
        socket.write_all(b"1\r\ny\r\n").await.unwrap();
        assert_eq!(client.until("y\r\n").await, "1\r\ny\r\n");
    }
}

#[tokio::test]
async fn a_stream_for_http_1_0_ends_with_its_connection() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    for request in [
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\nHost: h\r\n\r\n",
    ] {
        let mut client = Client::connect(address).await;
        client.send(request).await;
        let (_, line, head, framing) = caught.stream().await;
        assert_eq!(framing, Framing::Raw);
        assert!(line.take_back.is_none());
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(
            head.ends_with("\r\nconnection: close\r\n\r\nhello\n"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_instruction_in_the_body_is_read() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("GET /instruct HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let (_, line, head, _) = caught.stream().await;
        assert!(line.take_back.is_none());
        assert!(head.starts_with("HTTP/1.1 200 Fine\r\n"), "{head}");
        assert!(head.contains("\r\nx-y: z\r\n"), "{head}");
        assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n1\r\nb\r\n"), "{head}");
    }
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused_and_said_why_in_development() {
    let body = "x".repeat(100_001);
    let too_large =
        format!("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n{body}");
    for development in [false, true] {
        let caught = Caught::new(development);
        for address in both(&caught).await {
            for (request, status, told, kept) in [
                (
                    "GET /bad HTTP/1.1\r\nHost: h\r\n",
                    "502 Bad Gateway",
                    "Failed to parse accept instructions: ",
                    "Error while proxying to origin.\n",
                ),
                (
                    "GET /large HTTP/1.1\r\nHost: h\r\n",
                    "502 Bad Gateway",
                    "GRIP instruct response too large from origin\n",
                    "GRIP instruct response too large from origin\n",
                ),
                (
                    "TRACE /echo HTTP/1.1\r\nHost: h\r\n",
                    "405 Method Not Allowed",
                    "not allowed",
                    "not allowed",
                ),
                ("GET /echo HTTP/1.1\r\n", "400 Bad Request", "host", "host"),
                (
                    "GET /echo HTTP/1.1\r\nHost: a b\r\n",
                    "400 Bad Request",
                    "host",
                    "host",
                ),
                (
                    "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
                    "400 Bad Request",
                    "host",
                    "host",
                ),
                (
                    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
                    "426 Upgrade Required",
                    "13",
                    "13",
                ),
                (
                    &*too_large,
                    "400 Bad Request",
                    "Request too large to accept GRIP instruct.\n",
                    "Request too large to accept GRIP instruct.\n",
                ),
            ] {
                let mut client = Client::connect(address).await;
                if request.len() > 1000 {
                    client.send(request).await;
                } else {
                    client
                        .send(&format!("{request}Connection: close\r\n\r\n"))
                        .await;
                }
                let expected = if development { told } else { kept };
                let answer = client.until(expected).await;
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                    "{answer}"
                );
            }
        }
        assert_eq!(caught.held.lock().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_status_without_a_hold_replaces_that_of_the_answer() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("GET /status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Here\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nx"), "{answer}");
        assert!(!answer.contains("grip"), "{answer}");
        let mut client = Client::connect(address).await;
        client
            .send("HEAD /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let answer = client.rest().await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_held_with_its_body() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("POST /stream HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            .await;
        let interim = client.until("\r\n\r\n").await;
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("body").await;
        let (kept, ..) = caught.stream().await;
        assert_eq!(kept.to_request().body(), "body");
    }
}

fn opening(name: &str) -> String {
    format!(
        "GET /ws?{name} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: p1, p2\r\n\r\n"
    )
}

#[tokio::test]
async fn a_websocket_is_opened_with_the_origins_consent() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        // Frames may come before the 101.
        client.send(&(opening("accepted") + "frame")).await;
        let held = caught.next().await;
        assert_eq!(held.request.headers()["connection-id"], held.id.to_string());
        let What::WebSocket { line, head, .. } = held.what else {
            panic!("no WebSocket was held");
        };
        let head = String::from_utf8(head.to_vec()).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{head}"
        );
        for part in [
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol: p2",
            "x-more: 1",
            "upgrade: websocket",
            "connection: upgrade",
        ] {
            assert!(head.contains(&format!("\r\n{part}\r\n")), "{head}");
        }
        assert!(!head.contains("content-type"), "{head}");
        let mut read = line.unread.to_vec();
        let mut socket = socket(line.wire);
        while read.len() < 5 {
            read.push(socket.read_u8().await.unwrap());
        }
        assert_eq!(read, b"frame");

        let mut client = Client::connect(address).await;
        client.send(&opening("refused")).await;
        let answer = client.until("no").await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(!answer.contains("grip-x"), "{answer}");
    }
}

#[tokio::test]
async fn the_origin_is_told_when_a_client_leaves_while_it_asks_for_a_websocket() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let mut client = Client::connect(address).await;
    client.send(&opening("slow-gone")).await;
    let told = |text: &str| TOLD.lock().unwrap().iter().any(|it| it == text);
    let waiting = async {
        while !told("slow-gone OPEN") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(client);
        while !told("slow-gone DISCONNECT") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn over_http_2_holds_are_streams_of_their_connection() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let stream = TcpStream::connect(address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = |path: &str| {
            let request = Request::builder().uri(format!("http://h{path}"));
            request
                .version(Version::HTTP_2)
                .body(String::new())
                .unwrap()
        };
        let answer = client.send_request(request("/echo")).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(
            String::from_utf8_lossy(&body).contains("host: h\n"),
            "{body:?}"
        );

        let answer = client.send_request(request("/stream")).await.unwrap();
        let (kept, line, head, framing) = caught.stream().await;
        assert_eq!(
            (framing, kept.uri().to_string()),
            (Framing::Raw, "http://h/stream".to_owned())
        );
        let mut wire = socket(line.wire);
        wire.write_all(head.as_bytes()).await.unwrap();
        wire.write_all(b"new").await.unwrap();
        wire.shutdown().await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "hello\nnew");

        let answer = client.send_request(request("/stream")).await.unwrap();
        let (_, line, ..) = caught.stream().await;
        drop(line);
        assert!(
            answer.into_body().collect().await.is_err(),
            "it was cut off"
        );

        let answer = client.send_request(request("/stream")).await.unwrap();
        let (_, line, head, _) = caught.stream().await;
        let mut wire = socket(line.wire);
        wire.write_all(head.as_bytes()).await.unwrap();
        drop(answer);
        let gone = timeout(PATIENCE, wire.read_u8()).await.unwrap();
        assert!(gone.is_err(), "the client is gone");

        let held = async {
            let What::Response {
                instruction,
                reply: Reply::Channel(reply),
            } = caught.next().await.what
            else {
                panic!("no response was held");
            };
            reply.send(instruction.into_response()).unwrap();
        };
        let (answer, ()) = tokio::join!(client.send_request(request("/response")), held);
        let body = answer
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(body, "nothing yet");
    }
}

#[tokio::test]
async fn the_end_waits_for_requests_that_are_under_way() {
    let caught = Caught::new(false);
    let (entered, enter) = tokio::sync::oneshot::channel();
    let entered = Arc::new(Mutex::new(Some(entered)));
    let release = Arc::new(Notify::new());
    let app = Router::new().route(
        "/",
        routing::get({
            let release = Arc::clone(&release);
            async move || {
                entered.lock().unwrap().take().unwrap().send(()).unwrap();
                release.notified().await;
                "done"
            }
        }),
    );
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, signal) = tokio::sync::oneshot::channel::<()>();
    let gateway = Gateway::new(holder, app, Options::default());
    let serving = tokio::spawn(gateway.serve(listener.into(), async { drop(signal.await) }));
    let mut idle = Client::connect(address).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    enter.await.unwrap();
    stop.send(()).unwrap();
    assert_eq!(idle.rest().await, "");
    assert!(!serving.is_finished());
    release.notify_one();
    let answer = client.rest().await;
    assert!(answer.ends_with("done"), "{answer}");
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_websocket_over_http_2_is_an_extended_connect() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    // The server's settings say that it may be asked for: a request's answer comes behind them.
    let plain = Request::builder().uri("http://h/echo");
    let plain = plain.body(String::new()).unwrap();
    client.send_request(plain).await.unwrap();
    let mut request = Request::builder()
        .method("CONNECT")
        .uri("http://h/ws?http2")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "p2")
        .body(String::new())
        .unwrap();
    let protocol = hyper::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "p2");
    let upgraded = hyper::upgrade::on(answer).await.unwrap();
    let mut upgraded = hyper_util::rt::TokioIo::new(upgraded);
    let What::WebSocket { line, head, .. } = caught.next().await.what else {
        panic!("no WebSocket was held");
    };
    assert!(head.is_empty());
    let mut wire = socket(line.wire);
    wire.write_all(b"down").await.unwrap();
    let mut read = [0; 4];
    upgraded.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"down");
    upgraded.write_all(b"up").await.unwrap();
    let mut read = [0; 2];
    wire.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"up");
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_bad_gateway() {
    let caught = Caught::new(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let origin = HttpOrigin::new(nobody.parse().unwrap(), Duration::from_secs(10));
    let address = gateway(&caught, origin).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("Error while proxying to origin: the origin cannot be reached"),
        "{answer}"
    );
    assert_eq!(caught.metrics.bad_gateway.value(), 1);
}

#[tokio::test]
async fn an_origin_that_is_too_slow_is_a_gateway_timeout() {
    let caught = Caught::new(false);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silence = format!("http://{}", silent.local_addr().unwrap());
    let origin = HttpOrigin::new(silence.parse().unwrap(), Duration::from_millis(100));
    let address = gateway(&caught, origin).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("Error while proxying to origin.\n"),
        "{answer}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn origin_and_clients_may_be_on_unix_sockets() {
    let caught = Caught::new(false);
    let folder = tempfile::tempdir().unwrap();
    let (behind, front) = (folder.path().join("app"), folder.path().join("hub"));
    let listener = tokio::net::UnixListener::bind(&behind).unwrap();
    tokio::spawn(async { axum::serve(listener, app()).await });
    let address = format!("unix:{}", behind.display());
    let origin = HttpOrigin::new(address.parse().unwrap(), Duration::from_secs(10));
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let listener = tokio::net::UnixListener::bind(&front).unwrap();
    let gateway = Gateway::new(holder, origin, Options::default());
    tokio::spawn(gateway.serve(listener.into(), std::future::pending()));
    let mut client = tokio::net::UnixStream::connect(&front).await.unwrap();
    client
        .write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("host: h\n"), "{answer}");
    assert!(!answer.contains("x-forwarded-for"), "{answer}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_hold_over_tls_is_given_back_like_any_other() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let caught = Caught::new(false);
    let options = Options {
        tls: Some(Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()),
        ..Options::default()
    };
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let gateway = Gateway::new(holder, app(), options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener.into(), std::future::pending()));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut client = connector.connect(name, stream).await.unwrap();
    client
        .write_all(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let (kept, line, head, _) = caught.stream().await;
    assert_eq!(kept.uri(), "https://h/stream");
    assert_eq!(kept.headers()["x-forwarded-proto"], "https");
    let mut wire = socket(line.wire);
    wire.write_all(format!("{head}0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    wire.flush().await.unwrap();
    let mut read = vec![0; head.len() + 5];
    client.read_exact(&mut read).await.unwrap();
    line.take_back
        .unwrap()
        .take_back(wire.into_wire().unwrap(), line.unread);
    client
        .write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("x-forwarded-proto: https\n"), "{answer}");
}
