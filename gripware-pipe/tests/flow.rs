//! Streams, and those who do not read them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::{convert::Infallible, fs, time::Duration};

use axum::{Router, routing::any};
use bytes::Bytes;
use gripware_pipe::{Body, PipeClient, Remote};
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use support::{Running, Site, get, name, within};
use tower::ServiceExt;

const PIECE: usize = 64 * 1024;

/// As many pieces as that, none of which exists before it is asked for.
fn pieces(count: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let pieces =
        (0..count).map(move |_| Ok::<_, Infallible>(http_body::Frame::data(piece.clone())));
    Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
}

async fn count(
    mut body: impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Unpin,
) -> usize {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    length
}

/// `POST /count` counts a body, `GET /pieces` sends as many pieces as there are in a gigabyte.
fn app() -> Router {
    Router::new()
        .route(
            "/count",
            any(|request: axum::extract::Request| async {
                count(request.into_body()).await.to_string()
            }),
        )
        .route(
            "/pieces/{count}",
            any(|count: axum::extract::Path<usize>| async move {
                axum::body::Body::new(pieces(*count))
            }),
        )
        .route("/time", any(|| async { "now" }))
}

async fn connected(site: &Site) -> (Remote, PipeClient, [Running; 2]) {
    let (server, address, serving) = site.server().await;
    let client = site.client_builder("app", address).build().unwrap();
    let dialling = Running::client(&client, app());
    within(client.connected()).await;
    (server.client(&name("app")), client, [serving, dialling])
}

/// The largest resident size of this process until now, in bytes. Tests are processes of their own.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: usize = line
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kilobytes * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_streamed_is_not_kept() {
    const PIECES: usize = 64 * 1024 * 1024 / PIECE;
    let site = Site::new();
    let (app, ..) = &connected(&site).await;
    let before = peak();
    let request = Request::post("/count").body(pieces(PIECES)).unwrap();
    let response = within(app.clone().oneshot(request)).await.unwrap();
    let body = within(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(body, (PIECES * PIECE).to_string());
    let request = Request::get(format!("/pieces/{PIECES}"))
        .body(Body::empty())
        .unwrap();
    let response = within(app.clone().oneshot(request)).await.unwrap();
    assert_eq!(within(count(response.into_body())).await, PIECES * PIECE);
    let grown = peak() - before;
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_do_not_read_starve_nobody() {
    let site = Site::new();
    let (app, client, _running) = &connected(&site).await;
    let before = peak();
    // As many as there may be but a few, each with more than its window.
    let mut unread = Vec::new();
    for _ in 0..250 {
        let request = Request::get("/pieces/100").body(Body::empty()).unwrap();
        unread.push(within(app.clone().oneshot(request)).await.unwrap());
    }
    assert_eq!(get(app, "/time").await.unwrap().1, "now");
    let request = Request::get("/pieces/100").body(Body::empty()).unwrap();
    let response = within(app.clone().oneshot(request)).await.unwrap();
    assert_eq!(within(count(response.into_body())).await, 100 * PIECE);
    // Each end is in this process: the windows of one and the send buffers of the other.
    let grown = peak() - before;
    assert!(grown < 250 * 3 * 256 * 1024, "{grown} bytes");
    drop(unread);
    assert_eq!(get(app, "/time").await.unwrap().1, "now");
    assert!(client.is_connected());
}

#[tokio::test]
async fn a_handler_that_does_not_read_what_it_is_sent_harms_nobody() {
    let site = Site::new();
    let (app, client, _running) = &connected(&site).await;
    for _ in 0..20 {
        let request = Request::post("/time").body(pieces(100)).unwrap();
        let response = within(app.clone().oneshot(request)).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!(get(app, "/time").await.unwrap().1, "now");
    assert!(client.is_connected());
}

#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let site = Site::new();
    let settings = support::quick().idle_timeout(Duration::from_millis(200));
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = support::serve(&server).await;
    let stuck = any(|| async {
        let first = futures_util::stream::iter([Ok::<_, Infallible>("first")]);
        let rest = futures_util::stream::pending();
        axum::body::Body::from_stream(futures_util::StreamExt::chain(first, rest))
    });
    let client = site.client_builder("app", address).build().unwrap();
    let _dialling = Running::client(&client, Router::new().route("/", stuck));
    within(client.connected()).await;
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = within(server.client(&name("app")).oneshot(request))
        .await
        .unwrap();
    let mut body = response.into_body();
    let first = within(body.frame()).await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "first");
    let error = within(body.frame()).await.unwrap().unwrap_err();
    assert!(error.is_idle(), "{error}");
}
