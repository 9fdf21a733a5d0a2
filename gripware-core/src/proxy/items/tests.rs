use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

use super::*;
use crate::{
    Filter, HttpResponse, HttpStream, WsMessage,
    item::{Action, Content, HttpBody, WsMessageKind},
    ws::CloseCode,
};

fn read(body: &Value) -> Result<Vec<(Channel, Item)>, DecodeError> {
    decode_items(body.to_string().as_bytes())
}

/// The parts of an item with these formats.
fn parts(formats: &Value) -> ItemParts {
    let body = json!({"items": [{"channel": "a", "formats": formats}]});
    let (channel, item) = read(&body).unwrap().remove(0);
    assert_eq!(channel, Channel::new("a").unwrap());
    item.into_parts().unwrap()
}

fn message(format: &Value) -> WsMessageKind {
    let parts = parts(&json!({"ws-message": format}));
    parts.ws_message.unwrap().kind().clone()
}

#[track_caller]
fn refused(body: &Value, words: &str) {
    let error = read(body).unwrap_err().to_string();
    assert_eq!(error, format!("Invalid format: {words}"), "{body}");
}

#[track_caller]
fn refused_item(item: &Value, words: &str) {
    refused(&json!({"items": [item]}), words);
    let good = json!({"channel": "a", "http-stream": {"content": "x"}});
    refused(&json!({"items": [good, item, good]}), words);
}

#[test]
fn an_item_is_read_with_all_its_members() {
    let body = json!({"items": [{
        "channel": "room-a",
        "id": "b10", "prev-id": "b9",
        "meta": {"sender": "anna"},
        "no-seq": true,
        "size": 7,
        "unknown": [{"x": null}],
        "formats": {
            "http-response": {
                "code": 201, "reason": "Made",
                "headers": [["ETag", "\"10\""], ["Vary", "a"], ["Vary", "b"]],
                "body": "{\"n\":10}\n",
                "content-filters": ["var-subst", "mine"],
            },
            "http-stream": {"content": "data: {\"n\":10}\n\n", "action": "send"},
            "ws-message": {"content-bin": "AAE="},
            "smoke-signal": 1,
        },
    }]});
    let (channel, item) = read(&body).unwrap().remove(0);
    assert_eq!(channel.name(), "room-a");
    let parts = item.into_parts().unwrap();
    assert_eq!(parts.id.as_deref(), Some("b10"));
    assert_eq!(parts.prev_id.as_deref(), Some("b9"));
    assert_eq!(parts.meta, [("sender".to_owned(), "anna".to_owned())]);
    assert!(parts.no_seq);
    assert_eq!(parts.size, Some(7));
    let response = parts.http_response.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.reason_phrase(), Some("Made"));
    let headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(headers, ["etag", "vary", "vary"]);
    let HttpBody::Content(body) = response.body() else {
        panic!("{response:?}");
    };
    assert_eq!(body.as_text(), Some("{\"n\":10}\n"));
    let filters = [Filter::VarSubst, Filter::custom("mine").unwrap()];
    assert_eq!(response.content_filters(), filters);
    let stream = parts.http_stream.unwrap();
    assert_eq!(stream.content().as_text(), Some("data: {\"n\":10}\n\n"));
    let kind = WsMessageKind::Binary(b"\0\x01"[..].into());
    assert_eq!(parts.ws_message.unwrap().kind(), &kind);
}

#[test]
fn formats_may_stand_beside_the_channel() {
    let body = json!({"items": [{
        "channel": "a", "formats": null, "ws-message": null, "http-stream": {"content": "x"},
    }]});
    let (_, item) = read(&body).unwrap().remove(0);
    let parts = item.into_parts().unwrap();
    assert!(parts.http_stream.is_some());
    assert!(parts.ws_message.is_none());

    // Where there are formats the others are not looked at.
    let body = json!({"items": [{
        "channel": "a", "formats": {"http-stream": {"content": "x"}}, "ws-message": 1,
    }]});
    assert!(read(&body).is_ok());
}

