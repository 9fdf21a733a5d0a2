//! An application with a hub in front of it, and clients on bare sockets.

#![allow(dead_code, reason = "each test uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::HeaderMap,
    response::IntoResponse,
    routing::{any, get},
};
use gripware_axum::{
    Grip, GripContext, GripLayer, Hold, Item, KeepAlive, Publisher, WebSocketContext, WsMessage,
};
use gripware_hub::{Hub, HubBuilder};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

/// How long something that has to happen may take, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running application.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    /// What handlers saw, a line each.
    pub(crate) seen: mpsc::UnboundedReceiver<String>,
}

#[derive(Clone)]
struct App {
    seen: mpsc::UnboundedSender<String>,
    publisher: Publisher,
}

#[derive(Deserialize)]
struct Asked {
    channel: String,
    timeout: Option<u64>,
    keep_alive: Option<u64>,
    body: Option<String>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|hub| hub).await
    }

    pub(crate) async fn with(settings: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        let hub = settings(Hub::builder()).build().unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(hub.serve(listener, app(&hub.grip(), sender)).into_future());
        Self { hub, address, seen }
    }

    pub(crate) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Client {
            stream,
            read: Vec::new(),
        }
    }

    /// A client that sends a GET.
    pub(crate) async fn get(&self, path: &str) -> Client {
        let mut client = self.connect().await;
        client.asks(path).await;
        client
    }

    /// Waits until a channel has so many subscribers.
    pub(crate) async fn followed(&self, channel: &str, count: usize) {
        let followed = async {
            loop {
                let channels = self.hub.channels();
                let found = channels.iter().find(|it| it.name == channel);
                if found.map_or(0, |it| it.subscribers.total()) == count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, followed).await.is_err() {
            panic!("{channel}: {:?}, not {count}", self.hub.channels());
        }
    }

    pub(crate) async fn sees(&mut self, line: &str) {
        let seen = timeout(PATIENCE, self.seen.recv()).await;
        assert_eq!(seen.unwrap().unwrap(), line);
    }
}

fn app(grip: &Grip, seen: mpsc::UnboundedSender<String>) -> Router {
    Router::new()
        .route("/plain", get(|| async { "plain\n" }))
        .route("/stream", get(stream))
        .route("/response", get(response))
        .route("/pages", get(pages))
        .route("/several", get(several))
        .route("/gone", any(gone))
        .route("/ws", any(websocket))
        .route("/resuming", any(resuming))
        .layer(GripLayer::new(grip))
        .with_state(App {
            seen,
            publisher: grip.publisher(),
        })
}

async fn stream(Query(asked): Query<Asked>) -> impl IntoResponse {
    let mut hold = Hold::stream(asked.channel.as_str());
    if let Some(millis) = asked.keep_alive {
        hold = hold.keep_alive(KeepAlive::text("ka\n").timeout(Duration::from_millis(millis)));
    }
    (hold, asked.body.unwrap_or_else(|| "[open]\n".to_owned()))
}

async fn response(Query(asked): Query<Asked>) -> impl IntoResponse {
    let timeout = Duration::from_secs(asked.timeout.unwrap_or(55));
    let hold = Hold::response(asked.channel.as_str()).timeout(timeout);
    (hold, "nothing\n")
}

/// A stream that misses nothing: it tells what it is asked for, and always has the same page.
async fn pages(
    cx: GripContext,
    State(app): State<App>,
    Query(asked): Query<Asked>,
) -> impl IntoResponse {
    let last = cx.last().get(&asked.channel).unwrap_or("none").to_owned();
    let _ = app.seen.send(format!("asked after {last}"));
    let channel = gripware_axum::Channel::new(asked.channel.as_str()).unwrap();
    let channel = channel.with_prev_id("9").unwrap();
    let hold = Hold::stream(channel)
        .next(format!("/pages?channel={}", asked.channel))
        .gone("/gone");
    (hold, "[page]\n")
}

/// A stream of three pages, which nobody holds.
async fn several(uri: axum::http::Uri) -> impl IntoResponse {
    let (page, next) = match uri.query() {
        None => ("one\n", Some("</several?2>; rel=next")),
        Some("2") => ("two\n", Some("</several?3>; rel=next")),
        _ => ("three\n", None),
    };
    // What no builder of ours offers.
    let next = next.map(|next| [("grip-link", next)]);
    (next.map(axum::response::AppendHeaders), page)
}

async fn gone(State(app): State<App>) -> &'static str {
    let _ = app.seen.send("gone".to_owned());
    ""
}

