//! Requests as a proxy sends them.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "it runs in tests alone")]

use std::time::SystemTime;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, Response, StatusCode, request::Builder},
};
use gripware_axum::{
    Grip, GripUrl,
    gripware_core::sig::{Key, Signer},
};
use tower::ServiceExt;

const URL: &str = "http://localhost:5561/?verify-iss=pushpin&verify-key=secret";

/// A configuration that trusts the requests of [`from_proxy`].
pub(crate) fn grip() -> Grip {
    Grip::builder()
        .url(GripUrl::parse(URL).unwrap())
        .build()
        .unwrap()
}

pub(crate) fn signature(key: &str, issuer: &str, at: SystemTime) -> String {
    let signer = Signer::new(Key::parse(key).unwrap()).unwrap();
    signer.with_issuer(issuer).sign(at).unwrap()
}

/// A request that a proxy signed just now.
pub(crate) fn from_proxy(method: &str, path: &str) -> Builder {
    Request::builder().method(method).uri(path).header(
        "grip-sig",
        signature("secret", "pushpin", SystemTime::now()),
    )
}

/// WebSocket events that a proxy signed just now.
pub(crate) fn events(path: &str, body: impl Into<Body>) -> Request<Body> {
    from_proxy("POST", path)
        .header("content-type", "application/websocket-events")
        .header("connection-id", "c1")
        .header("sec-websocket-extensions", "grip")
        .body(body.into())
        .unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    from_proxy("GET", path).body(Body::empty()).unwrap()
}

pub(crate) fn direct(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// What came back: the head, and the whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response: Response<Body> = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    }
}