#[test]
fn numbers_may_stand_in_texts() {
    for (code, status) in [
        (json!("404"), 404),
        (json!(" 404 "), 404),
        (json!(404.0), 404),
        (json!(999), 999),
        (json!(200), 200),
    ] {
        let response = json!({"http-response": {"code": code, "body": ""}});
        assert_eq!(parts(&response).http_response.unwrap().status(), status);
    }
    let close = json!({"action": "close", "code": "4001"});
    let code = CloseCode::new(4001).unwrap();
    let reason = String::new();
    assert_eq!(message(&close), WsMessageKind::Close { code, reason });
}

#[test]
fn the_binary_form_wins_and_is_decoded_leniently() {
    let format = json!({"content": "x", "content-bin": "a*G\nk"});
    let stream = parts(&json!({"http-stream": format})).http_stream.unwrap();
    assert_eq!(stream.content().as_bytes(), "hi");
    assert!(stream.content().is_binary());
    assert_eq!(message(&format), WsMessageKind::Binary("hi".into()));
    let response = json!({"body": "x", "body-bin": "aGk=", "body-patch": 1});
    let response = parts(&json!({"http-response": response}))
        .http_response
        .unwrap();
    let HttpBody::Content(body) = response.body() else {
        panic!("{response:?}");
    };
    assert_eq!(body.as_bytes(), "hi");
}

#[test]
fn a_patch_stays_json() {
    let patch = json!([{"op": "add", "path": "/items/-", "value": {"b": [1.5, null]}}]);
    let format = json!({"http-response": {"body-patch": patch}});
    let response = parts(&format).http_response.unwrap();
    let HttpBody::Patch(read) = response.body() else {
        panic!("{response:?}");
    };
    assert_eq!(serde_json::from_slice::<Value>(read).unwrap(), patch);
}

#[test]
fn actions_need_no_content() {
    for (name, action) in [
        ("hint", Action::Hint),
        ("close", Action::Close),
        ("refresh", Action::Refresh),
    ] {
        let format = json!({"action": name});
        let parts = parts(&json!({"http-response": format, "http-stream": format}));
        assert_eq!(parts.http_response.unwrap().action(), action);
        assert_eq!(parts.http_stream.unwrap().action(), action);
    }
    assert_eq!(
        message(&json!({"action": "refresh"})),
        WsMessageKind::Refresh
    );
}

#[test]
fn a_close_has_a_code_that_may_be_sent_and_a_reason_that_fits() {
    let close = |code, reason: &str| WsMessageKind::Close {
        code,
        reason: reason.to_owned(),
    };
    assert_eq!(
        message(&json!({"action": "close"})),
        close(CloseCode::NORMAL, "")
    );
    let long = json!({"action": "close", "code": 1001, "reason": "é".repeat(62)});
    assert_eq!(
        message(&long),
        close(CloseCode::GOING_AWAY, &"é".repeat(61))
    );
    for code in [
        json!(0),
        json!(1005),
        json!(-1),
        json!(65_536 + 1000),
        json!("1006"),
    ] {
        let format = json!({"action": "close", "code": code});
        refused_item(
            &json!({"channel": "a", "ws-message": format}),
            "'ws-message' contains 'code' with invalid value",
        );
    }
}

#[test]
fn the_type_of_a_message_wins_over_its_member() {
    let text = WsMessage::text("hi").kind().clone();
    assert_eq!(
        message(&json!({"type": "text", "content-bin": "aGk="})),
        text
    );
    assert_eq!(message(&json!({"content": "hi"})), text);
    let binary = WsMessageKind::Binary("hi".into());
    assert_eq!(message(&json!({"type": "binary", "content": "hi"})), binary);
    assert_eq!(
        message(&json!({"type": "ping"})),
        WsMessageKind::Ping("".into())
    );
    let pong = json!({"type": "pong", "content": "hi"});
    assert_eq!(message(&pong), WsMessageKind::Pong("hi".into()));
}

