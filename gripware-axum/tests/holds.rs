//! Where the layer stands around a hold, and where it is missing.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    http::header,
    routing::get as route,
};
use gripware_axum::{GripContext, GripLayer, Hold};
use http_body_util::{BodyExt, StreamBody};
use proxy::{direct, get, grip, send};
use tower::ServiceExt;

#[tokio::test]
async fn without_the_layer_a_hold_says_what_is_missing() {
    let app = Router::new().route("/events", route(|| async { Hold::stream("news") }));
    let answer = send(&app, get("/events")).await;
    assert_eq!(
        answer.header("grip-hold"),
        "unwritten: no GRIP layer is around this route"
    );
}

#[tokio::test]
async fn a_single_route_and_a_nested_router_can_have_the_layer() {
    let single = route(|| async { Hold::stream("a") }).layer(GripLayer::new(&grip()));
    let nested = Router::new()
        .route("/b", route(|| async { Hold::stream("b") }))
        .layer(GripLayer::new(&grip()));
    let app = Router::new().route("/a", single).nest("/nested", nested);
    assert_eq!(send(&app, get("/a")).await.header("grip-channel"), "a");
    assert_eq!(
        send(&app, get("/nested/b")).await.header("grip-channel"),
        "b"
    );
    // Twice around the same route it does no more than once.
    let twice = app.layer(GripLayer::new(&grip()));
    assert_eq!(send(&twice, get("/a")).await.header("grip-channel"), "a");
}

#[tokio::test]
async fn a_streaming_body_is_passed_on_as_it_comes() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<&str>(1);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let app = Router::new()
        .route(
            "/",
            route(move || async move {
                let receiver = receiver.lock().await.take().unwrap();
                let frames = tokio_stream(receiver);
                Body::new(StreamBody::new(frames))
            }),
        )
        .layer(GripLayer::new(&grip()));
    let mut body = app.oneshot(direct("/")).await.unwrap().into_body();
    for text in ["one", "two"] {
        sender.send(text).await.unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
}

fn tokio_stream(
    receiver: tokio::sync::mpsc::Receiver<&'static str>,
) -> impl futures_core::Stream<Item = Result<http_body::Frame<Bytes>, Infallible>> {
    futures_util::stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await?;
        Some((
            Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes()))),
            receiver,
        ))
    })
}

#[tokio::test]
async fn a_context_that_is_optional_is_none_without_the_layer() {
    let show = |cx: Option<GripContext>| async move { cx.is_some().to_string() };
    let app = Router::new().route("/", route(show));
    assert_eq!(send(&app, get("/")).await.text(), "false");
    let app = app.layer(GripLayer::new(&grip()));
    assert_eq!(send(&app, get("/")).await.text(), "true");

    let required = Router::new().route("/", route(|_: GripContext| async {}));
    let answer = send(&required, get("/")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("is GripLayer around this route?"));
    assert_eq!(
        answer.header(header::CONTENT_TYPE.as_str()),
        "text/plain; charset=utf-8"
    );
}