async fn websocket(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    mut ws: WebSocketContext,
) -> WebSocketContext {
    if !ws.is_opening() && headers.get("content-length").is_none_or(|it| it == "0") {
        let _ = app.seen.send("empty turn".to_owned());
    }
    if ws.is_opening() {
        ws.accept();
        ws.subscribe(asked.channel.as_str()).unwrap();
    }
    while let Some(message) = ws.receive().unwrap() {
        let text = message.into_text().unwrap();
        let _ = app.seen.send(text.clone());
        ws.send(text).unwrap();
    }
    if ws.is_disconnected() {
        let _ = app.seen.send("disconnected".to_owned());
    }
    if let Some(close) = ws.close_received() {
        let _ = app.seen.send(format!("closed {:?}", close.code()));
    }
    ws
}

/// Subscribes from the last id that it has read, and something is published before the answer takes
/// effect: `READ PUBLISHED`, of which the second may be `-`. Both come when it opens, in the query, or
/// in a message.
async fn resuming(
    State(app): State<App>,
    uri: axum::http::Uri,
    mut ws: WebSocketContext,
) -> WebSocketContext {
    let mut steps = Vec::new();
    if ws.is_opening() {
        ws.accept();
        steps.extend(uri.query().map(|query| query.replace('&', " ")));
    }
    while let Some(message) = ws.receive().unwrap() {
        steps.push(message.into_text().unwrap());
    }
    for step in steps {
        let (read, published) = step.split_once(' ').unwrap();
        let channel = gripware_axum::Channel::new("room").unwrap();
        ws.subscribe(channel.with_prev_id(read).unwrap()).unwrap();
        if published != "-" {
            let item = Item::from(WsMessage::text(published)).id(published);
            app.publisher.publish("room", item).await.unwrap();
        }
    }
    if ws.is_keep_alive() {
        ws.send("caught up").unwrap();
    }
    ws
}

/// A client on a bare socket, or on a stream of HTTP/2.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        let read = Vec::new();
        Self { stream, read }
    }

    pub(crate) async fn asks(&mut self, path: &str) {
        self.sends(&format!("GET {path} HTTP/1.1\r\nHost: example.org\r\n\r\n"))
            .await;
    }

    pub(crate) async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Asks for a WebSocket, and has it.
    pub(crate) async fn upgrades(&mut self, path: &str) {
        self.upgrades_with(path, "").await;
    }

    /// The same with more headers, each with its line end. Gives the head of the answer.
    pub(crate) async fn upgrades_with(&mut self, path: &str, headers: &str) -> String {
        self.sends(&format!(
            "GET {path} HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{headers}\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
        .await;
        let head = self.reads_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        head
    }

    /// Sends a frame, masked with zeros.
    pub(crate) async fn sends_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.sends(frame).await;
    }

    /// Reads a frame of less than 64 KiB: its first byte but for FIN, and its payload.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        self.reads(2).await;
        let first = self.read[0] & 0x7f;
        let (head, length) = match self.read[1] {
            126 => {
                self.reads(4).await;
                let length = u16::from_be_bytes([self.read[2], self.read[3]]);
                (4, usize::from(length))
            }
            length => (2, usize::from(length)),
        };
        assert_ne!(length, 127, "a long frame");
        self.reads(head + length).await;
        let frame: Vec<u8> = self.read.drain(..head + length).collect();
        (first, frame[head..].to_vec())
    }

    async fn reads(&mut self, count: usize) {
        while self.read.len() < count {
            self.reads_more().await;
        }
    }

    /// Reads until this has come, and gives all up to its end.
    pub(crate) async fn reads_until(&mut self, end: &str) -> String {
        loop {
            let found = self
                .read
                .windows(end.len())
                .position(|window| window == end.as_bytes());
            if let Some(position) = found {
                let read = self.read.drain(..position + end.len()).collect();
                return String::from_utf8(read).unwrap();
            }
            self.reads_more().await;
        }
    }

    /// Reads to the end of the connection.
    pub(crate) async fn reads_to_end(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.read);
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        // A connection that is cut ends in an error.
        let _ = read.expect("an end");
        String::from_utf8_lossy(&rest).into_owned()
    }

    async fn reads_more(&mut self) {
        let mut buffer = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        let read = read
            .unwrap_or_else(|_| panic!("only {:?}", self.text()))
            .unwrap();
        assert_ne!(read, 0, "the end, after {:?}", self.text());
        self.read.extend_from_slice(&buffer[..read]);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}
