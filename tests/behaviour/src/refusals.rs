//! Who is turned away, and with what.

use gripware_publish::Grip;
use gripware_test::{Proxy, Request};

use crate::Server;

const HOLDS: [&str; 5] = [
    "/hold/response?channel=a",
    "/hold/stream?channel=a",
    "/hold/instruct?mode=stream&channel=a",
    "/sse?channel=a",
    "/feed/a",
];

/// A request in every way in which it can fail to be the proxy's.
fn untrusted(request: &Request) -> [Request; 5] {
    let request = || request.clone();
    [
        request().unsigned(),
        request().forged(),
        request().expired(),
        request().signed_by("somebody-else"),
        request().direct(),
    ]
}

fn events(proxy: &Proxy, path: &str) -> Request {
    let request = proxy.post(path).body("OPEN\r\n");
    request
        .header("content-type", "Application/WebSocket-Events; x=y")
        .header("connection-id", "1")
}

pub async fn a_hold_needs_a_trusted_proxy(server: &Server) {
    let proxy = server.start().await;
    let mut texts = Vec::new();
    for path in HOLDS {
        for request in untrusted(&proxy.get(path)) {
            let answer = request.await;
            answer.assert_status(501).assert_no_hold();
            answer.assert_header("content-type", "text/plain; charset=utf-8");
            texts.push(answer.text().to_owned());
        }
    }
    texts.dedup();
    let [text] = texts.as_slice() else {
        panic!("what is wrong is told apart: {texts:?}");
    };
    assert!(text.contains("needs a GRIP proxy"), "{text}");
}

pub async fn events_need_a_trusted_proxy(server: &Server) {
    let proxy = server.start().await;
    let mut texts = Vec::new();
    for path in ["/ws/echo", "/ws/log", "/ws/none", "/plain"] {
        for request in untrusted(&events(&proxy, path)) {
            let answer = request.await;
            answer.assert_status(403);
            texts.push(answer.text().to_owned());
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

pub async fn nobody_is_trusted_where_no_proxy_is_configured(server: &Server) {
    let keyless = gripware_core::GripUrl::parse("http://localhost:5561/").unwrap();
    let keyless = Grip::builder().url(keyless).build().unwrap();
    let proxy = server.start_with(Proxy::builder(), keyless).await;
    proxy.get("/plain").await.assert_status(200);
    proxy.get(HOLDS[0]).await.assert_status(501);
    let grip = Grip::builder().build().unwrap();
    let proxy = server.start_with(Proxy::builder(), grip).await;
    proxy.get("/plain").await.assert_status(200);
    let context: serde_json::Value = proxy.get("/context").await.json();
    assert_eq!(context["proxied"], false);
    for path in HOLDS {
        proxy.get(path).await.assert_status(501);
    }
    events(&proxy, "/ws/echo").await.assert_status(403);
    let answer = proxy.post("/publish/http-stream?channel=a").body("x").await;
    answer.assert_status(502);
    let error: serde_json::Value = answer.json();
    assert!(error["error"].is_string(), "{answer:?}");
}

pub async fn a_required_proxy_is_required_for_every_route(server: &Server) {
    let builder = Proxy::builder();
    let grip = Grip::builder()
        .url(builder.url())
        .publisher(builder.publisher())
        .proxy_required(true)
        .build()
        .unwrap();
    let proxy = server.start_with(builder, grip).await;
    let requests = [
        proxy.get("/plain"),
        proxy.get("/context"),
        proxy.get("/nothing"),
        proxy.get("/hold/stream?channel=a"),
        proxy.get("/ws/log"),
        proxy.post("/publish/http-stream?channel=a"),
        events(&proxy, "/ws/echo"),
    ];
    for request in &requests {
        for request in untrusted(request) {
            let answer = request.await;
            answer.assert_status(501);
            assert!(
                answer.text().contains("only through its GRIP proxy"),
                "{answer:?}"
            );
        }
    }
    assert!(proxy.published().is_empty());
    proxy.get("/plain").await.assert_status(200);
    proxy.get("/nothing").await.assert_status(404);
    proxy.open("/ws/echo").await.accepted().expect_nothing();
}
