//! Whoever has read a byte of a held answer follows its channels.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use gripware_axum::HttpStream;
use gripware_hub::{Hub, HubBuilder};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, channel::Channel};
use hyper::{body::Incoming, client::conn::http2::handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Client, PATIENCE};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

/// An application whose answers go on when they are told to.
struct Site {
    hub: Hub,
    address: SocketAddr,
    goes_on: Arc<Notify>,
}

impl Site {
    async fn new() -> Self {
        Self::with(|hub| hub).await
    }

    async fn with(settings: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        let hub = settings(Hub::builder()).build().unwrap();
        let goes_on = Arc::new(Notify::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(Arc::clone(&goes_on));
        tokio::spawn(hub.serve(listener, app).into_future());
        Self {
            hub,
            address,
            goes_on,
        }
    }

    async fn client(&self, path: &str) -> Client {
        let mut client = Client::new(TcpStream::connect(self.address).await.unwrap());
        client.asks(path).await;
        client
    }

    async fn http2(&self, path: &str) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("http://example.org{path}"));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        client.send_request(request).await.unwrap()
    }

    /// Publishes, and returns to how many streams.
    async fn publish(&self, item: HttpStream) -> usize {
        self.hub.publish("news", item).await.unwrap().stream
    }

    async fn is_left(&self) {
        let left = async {
            while !self.hub.channels().is_empty() || !self.hub.connections().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, left).await.expect("nobody is held");
    }
}

fn app(goes_on: Arc<Notify>) -> Router {
    let held = [("grip-hold", "stream"), ("grip-channel", "news")];
    let slow = move || async move {
        let (mut sender, body) = Channel::<Bytes>::new(1);
        tokio::spawn(async move {
            let _ = sender.send_data("first\n".into()).await;
            goes_on.notified().await;
            let _ = sender.send_data("rest\n".into()).await;
        });
        (held, Body::new(body))
    };
    Router::new()
        .route("/slow", get(slow))
        .route("/whole", get(move || async move { (held, "first\n") }))
}

/// Reads until this has come.
async fn reads_until(body: &mut Incoming, end: &str) -> String {
    let mut read = String::new();
    while !read.ends_with(end) {
        let frame = timeout(PATIENCE, body.frame()).await;
        let frame = frame.unwrap_or_else(|_| panic!("only {read:?}"));
        let data = frame.expect("more").unwrap().into_data().unwrap();
        read.push_str(std::str::from_utf8(&data).unwrap());
    }
    read
}

#[tokio::test]
async fn what_is_published_upon_the_first_bytes_comes_behind_the_others() {
    let site = Site::new().await;
    let mut client = site.client("/slow").await;
    client.reads_until("first\n\r\n").await;
    assert_eq!(site.publish(HttpStream::text("item\n")).await, 1);
    site.goes_on.notify_one();
    let rest = client.reads_until("item\n\r\n").await;
    assert_eq!(rest, "5\r\nrest\n\r\n5\r\nitem\n\r\n");
    assert_eq!(site.publish(HttpStream::text("next\n")).await, 1);
    assert_eq!(client.reads_until("next\n\r\n").await, "5\r\nnext\n\r\n");
}

#[tokio::test]
async fn on_http2_too() {
    let site = Site::new().await;
    let mut answer = site.http2("/slow").await.into_body();
    reads_until(&mut answer, "first\n").await;
    assert_eq!(site.publish(HttpStream::text("item\n")).await, 1);
    site.goes_on.notify_one();
    let rest = reads_until(&mut answer, "item\n").await;
    assert_eq!(rest, "rest\nitem\n");
    assert_eq!(site.publish(HttpStream::text("next\n")).await, 1);
    assert_eq!(reads_until(&mut answer, "next\n").await, "next\n");
}

#[tokio::test]
async fn who_has_a_head_on_http2_follows_its_channels() {
    let site = Site::new().await;
    for held in 1..50 {
        let answer = site.http2("/whole").await;
        assert_eq!(site.publish(HttpStream::text("item\n")).await, held);
        // It stays.
        tokio::spawn(answer.into_body().collect());
    }
}

#[tokio::test]
async fn who_leaves_meanwhile_is_held_no_longer() {
    let site = Site::new().await;
    let mut client = site.client("/slow").await;
    client.reads_until("first\n\r\n").await;
    drop(client);
    site.is_left().await;

    let mut answer = site.http2("/slow").await.into_body();
    reads_until(&mut answer, "first\n").await;
    drop(answer);
    site.is_left().await;
}

#[tokio::test]
async fn a_stream_that_ends_meanwhile_has_its_whole_beginning() {
    let site = Site::new().await;
    let mut client = site.client("/slow").await;
    client.reads_until("first\n\r\n").await;
    assert_eq!(site.publish(HttpStream::text("item\n")).await, 1);
    assert_eq!(site.publish(HttpStream::close()).await, 1);
    site.goes_on.notify_one();
    let rest = client.reads_until("0\r\n\r\n").await;
    assert_eq!(rest, "5\r\nrest\n\r\n5\r\nitem\n\r\n0\r\n\r\n");
    site.is_left().await;
}

#[tokio::test]
async fn what_waits_meanwhile_is_bounded() {
    let site = Site::with(|hub| hub.queue_bytes(64 * 1024)).await;
    let mut client = site.client("/slow").await;
    client.reads_until("first\n\r\n").await;
    for _ in 0..3 {
        let item = "x".repeat(30_000);
        site.publish(HttpStream::text(item)).await;
    }
    site.is_left().await;
    assert_eq!(client.reads_to_end().await, "");
}
