//! How items are written, and which are refused.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::{ChannelError, Filter};

fn encoded(item: &Item, channel: &str, prefix: &str) -> Value {
    let mut out = b"before".to_vec();
    item.encode_json(channel, prefix, &mut out).unwrap();
    serde_json::from_slice(out.strip_prefix(b"before").unwrap()).unwrap()
}

fn formats(item: impl Into<Item>) -> Value {
    encoded(&item.into(), "c", "")
        .get("formats")
        .unwrap()
        .clone()
}

#[test]
fn every_format_is_what_the_protocol_says() {
    let item = Item::new()
        .http_response(
            HttpResponse::json(&json!({"n": 10}))
                .code(410)
                .reason("Gone \"now\"")
                .header("ETag", "\"10\"")
                .header("Set-Cookie", "a=b")
                .content_filter(Filter::BuildId),
        )
        .http_stream(HttpStream::bytes(vec![0, 255]).content_filter(Filter::VarSubst))
        .ws_message(WsMessage::text("a\u{1}\"\\é"))
        .size(12)
        .no_seq();
    assert_eq!(
        encoded(&item, "ro\"om", ""),
        json!({
            "channel": "ro\"om",
            "no-seq": true,
            "size": 12,
            "formats": {
                "http-response": {
                    "code": 410,
                    "reason": "Gone \"now\"",
                    "headers": [
                        ["content-type", "application/json"],
                        ["etag", "\"10\""],
                        ["set-cookie", "a=b"],
                    ],
                    "body": "{\"n\":10}",
                    "content-filters": ["build-id"],
                },
                "http-stream": {"content-bin": "AP8=", "content-filters": ["var-subst"]},
                "ws-message": {"content": "a\u{1}\"\\é"},
            },
        })
    );
}

#[test]
fn an_item_can_be_made_of_its_parts() {
    let item = Item::new()
        .http_response(HttpResponse::text("r").header("x", "y"))
        .http_stream(HttpStream::text("s"))
        .ws_message(WsMessage::text("m"))
        .id("2")
        .prev_id("1")
        .sender("anna")
        .size(3)
        .no_seq();
    let mut parts = item.parts().unwrap().clone();
    assert_eq!(Item::from(parts.clone()), item);
    parts.id = Some(String::new());
    assert!(matches!(
        Item::from(parts).check(),
        Err(ItemError::Id { .. })
    ));
}

#[test]
fn actions_stand_alone() {
    assert_eq!(
        formats(
            Item::new()
                .http_response(HttpResponse::hint())
                .http_stream(HttpStream::close())
                .ws_message(WsMessage::close(4001, "room closed"))
        ),
        json!({
            "http-response": {"action": "hint"},
            "http-stream": {"action": "close"},
            "ws-message": {"action": "close", "code": 4001, "reason": "room closed"},
        })
    );
    assert_eq!(
        formats(
            Item::new()
                .http_response(HttpResponse::refresh())
                .http_stream(HttpStream::hint())
                .ws_message(WsMessage::refresh())
        ),
        json!({
            "http-response": {"action": "refresh"},
            "http-stream": {"action": "hint"},
            "ws-message": {"action": "refresh"},
        })
    );
    assert_eq!(
        formats(WsMessage::close(1000, "")),
        json!({"ws-message": {"action": "close", "code": 1000}})
    );
}

#[test]
fn pings_say_their_type_and_bytes() {
    assert_eq!(
        formats(WsMessage::ping("")),
        json!({"ws-message": {"type": "ping"}})
    );
    assert_eq!(
        formats(WsMessage::pong("hi")),
        json!({"ws-message": {"type": "pong", "content-bin": "aGk="}})
    );
}

#[test]
fn an_empty_content_is_still_there() {
    assert_eq!(
        formats(
            Item::new()
                .http_response(HttpResponse::default().code(304))
                .http_stream(HttpStream::text(""))
        ),
        json!({"http-response": {"code": 304, "body": ""}, "http-stream": {"content": ""}})
    );
}

#[test]
fn a_patch_is_put_in_as_json() {
    let patch = json!([{"op": "add", "path": "/items/-", "value": "x\"y"}]);
    assert_eq!(
        formats(HttpResponse::json_patch(&patch)),
        json!({"http-response": {"body-patch": patch}})
    );
}

#[test]
fn a_prefix_goes_before_the_channel_that_is_required_too() {
    let item = Item::from(WsMessage::text("x"))
        .require_sub("admins")
        .skip_users(["anna", "bob"])
        .sender("eve");
    let given = encoded(&item.clone().with_prefix("app-"), "app-room", "");
    let item = encoded(&item, "room", "app-");
    assert_eq!(item, given);
    assert_eq!(item["channel"], "app-room");
    assert_eq!(
        item["meta"],
        json!({"require_sub": "app-admins", "skip_users": "anna,bob", "sender": "eve"})
    );
}

#[test]
fn a_second_value_of_a_meta_takes_the_place_of_the_first() {
    let item = Item::from(WsMessage::text("x"))
        .sender("a")
        .meta("sender", "b");
    assert_eq!(encoded(&item, "c", "")["meta"], json!({"sender": "b"}));
}

