//! Calls in both directions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::{net::SocketAddr, time::Duration};

use axum::{Extension, Router, routing::any};
use bytes::Bytes;
use gripware_pipe::{Body, CallErrorKind, MAX_HEAD, Peer, events::Events};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Channel, StreamBody};
use support::{Running, Site, get, name, quick, within};
use tower::ServiceExt;

use crate::support::{serve, slow, until};

#[tokio::test]
async fn a_client_and_its_server_call_each_other() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let (client, _dialling) = site.client("fileserver", address).await;

    let fileserver = server.client(&name("FileServer"));
    let (status, body) = get(&fileserver, "/cat//hello%20/world").await.unwrap();
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"result_from_client":"hello world"}"#)
    );
    let (status, body) = get(&client.server(), "/time").await.unwrap();
    assert!(
        status == 200 && body.starts_with(r#"{"time_from_server":"#),
        "{body}"
    );
    assert_eq!(get(&client.server(), "/other").await.unwrap().0, 404);
}

/// Says what it got.
fn mirror() -> Router {
    let handler = |method: Method,
                   uri: Uri,
                   headers: HeaderMap,
                   peer: Extension<Peer>,
                   body: Bytes| async move {
        let host = headers
            .get("host")
            .map_or("", |host| host.to_str().unwrap());
        let end = headers.get("x-end").map_or("", |end| end.to_str().unwrap());
        let hop = headers.contains_key("x-hop");
        let (peer, length) = (peer.caller(), body.len());
        (
            [("x-answer", "1"), ("connection", "x-answer")],
            format!("{method} {uri} {host} {end} {hop} {peer} {length}"),
        )
    };
    Router::new().route("/{*path}", any(handler))
}

