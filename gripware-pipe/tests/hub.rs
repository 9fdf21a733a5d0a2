//! A hub whose origin dials in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::{future::IntoFuture, net::SocketAddr};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use gripware_axum::{GripLayer, Hold, HttpResponse, HttpStream, WebSocketContext};
use gripware_hub::Hub;
use support::{LONG, Running, Site, name, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// The application, which nobody can reach.
fn app(hub: &Hub) -> Router {
    let publisher = hub.grip().publisher();
    let publish = move |body: String| async move {
        publisher
            .publish("news", HttpStream::text(body.clone()))
            .await
            .unwrap();
        publisher
            .publish("poll", HttpResponse::text(body))
            .await
            .unwrap();
    };
    let echo = |mut socket: WebSocketContext| async move {
        socket.accept();
        while let Some(message) = socket.receive().unwrap() {
            socket.send(message).unwrap();
        }
        socket
    };
    Router::new()
        .route(
            "/news",
            get(|| async { (Hold::stream("news"), "[open]\n") }),
        )
        .route("/poll", get(|| async { Hold::response("poll") }))
        .route("/publish", post(publish))
        .route("/echo", any(echo))
        .route(
            "/host",
            get(|request: Request| async move { host(&request) }),
        )
        .layer(GripLayer::new(&hub.grip()))
}

fn host(request: &Request) -> Response {
    let host = request.headers().get("host");
    let host = host.map_or("none", |host| host.to_str().unwrap());
    host.to_owned().into_response()
}

struct Client(TcpStream);

impl Client {
    async fn ask(hub: SocketAddr, head: &str, body: &str) -> Self {
        let mut stream = TcpStream::connect(hub).await.unwrap();
        let length = body.len();
        let text =
            format!("{head}\r\nHost: shop.example\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// Reads until it has read this.
    async fn sees(&mut self, what: &[u8]) -> Vec<u8> {
        let mut seen = Vec::new();
        while !seen.windows(what.len()).any(|part| part == what) {
            let read = timeout(LONG, self.0.read_buf(&mut seen))
                .await
                .unwrap()
                .unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&seen));
        }
        seen
    }
}

#[tokio::test]
async fn an_application_without_a_port_serves_held_clients() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let hub = Hub::new();
    let client = site.client_builder("app", address).build().unwrap();
    let _dialling = Running::client(&client, app(&hub));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap();
    let held = hub.serve(listener, server.client(&name("app")));
    let _hub = Running::start(|stop| {
        held.with_graceful_shutdown(stop.cancelled_owned())
            .into_future()
    });
    within(client.connected()).await;

    let mut plain = Client::ask(front, "GET /host HTTP/1.1", "").await;
    plain.sees(b"shop.example").await;

    let mut stream = Client::ask(front, "GET /news HTTP/1.1", "").await;
    stream.sees(b"[open]\n").await;
    let mut poll = Client::ask(front, "GET /poll HTTP/1.1", "").await;
    while hub.channels().len() < 2 {
        tokio::task::yield_now().await;
    }
    let mut publish = Client::ask(front, "POST /publish HTTP/1.1", "from afar\n").await;
    publish.sees(b"HTTP/1.1 200 OK").await;
    stream.sees(b"from afar\n").await;
    poll.sees(b"from afar\n").await;

    let upgrade = "GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let mut socket = Client::ask(front, upgrade, "").await;
    socket.sees(b"HTTP/1.1 101").await;
    // A text of two bytes, with a mask of zeros.
    socket.0.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    socket.sees(b"\x81\x02hi").await;
}

#[tokio::test]
async fn an_application_that_is_away_is_a_bad_gateway() {
    let site = Site::new();
    let (server, ..) = site.server().await;
    let hub = Hub::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap();
    let held = hub.serve(listener, server.client(&name("app")));
    let _hub = Running::start(|_| held.into_future());
    let mut client = Client::ask(front, "GET / HTTP/1.1", "").await;
    client.sees(b"HTTP/1.1 502").await;
}
