//! Together with the layers of tower-http.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::time::Duration;

use axum::{
    Router,
    http::StatusCode,
    routing::{any, get as route},
};
use gripware_axum::{Channel, GripLayer, Hold, WebSocketContext, WebSocketRejection};
use proxy::{events, from_proxy, get, grip, send};
use tower_http::{
    compression::CompressionLayer, cors::CorsLayer, limit::RequestBodyLimitLayer,
    timeout::TimeoutLayer, trace::TraceLayer,
};

async fn socket(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    ws.accept();
    while let Some(message) = ws.receive()? {
        ws.send(message)?;
    }
    Ok(ws)
}

fn routes() -> Router {
    let text = || "x".repeat(1000);
    Router::new()
        .route(
            "/stream",
            route(move || async move { (Hold::stream("a"), text()) }),
        )
        .route(
            "/hostile",
            route(move || async move { (Hold::stream(Channel::new("a,b").unwrap()), text()) }),
        )
        .route(
            "/slow",
            route(|| async { std::future::pending::<Hold>().await }),
        )
        .route("/socket", any(socket))
}

fn stacked() -> Router {
    routes()
        .layer(GripLayer::new(&grip()))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_millis(50),
        ))
        .layer(RequestBodyLimitLayer::new(2_000_000))
        .layer(CompressionLayer::new())
        .layer(CorsLayer::permissive())
        .layer(TraceLayer::new_for_http())
}

#[tokio::test]
async fn layers_around_leave_a_hold_what_it_is() {
    let request = from_proxy("GET", "/stream")
        .header("origin", "http://a.example")
        .header("accept-encoding", "gzip");
    let answer = send(&stacked(), request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    // The proxy asked for gzip itself, and unpacks it.
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.body.len() < 1000);
}

#[tokio::test]
async fn layers_around_leave_a_socket_what_it_is() {
    let mut request = events("/socket", "TEXT 2\r\nhi\r\n");
    request
        .headers_mut()
        .insert("origin", "http://a.example".parse().unwrap());
    let answer = send(&stacked(), request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(answer.text(), "TEXT 4\r\nm:hi\r\n");
}

#[tokio::test]
async fn a_timeout_bounds_the_handler() {
    assert_eq!(send(&stacked(), get("/slow")).await.status, 408);
}

#[tokio::test]
async fn compression_inside_is_fine_unless_the_hold_travels_as_a_body() {
    let app = routes()
        .layer(CompressionLayer::new())
        .layer(GripLayer::new(&grip()));
    let request = |path| {
        let request = from_proxy("GET", path).header("accept-encoding", "gzip");
        request.body(axum::body::Body::empty()).unwrap()
    };
    let answer = send(&app, request("/stream")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("grip-hold")),
        (200, "stream")
    );
    assert_eq!(send(&app, request("/hostile")).await.status, 500);
    assert_eq!(send(&app, get("/hostile")).await.status, 200);
}
