//! What the application publishes.

use bytes::Bytes;
use gripware_core::{HttpResponse, HttpStream, Item, WsMessage};
use gripware_test::Proxy;

use crate::Server;

const ALL: &str = "channel=a&id=5&prev_id=4&sender=anna&skip_users=ben,%20cleo";

fn with_all(item: Item) -> Item {
    let item = item.id("5").prev_id("4").sender("anna");
    item.skip_users(["ben", "cleo"])
}

async fn publish(proxy: &Proxy, what: &str, body: impl Into<Bytes>) {
    let answer = proxy.post(&format!("/publish/{what}")).body(body).await;
    answer.assert_status(200).assert_text("{\"published\":1}");
    answer.assert_header("content-type", "application/json");
}

pub async fn each_format_is_published_as_it_is(server: &Server) {
    let proxy = server.start().await;
    publish(&proxy, &format!("http-response?{ALL}&code=201"), "x\n").await;
    let format = HttpResponse::text("x\n").code(201);
    proxy.assert_published("a", with_all(format.into()));
    publish(&proxy, &format!("http-stream?{ALL}"), "x\n").await;
    proxy.assert_published("a", with_all(HttpStream::text("x\n").into()));
    publish(&proxy, &format!("ws-message?{ALL}"), "x\n").await;
    proxy.assert_published("a", with_all(WsMessage::text("x\n").into()));
    publish(&proxy, "ws-message?channel=a%2Cb", "").await;
    proxy.assert_published("a,b", WsMessage::text(""));
}

pub async fn one_item_may_have_all_formats(server: &Server) {
    let proxy = server.start().await;
    publish(&proxy, &format!("all?{ALL}"), "x\n").await;
    let item = Item::new()
        .http_response(HttpResponse::text("x\n"))
        .http_stream(HttpStream::text("x\n"))
        .ws_message(WsMessage::text("x\n"));
    proxy.assert_published("a", with_all(item));
}

pub async fn bytes_are_published_as_bytes(server: &Server) {
    let proxy = server.start().await;
    let bytes = &b"\0\xff"[..];
    publish(&proxy, "http-response?channel=a", bytes).await;
    proxy.assert_published("a", HttpResponse::bytes(bytes));
    publish(&proxy, "http-stream?channel=a", bytes).await;
    proxy.assert_published("a", HttpStream::bytes(bytes));
    publish(&proxy, "ws-message?channel=a&binary=true", bytes).await;
    proxy.assert_published("a", WsMessage::binary(bytes));
    publish(&proxy, "ws-message?channel=a&binary=false", "x").await;
    proxy.assert_published("a", WsMessage::text("x"));
}

pub async fn actions_are_published(server: &Server) {
    let proxy = server.start().await;
    publish(&proxy, "close?channel=a&code=4001&reason=room%20closed", "").await;
    let item = Item::from(HttpStream::close());
    proxy.assert_published("a", item.ws_message(WsMessage::close(4001, "room closed")));
    publish(&proxy, "hint?channel=a", "").await;
    let item = Item::from(HttpResponse::hint());
    proxy.assert_published("a", item.http_stream(HttpStream::hint()));
    publish(&proxy, "refresh?channel=a", "").await;
    proxy.assert_published("a", WsMessage::refresh());
}

pub async fn the_prefix_stands_before_the_channel(server: &Server) {
    let proxy = server.start_with_prefix("app-").await;
    publish(&proxy, "http-stream?channel=a", "x").await;
    proxy.assert_published("app-a", HttpStream::text("x"));
    let answer = proxy.post("/feed/b").body("x").await;
    answer.assert_status(200);
    assert_eq!(proxy.published()[0].channel(), "app-feed-b");
}

pub async fn an_item_that_cannot_be_built_is_refused(server: &Server) {
    let proxy = server.start().await;
    for (what, body) in [
        ("http-stream", &b"x"[..]),
        ("http-stream?channel=", b"x"),
        ("http-stream?channel=a%0Ab", b"x"),
        ("http-stream?channel=a&id=", b"x"),
        ("http-stream?channel=a&prev_id=%00", b"x"),
        ("http-stream?channel=a&skip_users=ben,,", b"x"),
        ("http-response?channel=a&code=99", b"x"),
        ("http-response?channel=a&code=fine", b"x"),
        ("ws-message?channel=a&binary=perhaps", b"x"),
        ("ws-message?channel=a", b"\xff"),
        ("all?channel=a", b"\xff"),
        ("close?channel=a&code=1005", b""),
        ("close?channel=a&code=70000", b""),
    ] {
        let answer = proxy.post(&format!("/publish/{what}")).body(body).await;
        answer.assert_status(400);
        let error: serde_json::Value = answer.json();
        assert!(error["error"].is_string(), "{answer:?}");
    }
    let path = format!("/publish/close?channel=a&reason={}", "x".repeat(124));
    proxy.post(&path).await.assert_status(400);
    assert!(proxy.published().is_empty());
}

pub async fn an_item_that_nobody_takes_is_a_bad_gateway(server: &Server) {
    let proxy = server.start().await;
    proxy.refuse_items("full");
    for what in [
        "http-response",
        "http-stream",
        "ws-message",
        "all",
        "close",
        "hint",
        "refresh",
    ] {
        let answer = proxy.post(&format!("/publish/{what}?channel=a")).await;
        answer.assert_status(502);
        let error: serde_json::Value = answer.json();
        assert!(
            error["error"].as_str().unwrap().contains("full"),
            "{answer:?}"
        );
    }
}

pub async fn other_things_and_other_methods_are_not_found(server: &Server) {
    let proxy = server.start().await;
    proxy
        .post("/publish/smoke?channel=a")
        .await
        .assert_status(404);
    proxy
        .get("/publish/http-stream?channel=a")
        .await
        .assert_status(405);
    assert!(proxy.published().is_empty());
}