#[test]
fn headers_of_the_proxy_are_left_out() {
    let headers = json!({
        "ETag": "1", "Content-Length": "5", "Transfer-Encoding": "chunked", "Grip-Hold": "stream",
        "connection": "close", "Upgrade": "h2c", "X-Keep": "é",
    });
    let format = json!({"http-response": {"headers": headers, "body": ""}});
    let response = parts(&format).http_response.unwrap();
    let mut names: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["etag", "x-keep"]);
}

#[test]
fn nothing_breaks_out_of_the_head_of_a_response() {
    let item = |format: Value| json!({"channel": "a", "http-response": format});
    for headers in [
        json!([["X", "a\r\nY: b"]]),
        json!([["X", "a\u{0}"]]),
        json!([["", "a"]]),
        json!([["X Y", "a"]]),
        json!({"X\r\n": "a"}),
        json!({"Grip-Hold\n": "a"}),
    ] {
        refused_item(
            &item(json!({"headers": headers, "body": ""})),
            "'http-response' contains 'headers' with invalid value",
        );
    }
    refused_item(
        &item(json!({"reason": "OK\r\nX: y", "body": ""})),
        "'http-response' contains 'reason' with invalid value",
    );
}

#[test]
fn a_body_that_is_no_list_of_items_is_refused_in_the_words_of_pushpin() {
    for body in [
        "",
        "{",
        "{\"items\":[}",
        "{\"items\":[]}x",
        "\u{feff}\u{feff}{}",
        "{\"items\":[1]",
    ] {
        let error = decode_items(body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "Body is not valid JSON.", "{body}");
    }
    assert!(decode_items(b"{\"items\":[],\"x\":\"\xff\"}").is_err());
    for body in [json!([]), json!("items"), json!(1), json!(null)] {
        assert_eq!(read(&body).unwrap_err().to_string(), "Invalid format.");
    }
    refused(&json!({}), "object does not contain 'items'");
    for items in [json!(null), json!({}), json!("x")] {
        refused(
            &json!({"items": items}),
            "object contains 'items' with wrong type",
        );
    }
    assert_eq!(read(&json!({"items": []})), Ok(vec![]));
}