#[test]
fn what_cannot_be_published_is_refused_and_leaves_the_buffer_alone() {
    let text = || Item::from(WsMessage::text("x"));
    let empty = || ChannelError::Empty;
    let cases = [
        (Item::new(), ItemError::NoFormat),
        (Item::new().id("1"), ItemError::NoFormat),
        (text().id(""), ItemError::Id { source: empty() }),
        (
            text().id("a\nb"),
            ItemError::Id {
                source: ChannelError::ControlCharacter { position: 1 },
            },
        ),
        (text().prev_id(""), ItemError::PrevId { source: empty() }),
        (
            text().meta("", "x"),
            ItemError::MetaName { source: empty() },
        ),
        (
            text().require_sub(""),
            ItemError::RequireSub { source: empty() },
        ),
        (text().skip_users(["a,b"]), ItemError::SkipUser),
        (text().skip_users([""]), ItemError::SkipUser),
    ];
    for (item, error) in cases {
        let mut out = b"before".to_vec();
        assert_eq!(item.encode_json("c", "", &mut out), Err(error.clone()));
        assert_eq!(out, b"before");
        assert_eq!(item.parts(), Err(error.clone()));
        assert_eq!(item.into_parts(), Err(error));
    }
}

#[test]
fn the_first_error_wins_and_a_later_good_value_does_not_hide_it() {
    let item = Item::new()
        .id("")
        .ws_message(WsMessage::close(1005, ""))
        .id("1")
        .ws_message(WsMessage::text("x"));
    assert_eq!(
        item.check(),
        Err(ItemError::Id {
            source: ChannelError::Empty
        })
    );
}

#[test]
fn a_value_that_is_no_json_is_an_error_of_the_item() {
    let map = std::collections::BTreeMap::from([(vec![1], 1)]);
    for item in [
        Item::from(WsMessage::json(&map)),
        Item::from(HttpStream::json_line(&map)),
        Item::from(HttpResponse::json(&map)),
        Item::from(HttpResponse::json_patch(&map)),
        Item::from(SseEvent::new().json(&map)),
    ] {
        assert!(matches!(item.check(), Err(ItemError::Json { .. })));
    }
}

/// A text or bytes, with what becomes of it in JSON.
#[derive(Clone, Debug)]
enum Payload {
    Text(String),
    Bytes(Vec<u8>),
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        any::<String>().prop_map(Payload::Text),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Payload::Bytes),
    ]
}

impl Payload {
    fn member(&self, name: &str) -> (String, Value) {
        match self {
            Self::Text(text) => (name.to_owned(), json!(text)),
            Self::Bytes(bytes) => (format!("{name}-bin"), json!(STANDARD.encode(bytes))),
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,20}"
}

proptest! {
    #[test]
    fn what_is_written_is_what_was_set(
        (channel, prefix) in (name(), prop_oneof![Just(String::new()), name()]),
        (id, prev_id) in (prop::option::of(name()), prop::option::of(name())),
        meta in prop::collection::btree_map(name(), any::<String>(), 0..4),
        response in prop::option::of((payload(), 200_u16..600, prop::option::of(name()))),
        stream in prop::option::of(payload()),
        message in payload(),
        size in prop::option::of(any::<u64>()),
    ) {
        let mut item = Item::new();
        let mut expected = Map::new();
        let mut formats = Map::new();
        expected.insert("channel".into(), json!(format!("{prefix}{channel}")));
        if let Some(id) = id {
            expected.insert("id".into(), json!(id));
            item = item.id(id);
        }
        if let Some(id) = prev_id {
            expected.insert("prev-id".into(), json!(id));
            item = item.prev_id(id);
        }
        if let Some(size) = size {
            expected.insert("size".into(), json!(size));
            item = item.size(size);
        }
        if !meta.is_empty() {
            expected.insert("meta".into(), json!(meta));
            for (name, value) in meta {
                item = item.meta(name, value);
            }
        }
        if let Some((body, code, reason)) = response {
            let mut format = match body.clone() {
                Payload::Text(text) => HttpResponse::text(text),
                Payload::Bytes(bytes) => HttpResponse::bytes(bytes),
            }.code(code);
            let mut members = Map::from_iter([body.member("body")]);
            if code != 200 {
                members.insert("code".into(), json!(code));
            }
            if let Some(reason) = reason {
                members.insert("reason".into(), json!(reason));
                format = format.reason(reason);
            }
            item = item.http_response(format);
            formats.insert("http-response".into(), members.into());
        }
        if let Some(content) = stream {
            item = item.http_stream(match content.clone() {
                Payload::Text(text) => HttpStream::text(text),
                Payload::Bytes(bytes) => HttpStream::bytes(bytes),
            });
            formats.insert("http-stream".into(), Value::from_iter([content.member("content")]));
        }
        item = item.ws_message(match message.clone() {
            Payload::Text(text) => WsMessage::text(text),
            Payload::Bytes(bytes) => WsMessage::binary(bytes),
        });
        formats.insert("ws-message".into(), Value::from_iter([message.member("content")]));
        expected.insert("formats".into(), formats.into());
        prop_assert_eq!(encoded(&item, &channel, &prefix), Value::from(expected));
    }
}
