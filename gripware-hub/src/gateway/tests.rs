//! Transcripts of clients, with what is held caught in a list.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body as AxumBody, response::IntoResponse, routing};
use gripware_core::sig::{Key, Signer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

use super::*;
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
            signer: signer.clone(),
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
            signature: Arc::new(Signature::new(signer)),
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
        .route("/bad", routing::any(async || [("grip-hold", "Stream")]))
        .route(
            "/status",
            routing::any(async || ([("grip-status", "404 Not Here")], "x")),
        )
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