#[test]
fn one_bad_item_refuses_the_batch_and_says_what_is_wrong() {
    let item = |member: &str, value: Value| {
        let mut item = json!({"channel": "a", "http-stream": {"content": "x"}});
        item[member] = value;
        item
    };
    let of = |format: &str, value: Value| json!({"channel": "a", "formats": {format: value}});
    for (item, words) in [
        (json!(1), "publish item object is not an object"),
        (json!({}), "publish item object does not contain 'channel'"),
        (
            json!({"channel": 1}),
            "publish item object contains 'channel' with wrong type",
        ),
        (json!({"channel": "a"}), "no formats specified"),
        (
            json!({"channel": "a", "formats": {}}),
            "no formats specified",
        ),
        (
            item("channel", json!("a\n")),
            "publish item object contains 'channel' with invalid value",
        ),
        (
            item("id", json!(1)),
            "publish item object contains 'id' with wrong type",
        ),
        (
            item("prev-id", json!({})),
            "publish item object contains 'prev-id' with wrong type",
        ),
        (
            item("id", json!("a\n")),
            "publish item object contains 'id' with invalid value",
        ),
        (
            item("formats", json!([])),
            "publish item object contains 'formats' with wrong type",
        ),
        (
            item("meta", json!([])),
            "publish item object contains 'meta' with wrong type",
        ),
        (
            item("meta", json!({"n": 1})),
            "'meta' contains 'n' with wrong type",
        ),
        (
            item("size", json!("x")),
            "publish item object contains 'size' with wrong type",
        ),
        (
            item("size", json!(-1)),
            "publish item object contains 'size' with invalid value",
        ),
        (
            item("no-seq", json!(1)),
            "publish item object contains 'no-seq' with wrong type",
        ),
        (
            of("http-stream", json!(null)),
            "'http-stream' is not an object",
        ),
        (
            of("http-stream", json!("x")),
            "'http-stream' is not an object",
        ),
        (
            of("http-stream", json!({})),
            "'http-stream' does not contain 'content' or 'content-bin'",
        ),
        (
            of("http-stream", json!({"content": null})),
            "'http-stream' contains 'content' with wrong type",
        ),
        (
            of(
                "http-stream",
                json!({"content": "", "content-filters": "x"}),
            ),
            "'http-stream' contains 'content-filters' with wrong type",
        ),
        (
            of(
                "http-stream",
                json!({"content": "", "content-filters": [1]}),
            ),
            "content-filters contains element with wrong type",
        ),
        (of("http-stream", json!({"action": "turn"})), ""),
        (
            of("ws-message", json!({"action": 1})),
            "'ws-message' contains 'action' with wrong type",
        ),
        (
            of("ws-message", json!({"type": "text"})),
            "'ws-message' does not contain 'content' or 'content-bin'",
        ),
        (
            of("ws-message", json!({"type": "song", "content": ""})),
            "'ws-message' contains 'type' with unknown value",
        ),
        (
            of("ws-message", json!({"type": "text", "content-bin": "/w=="})),
            "'ws-message' contains 'content-bin' with invalid value",
        ),
        (
            of(
                "ws-message",
                json!({"type": "ping", "content": "x".repeat(126)}),
            ),
            "'ws-message' contains 'content' with invalid value",
        ),
        (
            of("http-response", json!({})),
            "'http-response' does not contain 'body', 'body-bin', or 'body-patch'",
        ),
        (
            of("http-response", json!({"body-patch": {}})),
            "'http-response' contains 'body-patch' with wrong type",
        ),
        (
            of("http-response", json!({"body": "", "headers": 1})),
            "'http-response' contains 'headers' with wrong type",
        ),
        (
            of("http-response", json!({"body": "", "headers": ["a"]})),
            "headers contains element with wrong type",
        ),
        (
            of("http-response", json!({"body": "", "headers": [["a"]]})),
            "headers contains list with wrong number of elements",
        ),
        (
            of("http-response", json!({"body": "", "headers": [[1, "a"]]})),
            "header contains name element with wrong type",
        ),
        (
            of("http-response", json!({"body": "", "headers": [["a", 1]]})),
            "header contains value element with wrong type",
        ),
        (
            of("http-response", json!({"body": "", "headers": {"a": 1}})),
            "headers contains 'a' with wrong type",
        ),
    ] {
        refused_item(&item, words);
    }
    for code in [
        json!(100),
        json!("101"),
        json!(103.0),
        json!(199),
        json!(99),
        json!(0),
        json!(1000),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
    ] {
        refused_item(
            &of("http-response", json!({"code": code, "body": ""})),
            "'http-response' contains 'code' with invalid value",
        );
    }
    for code in [json!("x"), json!(200.5), json!(null), json!([])] {
        refused_item(
            &of("http-response", json!({"code": code, "body": ""})),
            "'http-response' contains 'code' with wrong type",
        );
    }
}

#[test]
fn an_error_repeats_little_of_the_body() {
    let name = format!("a\n{}", "x".repeat(1000));
    for item in [
        json!({"channel": "a", "http-stream": {"content": ""}, "meta": {name.clone(): 1}}),
        json!({"channel": "a", "http-response": {"body": "", "headers": {name: 1}}}),
    ] {
        let error = read(&json!({"items": [item]})).unwrap_err().to_string();
        assert!(error.len() < 200 && !error.contains('\n'), "{error}");
    }
}

#[test]
fn what_reaches_nobody_is_left_out() {
    for format in [
        json!({"smoke-signal": {}}),
        json!({"ws-message": {"action": "hint"}}),
    ] {
        let body = json!({"items": [
            {"channel": "a", "formats": format},
            {"channel": "b", "http-stream": {"content": ""}},
        ]});
        let items = read(&body).unwrap();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].0.name(), "b");
    }
}

#[test]
fn the_last_of_members_with_the_same_name_counts() {
    let body = br#"{"items":1,"items":[{"channel":1,"channel":"a",
        "http-stream":{"content":"x","content":"y"},"meta":{"n":"1","n":"2"}}]}"#;
    let (_, item) = decode_items(body).unwrap().remove(0);
    let parts = item.into_parts().unwrap();
    assert_eq!(parts.http_stream.unwrap().content().as_text(), Some("y"));
    assert_eq!(parts.meta, [("n".to_owned(), "2".to_owned())]);
}

