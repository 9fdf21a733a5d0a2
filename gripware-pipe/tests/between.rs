//! Calls from one client to another, through the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use axum::{Extension, Router, routing::any};
use gripware_pipe::{Body, CallErrorKind, Name, Peer, PipeClient, PipeServer};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use support::{Running, Site, get, name, serve, within};
use tower::ServiceExt;

/// Says who asks, and what else it is told of them.
fn who() -> Router {
    let handler = |peer: Extension<Peer>, headers: HeaderMap| async move {
        let said = headers.contains_key("pipe-from") || headers.contains_key("pipe-to");
        format!("{} {:?} {said}", peer.caller(), peer.from())
    };
    Router::new().route("/who", any(handler))
}

/// A server that passes calls on from `a` to `b`, with both and `c`.
async fn three(site: &Site) -> (PipeServer, [PipeClient; 3], Vec<Running>) {
    let may = |from: &Name, to: &Name| from.as_str() == "a" && to.as_str() != "c";
    let server = site.server_builder().pass_on(may).known([name("absent")]);
    let server = server.build().unwrap();
    let (address, serving) = serve(&server).await;
    let mut running = vec![serving];
    let clients = ["a", "b", "c"].map(|name| site.client_builder(name, address).build().unwrap());
    for client in &clients {
        running.push(Running::client(client, who()));
        within(client.connected()).await;
    }
    (server, clients, running)
}

#[tokio::test]
async fn a_call_is_passed_on_where_the_server_allows_it() {
    let site = Site::new();
    let (server, [a, b, _c], _running) = three(&site).await;
    let (status, body) = get(&a.client(&name("b")), "/who").await.unwrap();
    assert_eq!((status, body.as_str()), (200, r#"a Some("a") false"#));
    let (_, body) = get(&server.client(&name("b")), "/who").await.unwrap();
    assert_eq!(body, "127.0.0.1 None false");
    for (from, to) in [(&a, "c"), (&b, "a"), (&b, "nobody")] {
        let error = get(&from.client(&name(to)), "/who").await.unwrap_err();
        assert_eq!(error.kind(), CallErrorKind::Forbidden, "{to}");
    }
    let error = get(&a.client(&name("nobody")), "/who").await.unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Unknown);
    let error = get(&a.client(&name("absent")), "/who").await.unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::NotConnected);
    assert!(!error.may_have_been_handled());
}

#[tokio::test]
async fn nobody_poses_as_another_client() {
    let site = Site::new();
    let (_server, [a, ..], _running) = three(&site).await;
    let request = Request::get("/who")
        .header("pipe-from", "c")
        .header("pipe-to", "c");
    let request = request.body(Body::empty()).unwrap();
    let response = within(a.client(&name("b")).oneshot(request)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"a Some("a") false"#);
}
