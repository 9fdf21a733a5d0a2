//! Requests as a proxy sends them.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "it runs in tests alone")]

use std::time::SystemTime;

use actix_http::Request;
use actix_web::{
    Error,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header::HeaderMap},
    test::TestRequest,
    web::Bytes,
};
use gripware_actix::{
    Grip, GripUrl,
    gripware_core::sig::{Key, Signer},
};

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
pub(crate) fn from_proxy(method: &str, path: &str) -> TestRequest {
    direct(path)
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .insert_header((
            "grip-sig",
            signature("secret", "pushpin", SystemTime::now()),
        ))
}

/// WebSocket events that a proxy signed just now.
pub(crate) fn events(path: &str, body: impl Into<Bytes>) -> TestRequest {
    from_proxy("POST", path)
        .insert_header(("content-type", "application/websocket-events"))
        .insert_header(("connection-id", "c1"))
        .insert_header(("sec-websocket-extensions", "grip"))
        .set_payload(body)
}

pub(crate) fn get(path: &str) -> TestRequest {
    from_proxy("GET", path)
}

pub(crate) fn direct(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

/// What came back: the head, and the whole body.
#[derive(Debug)]
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

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends a request, and takes an error for the response that a server makes of it.
pub(crate) async fn send<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    request: TestRequest,
) -> Answer {
    match app.call(request.to_request()).await {
        Ok(response) => {
            let (_, response) = response.into_parts();
            let (head, body) = response.into_parts();
            Answer {
                status: head.status(),
                headers: head.headers().clone(),
                body: to_bytes(body).await.ok().unwrap(),
            }
        }
        Err(error) => {
            let (head, body) = error.error_response().into_parts();
            Answer {
                status: head.status(),
                headers: head.headers().clone(),
                body: to_bytes(body).await.unwrap(),
            }
        }
    }
}