#[test]
fn a_batch_is_bounded() {
    let item = r#"{"channel":"a","http-stream":{"content":""}}"#;
    let body = |count| format!("{{\"items\":[{}]}}", vec![item; count].join(","));
    assert_eq!(
        decode_items(body(MAX_ITEMS).as_bytes()).unwrap().len(),
        MAX_ITEMS
    );
    assert!(decode_items(body(MAX_ITEMS + 1).as_bytes()).is_err());

    let meta: Value = (0..=MAX_ITEM_META)
        .map(|n| (n.to_string(), json!("x")))
        .collect();
    refused_item(
        &json!({"channel": "a", "http-stream": {"content": ""}, "meta": meta}),
        "publish item object contains 'meta' with invalid value",
    );
    let headers = vec![["X", "y"]; 40_000];
    refused_item(
        &json!({"channel": "a", "http-response": {"body": "", "headers": headers}}),
        "'http-response' contains 'headers' with invalid value",
    );
}

#[test]
fn half_an_emoji_is_no_reason_to_refuse_the_others() {
    let body = concat!(
        "\u{feff}",
        r#"{"items": [
            {"channel": "a", "ws-message": {"content": "whole"}},
            {"channel": "b\ud83d", "id": "\udc00", "ws-message": {"content": "cut \ud83d"}},
            {"channel": "c", "x\ud83d": "\ud83d", "http-response": {"body-patch": [
                {"op": "add", "path": "/a", "value": "\ud83d"}
            ]}}
        ], "y": "\ud83d"}"#
    );
    let items = decode_items(body.as_bytes()).unwrap();
    let names: Vec<_> = items.iter().map(|(channel, _)| channel.name()).collect();
    assert_eq!(names, ["a", "b\u{fffd}", "c"]);
    let parts: Vec<_> = items
        .iter()
        .map(|(_, item)| item.parts().unwrap())
        .collect();
    assert_eq!(parts[1].id.as_deref(), Some("\u{fffd}"));
    let text = |text: &str| WsMessageKind::Text(Content::text(text.to_owned()));
    assert_eq!(*parts[0].ws_message.as_ref().unwrap().kind(), text("whole"));
    assert_eq!(
        *parts[1].ws_message.as_ref().unwrap().kind(),
        text("cut \u{fffd}")
    );
    let patch = parts[2].http_response.as_ref().unwrap().body();
    assert!(matches!(patch, HttpBody::Patch(patch) if patch.ends_with("\u{fffd}\"}]".as_bytes())));
}

#[test]
fn a_deep_body_is_refused() {
    for open in ["[", "{\"x\":"] {
        let deep = open.repeat(200_000);
        for body in [
            deep.clone(),
            format!("{{\"items\":{deep}"),
            format!("{{\"items\":[{{\"meta\":{deep}"),
            format!("{{\"items\":[{{\"http-response\":{{\"body-patch\":{deep}"),
            format!("{{\"x\":{deep}"),
        ] {
            let error = decode_items(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "Body is not valid JSON.");
        }
    }
}

/// The item, written and read.
fn again(channel: &Channel, item: &Item) -> Vec<(Channel, Item)> {
    let mut body = b"{\"items\":[".to_vec();
    item.encode_json(channel.name(), "", &mut body).unwrap();
    body.extend_from_slice(b"]}");
    decode_items(&body).unwrap()
}

fn any_name() -> impl Strategy<Value = String> {
    "[^\\pC]{1,12}"
}

fn any_filters() -> impl Strategy<Value = Vec<Filter>> {
    vec(
        any_name().prop_map(|name| Filter::custom(name).unwrap()),
        0..3,
    )
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..60)
}

