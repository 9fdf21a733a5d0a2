//! Items: the same JSON as others write, and none that a real proxy refuses.

use gripware_core::{
    Filter, HttpResponse, HttpStream, Item, WsMessage,
    http::{HeaderName, HeaderValue},
};
use gripware_interop::{AXUM, Request, Site};
use serde_json::{Value, json};

use super::{bytes, peers};

fn encoded(item: &Item) -> Value {
    let mut json = Vec::new();
    item.encode_json("room", "", &mut json).expect("an item");
    serde_json::from_slice(&json).expect("JSON")
}

#[test]
fn items_are_the_same_json() {
    let hostile = "\"quoted\" \\ é ☃ \u{1}\r\n\u{2028}";
    let cases = [
        (
            Item::from(HttpStream::text(hostile)).id("2").prev_id("1"),
            json!({"id": "2", "prev_id": "1", "formats": {"http-stream": {"content": hostile}}}),
        ),
        (
            Item::from(HttpStream::bytes(&b"\xff\x00"[..])),
            json!({"formats": {"http-stream": {"content": bytes(b"\xff\x00")}}}),
        ),
        (
            Item::from(WsMessage::text(hostile)),
            json!({"formats": {"ws-message": {"content": hostile}}}),
        ),
        (
            Item::from(
                HttpResponse::text(hostile)
                    .code(404)
                    .reason("Gone away")
                    .header(
                        HeaderName::from_static("x-one"),
                        HeaderValue::from_static("1"),
                    ),
            ),
            json!({"formats": {"http-response": {"code": 404, "reason": "Gone away",
                "headers": [["x-one", "1"]], "body": hostile}}}),
        ),
        (
            Item::from(HttpResponse::bytes(&b"\xff"[..]).code(201)),
            json!({"formats": {"http-response": {"code": 201, "body": bytes(b"\xff")}}}),
        ),
        (
            Item::from(HttpResponse::text("r"))
                .http_stream(HttpStream::text("s"))
                .ws_message(WsMessage::text("w")),
            json!({"formats": {"http-response": {"body": "r"},
                "http-stream": {"content": "s"}, "ws-message": {"content": "w"}}}),
        ),
    ];
    for mut peer in peers() {
        for (item, question) in &cases {
            let mut ours = encoded(item);
            let theirs = peer.ask("item", question).expect("an item");
            let removed = ours.as_object_mut().expect("an object").remove("channel");
            assert_eq!(removed, Some(json!("room")));
            assert_eq!(without_defaults(ours), theirs, "{}", peer.name());
        }
    }
}

/// What gripcontrol and @fanoutio/grip leave to the proxy.
fn without_defaults(mut item: Value) -> Value {
    if let Some(formats) = item["formats"].as_object_mut() {
        for format in formats.values_mut() {
            let format = format.as_object_mut().expect("an object");
            format.retain(|name, value| (name.as_str(), value.as_str()) != ("type", Some("text")));
        }
    }
    item
}

/// A close as each writes it: to a proxy they are one.
#[test]
fn closes_mean_the_same() {
    let item = Item::from(WsMessage::close(4001, "")).http_stream(HttpStream::close());
    let ours = encoded(&item);
    assert_eq!(ours["formats"]["ws-message"]["action"], "close");
    assert_eq!(ours["formats"]["ws-message"]["code"], 4001);
    assert_eq!(ours["formats"]["http-stream"]["action"], "close");

    let [mut python, mut node] = peers();
    let theirs = python.ask(
        "item",
        &json!({"formats": {"http-stream": {"action": "close"},
            "ws-message": {"action": "close", "code": 4001}}}),
    );
    assert_eq!(
        theirs,
        Ok(json!({"formats": {"http-stream": {"action": "close"},
            "ws-message": {"action": "close", "code": 4001}}}))
    );
    let theirs = node.ask(
        "item",
        &json!({"formats": {"http-stream": {"close": true},
            "ws-message": {"close": true, "code": 4001}}}),
    );
    // It adds an empty content, which a proxy passes over.
    assert_eq!(
        theirs,
        Ok(
            json!({"formats": {"http-stream": {"action": "close", "content": ""},
            "ws-message": {"action": "close", "code": 4001}}})
        )
    );
}

#[tokio::test]
async fn a_real_proxy_takes_every_item_but_those_for_newer_ones() {
    let site = Site::of(AXUM).await;
    let text = || Item::from(HttpStream::text("x"));
    let taken = [
        text(),
        text().id("a, b; \"c\"").prev_id("é"),
        text().meta("sender", "al\"ice").meta("other", ""),
        text().sender("anna").skip_users(["ben", "carl"]),
        text().require_sub("vip"),
        text().no_seq(),
        text().size(7),
        Item::from(HttpStream::text("")),
        Item::from(HttpStream::bytes(vec![0xff; 1000])),
        Item::from(HttpStream::text("x").content_filter(Filter::VarSubst)),
        Item::from(HttpStream::json_line(&json!({"n": 1}))),
        Item::from(HttpStream::hint()),
        Item::from(HttpStream::close()),
        Item::from(HttpResponse::text("")),
        Item::from(HttpResponse::text("x").code(599).reason("Odd")),
        Item::from(HttpResponse::json(&json!({"n": 1}))),
        Item::from(HttpResponse::json_patch(
            &json!([{"op": "add", "path": "/n", "value": 1}]),
        )),
        Item::from(HttpResponse::hint()),
        Item::from(HttpResponse::close()),
        Item::from(WsMessage::text("")),
        Item::from(WsMessage::binary(&b""[..])),
        Item::from(WsMessage::ping(&b"there?"[..])),
        Item::from(WsMessage::pong(&b""[..])),
        Item::from(WsMessage::close(1000, "")),
        Item::from(WsMessage::close(4999, "é")),
        Item::from(HttpResponse::text("r"))
            .http_stream(HttpStream::hint())
            .ws_message(WsMessage::close(4000, "bye")),
    ];
    for item in taken {
        assert_eq!(
            post(&site, &item).await,
            (200, "Published\n".to_owned()),
            "{item:?}"
        );
    }
    // Pushpin knows `refresh` from 1.38 on; Debian's is 1.36.
    for item in [
        Item::from(WsMessage::refresh()),
        Item::from(HttpResponse::refresh()),
        Item::from(HttpStream::refresh()),
    ] {
        assert_eq!(post(&site, &item).await.0, 400, "{item:?}");
    }
}

async fn post(site: &Site, item: &Item) -> (u16, String) {
    let body = json!({"items": [encoded(item)]}).to_string();
    let answer = Request::new("POST", site.control(), "/publish/")
        .body(body)
        .send()
        .await;
    (answer.status(), answer.text().await)
}