async fn mirrored(site: &Site, address: SocketAddr) -> Running {
    let client = site.client_builder("mirror", address).build().unwrap();
    let running = Running::client(&client, mirror());
    within(client.connected()).await;
    running
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let _dialling = mirrored(&site, address).await;
    let remote = server.client(&name("mirror"));
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"] {
        let request = Request::builder()
            .method(method)
            .uri("/a//b%2Fc?d=e%20f&g")
            .header("host", "shop.example:81")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-end", "2")
            .body(Body::from(vec![0xff_u8; 3]))
            .unwrap();
        let response = within(remote.clone().oneshot(request)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("connection"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = format!("{method} /a//b%2Fc?d=e%20f&g shop.example:81 2 false localhost 3");
        let expected = expected.replace("localhost", "127.0.0.1");
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn clients_that_are_not_there_are_told_apart() {
    let site = Site::new();
    let server = site.server_builder().known([name("soon")]).build().unwrap();
    assert!(server.known_client("never").is_none());
    let error = get(&server.known_client("soon").unwrap(), "/time")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::NotConnected);
    assert!(!error.may_have_been_handled());

    let (address, _serving) = serve(&server).await;
    let (client, dialling) = site.client("once", address).await;
    dialling.stop().await;
    let once = server.known_client("once").unwrap();
    until("it is gone", || !once.is_connected()).await;
    let error = get(&once, "/time").await.unwrap_err();
    assert!(error.is_not_connected(), "{error}");
    let error = get(&client.server(), "/time").await.unwrap_err();
    assert!(error.is_not_connected(), "{error}");
}

#[tokio::test]
async fn a_call_waits_for_a_client_where_it_is_told_to() {
    let site = Site::new();
    let settings = quick().wait(Duration::from_secs(20));
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let late = server.client(&name("late"));
    let calling = tokio::spawn(async move { get(&late, "/cat//a/b").await });
    let (_client, _dialling) = site.client("late", address).await;
    assert_eq!(within(calling).await.unwrap().unwrap().0, 200);
}

#[tokio::test]
async fn a_response_that_takes_too_long_is_an_error_and_its_call_is_cancelled() {
    let site = Site::new();
    let settings = quick().response_timeout(Duration::from_millis(200));
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (events, mut begun, _go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let _dialling = Running::client(&client, events);
    within(client.connected()).await;
    let error = get(&server.client(&name("app")), "/slow")
        .await
        .unwrap_err();
    assert!(
        error.is_timeout() && error.may_have_been_handled(),
        "{error}"
    );
    within(begun.recv()).await.unwrap();
    until("nothing is under way", || {
        server.clients()[0].connected.as_ref().unwrap().calls == 0
    })
    .await;
}

#[tokio::test]
async fn calls_over_the_limit_wait_and_more_than_can_wait_fail_at_once() {
    let site = Site::new();
    let settings = quick().max_calls(2).max_queued(1);
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (events, mut begun, go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let _dialling = Running::client(&client, events);
    within(client.connected()).await;
    let app = server.client(&name("app"));
    let calls = || server.clients()[0].connected.as_ref().unwrap().calls;
    // The server's first request, which says that it accepts the client.
    until("nothing is under way", || calls() == 0).await;
    let call = || {
        let app = app.clone();
        tokio::spawn(async move { get(&app, "/slow").await })
    };
    let calling = [call(), call(), call()];
    until("two calls run and one waits", || calls() == 3).await;
    let error = get(&app, "/slow").await.unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Overloaded);
    within(begun.recv()).await.unwrap();
    go.add_permits(3);
    for call in calling {
        assert_eq!(within(call).await.unwrap().unwrap().1, "at last");
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_in_the_queue_has_not_been_handled() {
    let site = Site::new();
    let settings = quick()
        .max_calls(1)
        .response_timeout(Duration::from_millis(500));
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (_client, _dialling) = site.client("app", address).await;
    let app = server.client(&name("app"));
    // A call is under way until its response has been read.
    let request = Request::get("/time").body(Body::empty()).unwrap();
    let unread = within(app.clone().oneshot(request)).await.unwrap();
    let error = get(&app, "/time").await.unwrap_err();
    assert!(
        error.is_timeout() && !error.may_have_been_handled(),
        "{error}"
    );
    drop(unread);
    assert_eq!(get(&app, "/time").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_hurts_nobody_else() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let client = site.client_builder("app", address).build().unwrap();
    let large = |_: gripware_pipe::events::Event| async {
        let mut response = http::Response::new(Body::empty());
        for number in 0..3 {
            let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
            let value = "y".repeat(MAX_HEAD / 2).parse().unwrap();
            response.headers_mut().insert(name, value);
        }
        response
    };
    let events = Events::built_in("client").on(Method::GET, "large", large);
    let _dialling = Running::client(&client, events);
    within(client.connected()).await;
    let app = server.client(&name("app"));
    for size in [MAX_HEAD, 20 * MAX_HEAD] {
        let request = Request::get("/time").header("x", "y".repeat(size));
        let request = request.body(Body::empty()).unwrap();
        let error = within(app.clone().oneshot(request)).await.unwrap_err();
        assert_eq!(error.kind(), CallErrorKind::HeadTooLarge);
    }
    let request = Request::get("/time").header("x", "y".repeat(MAX_HEAD - 400));
    let response = within(app.clone().oneshot(request.body(Body::empty()).unwrap())).await;
    assert_eq!(response.unwrap().status(), 200);
    let (status, body) = get(&app, "/large").await.unwrap();
    assert!(status == 500 && body.contains("HeadTooLarge"), "{body}");
    assert_eq!(get(&app, "/time").await.unwrap().0, 200);
    assert!(client.is_connected());
}

#[tokio::test]
async fn both_bodies_of_a_call_are_streams_at_once() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let client = site.client_builder("echo", address).build().unwrap();
    let echo = any(|request: Request<axum::body::Body>| async {
        axum::body::Body::new(request.into_body())
    });
    let _dialling = Running::client(&client, Router::new().route("/echo", echo));
    within(client.connected()).await;
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let request = Request::post("/echo").body(body).unwrap();
    let echo = server.client(&name("echo"));
    let response = within(echo.oneshot(request)).await.unwrap();
    let mut body = response.into_body();
    for text in ["one", "two", "three"] {
        sender.send_data(text.into()).await.unwrap();
        let frame = within(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(sender);
    assert_eq!(within(body.collect()).await.unwrap().to_bytes(), "");
}

#[tokio::test]
async fn ten_thousand_small_frames_arrive() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let client = site.client_builder("count", address).build().unwrap();
    let count = any(|body: Bytes| async move { body.len().to_string() });
    let limit = axum::extract::DefaultBodyLimit::disable();
    let _dialling = Running::client(&client, Router::new().route("/", count).layer(limit));
    within(client.connected()).await;
    let frames = (0..10_000).map(|_| {
        let frame = http_body::Frame::data(Bytes::from_static(&[b'x'; 40]));
        Ok::<_, std::convert::Infallible>(frame)
    });
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let request = Request::post("/").body(body).unwrap();
    let response = within(server.client(&name("count")).oneshot(request))
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "400000");
}

#[tokio::test]
async fn a_thousand_calls_that_are_given_up_do_not_end_the_pipe() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let (client, _dialling) = site.client("app", address).await;
    let app = server.client(&name("app"));
    for _ in 0..1000 {
        let request = Request::get("/time").body(Body::empty()).unwrap();
        let calling = app.clone().oneshot(request);
        // It is polled once, and dropped.
        let _ = tokio::time::timeout(Duration::ZERO, calling).await;
    }
    assert_eq!(get(&app, "/time").await.unwrap().0, 200);
    assert!(client.is_connected());
    let metrics = server.metrics();
    assert!(
        metrics.contains("gripware_pipe_lost_total 0\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_the_ends_say_to_each_other_cannot_be_said_by_callers() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let (client, _dialling) = site.client("app", address).await;
    for remote in [server.client(&name("app")), client.server()] {
        for generation in 0..5 {
            let request = Request::delete("/.well-known/gripware-pipe");
            let request = request.header("pipe-generation", generation);
            let request = request.body(Body::empty()).unwrap();
            let response = within(remote.clone().oneshot(request)).await.unwrap();
            assert_eq!(response.status(), 404);
        }
    }
    let metrics = server.metrics();
    assert!(
        metrics.contains("gripware_pipe_lost_total 0\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_tunnel_is_not_carried() {
    let site = Site::new();
    let (server, ..) = site.server().await;
    let request = Request::connect("a:1").body(Body::empty()).unwrap();
    let error = server
        .client(&name("a"))
        .oneshot(request)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Unsupported);
}