fn any_response() -> impl Strategy<Value = HttpResponse> {
    let body = prop_oneof![
        any::<String>().prop_map(HttpResponse::text),
        any_bytes().prop_map(HttpResponse::bytes),
        vec(any::<u8>(), 0..4).prop_map(|patch| HttpResponse::json_patch(&patch)),
    ];
    let headers = vec(("[a-z]{1,8}", "[ -~]{0,8}"), 0..3);
    let send = (
        body,
        200..600_u16,
        option::of("[ -~é]{1,9}"),
        headers,
        any_filters(),
    );
    prop_oneof![
        Just(HttpResponse::hint()),
        Just(HttpResponse::close()),
        Just(HttpResponse::refresh()),
        send.prop_map(|(response, code, reason, headers, filters)| {
            let mut response = response.code(code);
            if let Some(reason) = reason {
                response = response.reason(reason);
            }
            for (name, value) in headers {
                if !matches!(&*name, "te" | "trailer" | "upgrade") {
                    response = response.header(name, value);
                }
            }
            filters
                .into_iter()
                .fold(response, HttpResponse::content_filter)
        }),
    ]
}

fn any_stream() -> impl Strategy<Value = HttpStream> {
    let content = prop_oneof![
        any::<String>().prop_map(HttpStream::text),
        any_bytes().prop_map(HttpStream::bytes),
    ];
    prop_oneof![
        Just(HttpStream::hint()),
        Just(HttpStream::close()),
        Just(HttpStream::refresh()),
        (content, any_filters()).prop_map(|(stream, filters)| {
            filters.into_iter().fold(stream, HttpStream::content_filter)
        }),
    ]
}

fn any_message() -> impl Strategy<Value = WsMessage> {
    let content = prop_oneof![
        any::<String>().prop_map(WsMessage::text),
        any_bytes().prop_map(WsMessage::binary),
        any_bytes().prop_map(WsMessage::ping),
        any_bytes().prop_map(WsMessage::pong),
    ];
    prop_oneof![
        Just(WsMessage::refresh()),
        (3000..5000_u16, ".{0,30}").prop_map(|(code, reason)| WsMessage::close(code, reason)),
        (content, any_filters()).prop_map(|(message, filters)| {
            filters.into_iter().fold(message, WsMessage::content_filter)
        }),
    ]
}

fn any_item() -> impl Strategy<Value = Item> {
    let formats = (
        option::of(any_response()),
        option::of(any_stream()),
        option::of(any_message()),
    );
    let ids = (option::of(any_name()), option::of(any_name()));
    let rest = (
        vec((any_name(), any::<String>()), 0..4),
        any::<bool>(),
        option::of(0..=i64::MAX as u64),
    );
    (formats, ids, rest).prop_map(|((response, stream, message), ids, (meta, no_seq, size))| {
        let mut item = Item::new();
        if let Some(response) = response {
            item = item.http_response(response);
        }
        if let Some(message) = message {
            item = item.ws_message(message);
        }
        // At least one.
        if let Some(stream) = stream.or_else(|| item.check().is_err().then(HttpStream::hint)) {
            item = item.http_stream(stream);
        }
        if let Some(id) = ids.0 {
            item = item.id(id);
        }
        if let Some(id) = ids.1 {
            item = item.prev_id(id);
        }
        for (name, value) in meta {
            item = item.meta(name, value);
        }
        if no_seq {
            item = item.no_seq();
        }
        match size {
            Some(size) => item.size(size),
            None => item,
        }
    })
}

proptest! {
    #[test]
    fn an_item_is_read_as_it_was_written(name in any_name(), item in any_item()) {
        let channel = Channel::new(name).unwrap();
        prop_assert_eq!(again(&channel, &item), [(channel, item)]);
    }

    #[test]
    fn nothing_panics(body in vec(any::<u8>(), 0..200)) {
        let _ = decode_items(&body);
    }

    #[test]
    fn json_with_the_members_of_items_does_not_panic(
        body in r#"\{"items":\[\{("(channel|id|meta|formats|http-response|ws-message|code|body)":("x"|1|null|\{|\[)[,\}\]]?){0,9}"#
    ) {
        let _ = decode_items(body.as_bytes());
    }
}
