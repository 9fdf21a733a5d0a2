//! What a handler gets of a request, and what goes into the answer.

use std::{error::Error, time::Duration};

use http::header::{CONTENT_TYPE, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Channel, ChannelError, Filter,
    ws::{CloseCode, ControlMessage, Frame, WsKeepAlive, decode, encode},
};

fn read(headers: &[(&'static str, &str)], body: &[u8]) -> Result<WebSocketContext, WebSocketError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let body = Bytes::copy_from_slice(body);
    WebSocketContext::from_request(&map, body, "", &Limits::default())
}

/// A request as proxies send it.
fn request(body: impl AsRef<[u8]>) -> WebSocketContext {
    let headers = [
        ("connection-id", "c1"),
        ("sec-websocket-extensions", "grip"),
    ];
    read(&headers, body.as_ref()).unwrap()
}

fn accepted() -> WebSocketContext {
    let mut ws = request("OPEN\r\n");
    ws.accept();
    ws
}

fn body_of(ws: WebSocketContext) -> Bytes {
    let reply = ws.into_reply();
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers[CONTENT_TYPE], "application/websocket-events");
    reply.body
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, WebSocketError>, kind: WebSocketErrorKind) {
    assert_eq!(result.unwrap_err().kind(), kind);
}

#[test]
fn the_conversation_of_the_protocol() {
    let headers = [
        ("sec-websocket-key", "GVYnHritat8nX0ZyGLYpVA=="),
        ("sec-websocket-protocol", "p1,p2"),
        ("sec-websocket-extensions", "grip"),
        ("cookie", "k=v"),
        ("connection-id", "5c384ad4-e2a2-489a-a28f-7357624608d3"),
    ];
    let mut ws = read(&headers, b"OPEN\r\n").unwrap();
    assert!(ws.is_opening() && !ws.is_accepted());
    ws.accept();
    assert_eq!(ws.select_protocol(&["p2"]), Some("p2"));
    ws.insert_meta("user", "alice").unwrap();
    ws.keep_alive_interval(Duration::from_secs(30)).unwrap();
    ws.subscribe("w1").unwrap();
    ws.send_text("hello").unwrap();
    assert_eq!(ws.receive().unwrap(), None);
    let reply = ws.into_reply();
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers.len(), 5);
    assert_eq!(
        header(&reply, "content-type"),
        Some("application/websocket-events")
    );
    assert_eq!(header(&reply, "sec-websocket-extensions"), Some("grip"));
    assert_eq!(header(&reply, "sec-websocket-protocol"), Some("p2"));
    assert_eq!(header(&reply, "set-meta-user"), Some("alice"));
    assert_eq!(header(&reply, "keep-alive-interval"), Some("30"));
    assert_eq!(
        reply.body,
        "OPEN\r\nTEXT 25\r\nc:{\"type\":\"subscribe\",\"channel\":\"w1\"}\r\nTEXT 7\r\nm:hello\r\n"
    );

    let later = [&headers[..], &[("meta-user", "alice")]].concat();
    let mut ws = read(&later, b"TEXT 2\r\nhi\r\n").unwrap();
    assert!(!ws.is_opening() && ws.is_accepted());
    assert_eq!(ws.meta("user"), Some("alice"));
    assert_eq!(ws.receive().unwrap(), Some(Message::from("hi")));
    assert_eq!(ws.receive().unwrap(), None);
    let reply = ws.into_reply();
    assert_eq!(reply.headers.len(), 1);
    assert_eq!(
        header(&reply, "content-type"),
        Some("application/websocket-events")
    );
    assert_eq!(reply.body, "");

    let close = b"CLOSE 5\r\n\x0f\xa1bye\r\n";
    let ws = read(&later, close).unwrap();
    let received = ws.close_received().unwrap();
    assert_eq!((received.code(), received.reason()), (Some(4001), "bye"));
    assert_eq!(body_of(ws), &close[..]);
}

#[test]
fn a_request_that_names_no_connection_is_refused() {
    refused(
        read(&[], b"OPEN\r\n"),
        WebSocketErrorKind::MissingConnectionId,
    );
    let long = "x".repeat(257);
    for ids in [
        &[("connection-id", "")][..],
        &[("connection-id", "a b")],
        &[("connection-id", &long)],
        &[("connection-id", "a"), ("connection-id", "a")],
    ] {
        let error = read(ids, b"OPEN\r\n").unwrap_err();
        assert_eq!(error.kind(), WebSocketErrorKind::InvalidConnectionId);
        assert!(error.source().unwrap().is::<ConnectionIdError>());
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    }
}

#[test]
fn a_body_that_is_no_list_of_events_is_refused() {
    let id = [("connection-id", "a")];
    for body in [
        &b"TEXT fffffffffffffff0\r\n"[..],
        b"hello",
        b"OPEN\n",
        b"TEXT 2\r\nhi",
        b"OPEN\r\nOPEN\r\n",
        b"TEXT\r\nOPEN\r\n",
    ] {
        let error = read(&id, body).unwrap_err();
        assert_eq!(error.kind(), WebSocketErrorKind::InvalidEvents);
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        assert!(error.is_proxy());
    }
}

#[test]
fn a_body_may_have_1_000_000_bytes_and_not_one_more() {
    let id = [("connection-id", "a")];
    let of_length = |length: usize| {
        let content = Event::binary(vec![b'x'; length - "BINARY f4230\r\n\r\n".len()]);
        encode(&[content])
    };
    assert!(read(&id, &of_length(1_000_000)).is_ok());
    let error = read(&id, &of_length(1_000_001)).unwrap_err();
    assert_eq!(error.kind(), WebSocketErrorKind::RequestTooLarge);
    assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let many = "PING\r\n".repeat(16_385);
    refused(
        read(&id, many.as_bytes()),
        WebSocketErrorKind::RequestTooLarge,
    );
}

#[test]
fn a_connection_that_is_not_accepted_is_refused() {
    let reply = request("OPEN\r\n").into_reply();
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(reply.headers.is_empty() && reply.body.is_empty());

    let mut ws = request("OPEN\r\n");
    ws.refuse(StatusCode::NOT_FOUND, "no\n").unwrap();
    let reply = ws.into_reply();
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(
        header(&reply, "content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(reply.body, "no\n");
}

#[test]
fn what_was_sent_is_taken_back_when_the_connection_is_refused_after_all() {
    let mut ws = accepted();
    ws.send_text("hello").unwrap();
    ws.insert_meta("a", "1").unwrap();
    ws.close().unwrap();
    ws.handshake_headers_mut()
        .insert("location", HeaderValue::from_static("/login"));
    ws.refuse(StatusCode::FOUND, "").unwrap();
    refused(ws.send_text("x"), WebSocketErrorKind::NotAccepted);
    let reply = ws.clone().into_reply();
    assert_eq!(reply.status, StatusCode::FOUND);
    assert_eq!(reply.headers.len(), 1);
    assert_eq!(header(&reply, "location"), Some("/login"));

    ws.accept();
    ws.send_text("x").unwrap();
    assert_eq!(body_of(ws), "OPEN\r\nTEXT 3\r\nm:x\r\n");
}

#[test]
fn only_an_opening_connection_can_be_refused_and_only_with_what_a_proxy_relays() {
    refused(
        request("").refuse(StatusCode::FORBIDDEN, ""),
        WebSocketErrorKind::NotOpening,
    );
    for status in [
        StatusCode::OK,
        StatusCode::NO_CONTENT,
        StatusCode::SWITCHING_PROTOCOLS,
    ] {
        refused(
            request("OPEN\r\n").refuse(status, ""),
            WebSocketErrorKind::InvalidRefusal { status },
        );
    }
    let mut ws = request("OPEN\r\n");
    ws.refuse(StatusCode::FORBIDDEN, vec![b'x'; 100_000])
        .unwrap();
    refused(
        ws.refuse(StatusCode::FORBIDDEN, vec![b'x'; 100_001]),
        WebSocketErrorKind::RefusalTooLarge {
            length: 100_001,
            limit: 100_000,
        },
    );
}

#[test]
fn accepting_twice_or_later_does_nothing() {
    let mut ws = accepted();
    ws.accept();
    assert_eq!(body_of(ws), "OPEN\r\n");
    let mut ws = request("");
    assert!(ws.is_keep_alive());
    ws.accept();
    assert_eq!(body_of(ws), "");
}

#[test]
fn the_extension_is_accepted_with_the_opening_and_with_nothing_else() {
    for offer in ["grip", "permessage-deflate, GRIP ; x=1", ""] {
        let headers = [("connection-id", "a"), ("sec-websocket-extensions", offer)];
        let mut ws = read(&headers, b"OPEN\r\n").unwrap();
        ws.accept();
        ws.send_text("x").unwrap();
        let reply = ws.into_reply();
        assert_eq!(header(&reply, "sec-websocket-extensions"), Some("grip"));
        assert_eq!(reply.body, "OPEN\r\nTEXT 3\r\nm:x\r\n");
    }
    let mut ws = read(&[("connection-id", "a")], b"").unwrap();
    ws.send_text("x").unwrap();
    let reply = ws.into_reply();
    assert_eq!(reply.body, "TEXT 3\r\nm:x\r\n");
    assert!(!reply.headers.contains_key(SEC_WEBSOCKET_EXTENSIONS));
}

#[test]
fn only_a_subprotocol_that_the_client_offered_is_chosen() {
    let headers = [
        ("connection-id", "a"),
        ("sec-websocket-protocol", "p1, p2,,"),
        ("sec-websocket-protocol", "p3"),
    ];
    let mut ws = read(&headers, b"OPEN\r\n").unwrap();
    assert_eq!(
        ws.offered_protocols().collect::<Vec<_>>(),
        ["p1", "p2", "p3"]
    );
    ws.accept();
    assert_eq!(ws.select_protocol(&["P1", "p", "", "p1, p2"]), None);
    assert_eq!(ws.select_protocol(&["p4", "p3", "p1"]), Some("p3"));
    assert_eq!(
        header(&ws.into_reply(), "sec-websocket-protocol"),
        Some("p3")
    );

    let mut ws = read(&headers, b"").unwrap();
    assert_eq!(ws.select_protocol(&["p4", "p3", "p1"]), Some("p3"));
    assert!(!ws.into_reply().headers.contains_key(SEC_WEBSOCKET_PROTOCOL));

    let mut ws = request("OPEN\r\n");
    assert_eq!(ws.select_protocol(&["p1"]), None);
}

#[test]
fn headers_of_the_handshake_cannot_get_in_the_way_of_the_protocol() {
    let mut ws = accepted();
    for name in [
        "set-cookie",
        "content-type",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "set-meta-user",
        "keep-alive-interval",
        "content-bytes-accepted",
    ] {
        ws.handshake_headers_mut()
            .insert(name, HeaderValue::from_static("x"));
    }
    let reply = ws.into_reply();
    assert_eq!(reply.headers.len(), 3);
    assert_eq!(header(&reply, "set-cookie"), Some("x"));
    assert_eq!(
        header(&reply, "content-type"),
        Some("application/websocket-events")
    );
    assert_eq!(header(&reply, "sec-websocket-extensions"), Some("grip"));

    let mut ws = request("");
    ws.handshake_headers_mut()
        .insert("set-cookie", HeaderValue::from_static("x"));
    assert_eq!(ws.into_reply().headers.len(), 1);
}

#[test]
fn messages_come_in_their_order_and_pings_are_answered() {
    let mut ws =
        request("TEXT 1\r\na\r\nPING 3\r\nxyz\r\nBINARY 1\r\nb\r\nPONG 1\r\n!\r\nTEXT\r\nPING\r\n");
    assert_eq!(ws.unread(), 3);
    while let Some(message) = ws.receive().unwrap() {
        ws.send(message).unwrap();
    }
    assert_eq!(ws.unread(), 0);
    assert_eq!(
        body_of(ws),
        "TEXT 3\r\nm:a\r\nBINARY 3\r\nm:b\r\nTEXT 2\r\nm:\r\nPONG 3\r\nxyz\r\nPONG\r\n"
    );
}

#[test]
fn a_handler_that_receives_nothing_still_answers_pings_and_the_close() {
    let ws = request(b"PING 1\r\na\r\nTEXT 1\r\nx\r\nPING 1\r\nb\r\nCLOSE 2\r\n\x03\xe8\r\n");
    assert_eq!(ws.unread(), 1);
    assert_eq!(
        body_of(ws),
        &b"PONG 1\r\na\r\nPONG 1\r\nb\r\nCLOSE 2\r\n\x03\xe8\r\n"[..]
    );
}

#[test]
fn messages_that_come_with_the_opening_wait_for_it_to_be_accepted() {
    let mut ws = request("OPEN\r\nTEXT 2\r\nhi\r\n");
    refused(ws.receive(), WebSocketErrorKind::NotAccepted);
    assert_eq!(
        ws.receive().unwrap_err().to_reply().status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    ws.accept();
    assert_eq!(ws.receive().unwrap(), Some(Message::from("hi")));
}

#[test]
fn all_events_can_be_looked_at_without_receiving_them() {
    let mut ws = request("PONG 1\r\n1\r\nTEXT 2\r\nhi\r\n");
    ws.receive().unwrap();
    let events: Result<Vec<_>, _> = ws.events().collect();
    assert_eq!(events.unwrap(), [Event::pong("1"), Event::text("hi")]);
}

#[test]
fn text_is_checked_when_it_is_asked_for_or_sent() {
    let mut ws = request(b"TEXT 1\r\n\xff\r\n");
    let message = ws.receive().unwrap().unwrap();
    assert_eq!(message.as_bytes(), b"\xff");
    refused(message.to_str(), WebSocketErrorKind::NotUtf8);
    let error = ws.send(message).unwrap_err();
    assert_eq!(error.kind(), WebSocketErrorKind::NotUtf8);
    assert_eq!(error.to_reply().body, &b"CLOSE 2\r\n\x03\xef\r\n"[..]);
    assert_eq!(body_of(ws), "");
}

#[test]
fn json_is_read_and_written() {
    let mut ws = request("TEXT 7\r\n{\"n\":1}\r\nTEXT 1\r\n{\r\n");
    let value: serde_json::Value = ws.receive_json().unwrap().unwrap();
    ws.send_json(&value).unwrap();
    let error = ws.receive_json::<serde_json::Value>().unwrap_err();
    assert_eq!(error.kind(), WebSocketErrorKind::InvalidJson);
    assert!(error.is_client());
    assert_eq!(ws.receive_json::<serde_json::Value>().unwrap(), None);
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    refused(ws.send_json(&unwritable), WebSocketErrorKind::Serialize);
    assert_eq!(body_of(ws), "TEXT 9\r\nm:{\"n\":1}\r\n");
}

#[test]
fn a_close_is_echoed_with_its_code() {
    for (received, answer) in [
        (&b"CLOSE\r\n"[..], &b"CLOSE\r\n"[..]),
        (b"CLOSE 0\r\n\r\n", b"CLOSE\r\n"),
        (b"CLOSE 1\r\n\x03\r\n", b"CLOSE\r\n"),
        (b"CLOSE 2\r\n\x03\xe8\r\n", b"CLOSE 2\r\n\x03\xe8\r\n"),
        (b"CLOSE 5\r\n\x0f\xa1bye\r\n", b"CLOSE 5\r\n\x0f\xa1bye\r\n"),
        (b"CLOSE 2\r\n\0\0\r\n", b"CLOSE\r\n"),
        (b"CLOSE 2\r\n\x03\xed\r\n", b"CLOSE\r\n"),
        (
            b"CLOSE 3\r\n\x03\xe8\xff\r\n",
            b"CLOSE 5\r\n\x03\xe8\xef\xbf\xbd\r\n",
        ),
    ] {
        assert_eq!(body_of(request(received)), answer);
    }
}

#[test]
fn what_is_sent_in_answer_to_a_close_goes_before_it() {
    let mut ws = request(b"TEXT 3\r\nbye\r\nCLOSE 2\r\n\x03\xe8\r\n");
    assert_eq!(ws.receive().unwrap(), Some(Message::from("bye")));
    ws.send_text("so long").unwrap();
    assert_eq!(ws.receive().unwrap(), None);
    assert_eq!(
        body_of(ws),
        &b"TEXT 9\r\nm:so long\r\nCLOSE 2\r\n\x03\xe8\r\n"[..]
    );
}

#[test]
fn the_handler_may_answer_a_close_with_another_code() {
    let mut ws = request(b"CLOSE 2\r\n\x03\xe8\r\n");
    ws.close_with(4001, "because").unwrap();
    assert_eq!(body_of(ws), &b"CLOSE 9\r\n\x0f\xa1because\r\n"[..]);
}

#[test]
fn after_its_own_close_a_handler_can_send_nothing_more() {
    let mut ws = request("PING 1\r\n!\r\nTEXT 4\r\nquit\r\n");
    ws.send_text("bye").unwrap();
    ws.close_with(CloseCode::GOING_AWAY, "").unwrap();
    refused(ws.send_text("x"), WebSocketErrorKind::Closed);
    refused(ws.ping(""), WebSocketErrorKind::Closed);
    refused(ws.subscribe("x"), WebSocketErrorKind::Closed);
    ws.close().unwrap();
    ws.disconnect().unwrap();
    assert!(ws.receive().unwrap().is_some());
    assert_eq!(
        body_of(ws),
        &b"TEXT 5\r\nm:bye\r\nPONG 1\r\n!\r\nCLOSE 2\r\n\x03\xe9\r\n"[..]
    );

    let mut ws = request("");
    ws.close().unwrap();
    assert_eq!(body_of(ws), &b"CLOSE 2\r\n\x03\xe8\r\n"[..]);
}

#[test]
fn close_codes_that_a_client_fails_on_are_refused() {
    for code in [0, 999, 1005, 1006, 1015, 5000, -1] {
        refused(
            accepted().close_with(code, ""),
            WebSocketErrorKind::InvalidCloseCode,
        );
    }
    let mut ws = request("");
    ws.close_with(4999_u16, &"é".repeat(100)).unwrap();
    let body = body_of(ws);
    assert!(body.starts_with(b"CLOSE 7c\r\n\x13\x87"));
    assert_eq!(body.len(), "CLOSE 7c\r\n\r\n".len() + 2 + 122);
}

#[test]
fn a_client_can_be_dropped_without_a_close() {
    let mut ws = request("");
    ws.disconnect().unwrap();
    assert_eq!(body_of(ws), "DISCONNECT\r\n");
}

#[test]
fn a_client_that_has_gone_gets_nothing() {
    let mut ws = request("TEXT 1\r\na\r\nDISCONNECT\r\nTEXT 1\r\nb\r\n");
    assert!(ws.is_disconnected());
    assert_eq!(ws.receive().unwrap(), Some(Message::from("a")));
    assert_eq!(ws.receive().unwrap(), None);
    ws.send_text("x").unwrap();
    ws.close().unwrap();
    assert_eq!(body_of(ws), "");
}

#[test]
fn what_stands_behind_a_close_does_not_count() {
    let mut ws = request(b"CLOSE\r\nTEXT 1\r\na\r\nPING\r\nCLOSE 2\r\n\x03\xe8\r\n");
    assert_eq!(ws.receive().unwrap(), None);
    assert_eq!(ws.close_received().unwrap().code(), None);
    assert_eq!(body_of(ws), "CLOSE\r\n");
}

#[test]
fn nothing_is_sent_before_the_connection_is_accepted() {
    let mut ws = request("OPEN\r\n");
    refused(ws.send("x"), WebSocketErrorKind::NotAccepted);
    refused(ws.send_binary("x"), WebSocketErrorKind::NotAccepted);
    refused(ws.ping("x"), WebSocketErrorKind::NotAccepted);
    refused(ws.subscribe("x"), WebSocketErrorKind::NotAccepted);
    refused(ws.detach(), WebSocketErrorKind::NotAccepted);
    refused(ws.close(), WebSocketErrorKind::NotAccepted);
    refused(ws.disconnect(), WebSocketErrorKind::NotAccepted);
}

#[test]
fn a_text_of_a_user_never_becomes_a_control_message() {
    let mut ws = request("TEXT 11\r\nc:{\"type\":\"detach\"}\r\n".replace("11", "13"));
    let message = ws.receive().unwrap().unwrap();
    ws.send(message).unwrap();
    assert_eq!(body_of(ws), "TEXT 15\r\nm:c:{\"type\":\"detach\"}\r\n");
}

#[test]
fn control_messages_are_written_as_texts() {
    let mut ws = request("");
    let secs = Duration::from_secs;
    let channel = Channel::new("w1").unwrap().with_filter(Filter::SkipSelf);
    ws.subscribe(channel).unwrap();
    ws.unsubscribe("w2").unwrap();
    ws.set_filter_meta("user", "al\"ice").unwrap();
    ws.remove_filter_meta("user").unwrap();
    ws.keep_alive(WsKeepAlive::new(Frame::text("k")).every(secs(30)))
        .unwrap();
    ws.stop_keep_alive().unwrap();
    ws.send_delayed(Frame::ping("p"), secs(2)).unwrap();
    ws.flush_delayed().unwrap();
    ws.send_control(ControlMessage::Session {
        id: Some("s".into()),
    })
    .unwrap();
    ws.detach().unwrap();
    let events = decode(body_of(ws), &Limits::default()).unwrap();
    let contents: Vec<_> = events.iter().map(|event| event.content().clone()).collect();
    assert!(events.iter().all(|event| event.kind() == EventKind::Text));
    assert_eq!(
        contents,
        [
            r#"c:{"type":"subscribe","channel":"w1","filters":["skip-self"]}"#,
            r#"c:{"type":"unsubscribe","channel":"w2"}"#,
            r#"c:{"type":"set-meta","name":"user","value":"al\"ice"}"#,
            r#"c:{"type":"set-meta","name":"user"}"#,
            r#"c:{"type":"keep-alive","content":"k","message-type":"text","timeout":30,"mode":"interval"}"#,
            r#"c:{"type":"keep-alive"}"#,
            r#"c:{"type":"send-delayed","content":"p","message-type":"ping","timeout":2}"#,
            r#"c:{"type":"flush-delayed"}"#,
            r#"c:{"type":"session","id":"s"}"#,
            r#"c:{"type":"detach"}"#,
        ]
    );
}

#[test]
fn a_prefix_is_put_before_the_names_of_channels() {
    let mut headers = HeaderMap::new();
    headers.insert("connection-id", HeaderValue::from_static("a"));
    let limits = Limits::default();
    let mut ws = WebSocketContext::from_request(&headers, Bytes::new(), "app-", &limits).unwrap();
    ws.subscribe("a").unwrap();
    let channel = Channel::new("b").unwrap();
    ws.send_control(ControlMessage::Unsubscribe { channel })
        .unwrap();
    ws.set_filter_meta("a", "b").unwrap();
    let too_long = "x".repeat(1024);
    refused(ws.subscribe(too_long), WebSocketErrorKind::InvalidChannel);
    let body = String::from_utf8(body_of(ws).to_vec()).unwrap();
    let channels: Vec<_> = body.matches("app-").collect();
    assert_eq!(channels.len(), 2);
    assert!(body.contains(r#""subscribe","channel":"app-a""#));
    assert!(body.contains(r#""unsubscribe","channel":"app-b""#));
}

#[test]
fn one_answer_subscribes_to_20_channels() {
    let mut ws = request("");
    for n in 0..20 {
        ws.subscribe(format!("c{n}")).unwrap();
    }
    ws.subscribe("c0").unwrap();
    refused(
        ws.subscribe("c20"),
        WebSocketErrorKind::TooManyChannels { limit: 20 },
    );
    ws.unsubscribe("c0").unwrap();
    ws.subscribe("c20").unwrap();
}

#[test]
fn an_instruction_that_a_proxy_would_drop_is_refused_and_says_why() {
    let mut ws = request("");
    let source = |error: WebSocketError| error.source().unwrap().to_string();
    let error = ws.subscribe("a\nb").unwrap_err();
    assert_eq!(error.kind(), WebSocketErrorKind::InvalidChannel);
    assert_eq!(
        error.source().unwrap().downcast_ref::<ChannelError>(),
        Some(&ChannelError::ControlCharacter { position: 1 })
    );
    let error = ws.set_filter_meta("a", "x".repeat(20_000)).unwrap_err();
    assert_eq!(error.kind(), WebSocketErrorKind::InvalidControl);
    assert!(source(error).contains("16384"));
    refused(
        ws.ping([0; 126]),
        WebSocketErrorKind::PingTooLarge {
            length: 126,
            limit: 125,
        },
    );
    ws.ping([0; 125]).unwrap();
    refused(ws.insert_meta("a b", "x"), WebSocketErrorKind::InvalidMeta);
}

#[test]
fn an_answer_stays_within_its_limit_and_keeps_room_for_pongs_and_a_close() {
    let ping = format!("PING 7d\r\n{}\r\n", "p".repeat(125));
    let mut ws = request(ping.repeat(1_000));
    let chunk = "x".repeat(1_000);
    while ws.send_text(&chunk).is_ok() {}
    refused(
        ws.send_text(&chunk),
        WebSocketErrorKind::ReplyTooLarge {
            length: ws.out.len() + 1_014 + 136_000 + 137,
            limit: 1_000_000,
        },
    );
    ws.close_with(4000, &"r".repeat(123)).unwrap();
    let body = body_of(ws);
    assert!(
        body.len() <= 1_000_000 && body.len() > 990_000,
        "{}",
        body.len()
    );
    let limits = Limits::default();
    let events = decode(body, &limits).unwrap();
    let pongs = events
        .iter()
        .filter(|event| event.kind() == EventKind::Pong);
    assert_eq!(pongs.count(), 1_000);
    assert_eq!(events.last().unwrap().kind(), EventKind::Close);
}

#[test]
fn meta_is_changed_by_what_is_different_only() {
    let headers = [
        ("connection-id", "a"),
        ("meta-count", "6"),
        ("meta-user", "anna"),
        ("meta-old", "x"),
    ];
    let mut ws = read(&headers, b"").unwrap();
    let count: u32 = ws.meta("Count").unwrap().parse().unwrap();
    ws.insert_meta("count", &(count + 1).to_string()).unwrap();
    ws.insert_meta("user", "anna").unwrap();
    ws.remove_meta("old").unwrap();
    assert_eq!(ws.meta_items().count(), 2);
    let reply = ws.into_reply();
    assert_eq!(reply.headers.len(), 3);
    assert_eq!(header(&reply, "set-meta-count"), Some("7"));
    assert_eq!(header(&reply, "set-meta-old"), Some(""));
}

#[test]
fn an_interval_that_a_proxy_would_change_is_refused() {
    let mut ws = request("");
    let minimum = 20;
    for interval in [
        Duration::from_secs(19),
        Duration::from_millis(20_500),
        Duration::from_millis(1),
        Duration::from_secs(1 << 31),
    ] {
        refused(
            ws.keep_alive_interval(interval),
            WebSocketErrorKind::InvalidKeepAliveInterval { minimum },
        );
    }
    let mut interval_of = |seconds| {
        ws.keep_alive_interval(Duration::from_secs(seconds))
            .unwrap();
        header(&ws.clone().into_reply(), "keep-alive-interval")
            .unwrap()
            .to_owned()
    };
    assert_eq!(interval_of(20), "20");
    assert_eq!(interval_of(0), "0");

    ws.short_keep_alive_interval(Duration::from_secs(1))
        .unwrap();
    let half = Duration::from_millis(500);
    assert!(ws.short_keep_alive_interval(half).is_err());
    assert_eq!(header(&ws.into_reply(), "keep-alive-interval"), Some("1"));
}

#[test]
fn a_part_of_the_content_is_accepted() {
    let mut ws =
        request("TEXT 3\r\nabc\r\nPING 1\r\n1\r\nTEXT 3\r\ndef\r\nPING 1\r\n2\r\nCLOSE\r\n");
    assert_eq!(ws.offered_bytes(), 8);
    ws.receive().unwrap();
    assert_eq!(ws.received_bytes(), 3);
    ws.accept_bytes(5).unwrap();
    let reply = ws.clone().into_reply();
    assert_eq!(header(&reply, "content-bytes-accepted"), Some("5"));
    // The second ping and the close come again, and are answered then.
    assert_eq!(reply.body, "PONG 1\r\n1\r\n");

    while ws.receive().unwrap().is_some() {}
    assert_eq!(ws.received_bytes(), 8);
    ws.accept_bytes(ws.received_bytes()).unwrap();
    assert_eq!(body_of(ws), "PONG 1\r\n1\r\nPONG 1\r\n2\r\nCLOSE\r\n");
}

#[test]
fn numbers_of_bytes_that_a_proxy_fails_on_are_refused() {
    let mut ws = request(b"TEXT 3\r\nabc\r\nCLOSE 2\r\n\x03\xe8\r\n");
    for accepted in [3, 4, 6, usize::MAX] {
        refused(
            ws.accept_bytes(accepted),
            WebSocketErrorKind::InvalidAcceptedBytes {
                accepted,
                offered: 5,
            },
        );
    }
    for accepted in [0, 2, 5] {
        ws.accept_bytes(accepted).unwrap();
    }
    refused(
        accepted().accept_bytes(0),
        WebSocketErrorKind::InvalidAcceptedBytes {
            accepted: 0,
            offered: 0,
        },
    );
}

#[test]
fn bytes_that_were_offered_before_are_known() {
    let replayed = |count| {
        let headers = [("connection-id", "a"), ("content-bytes-replayed", count)];
        read(&headers, b"TEXT 2\r\nef\r\nTEXT 1\r\ng\r\n")
    };
    assert_eq!(replayed("2").unwrap().replayed_bytes(), 2);
    assert_eq!(request("").replayed_bytes(), 0);
    for count in ["", "-1", "+1", "4", "x", "99999999999999999999"] {
        refused(replayed(count), WebSocketErrorKind::InvalidReplayedBytes);
    }
}

#[test]
fn debug_shows_no_content_and_no_values_of_meta() {
    let headers = [("connection-id", "c1"), ("meta-token", "hunter2")];
    let mut ws = read(&headers, b"TEXT 6\r\nsecret\r\n").unwrap();
    ws.send_text("private").unwrap();
    ws.insert_meta("other", "hunter3").unwrap();
    let debug = format!("{ws:?}");
    for hidden in ["secret", "private", "hunter"] {
        assert!(!debug.contains(hidden), "{debug}");
    }
    assert!(debug.contains("c1") && debug.contains("token"), "{debug}");
}

#[test]
fn a_context_can_go_wherever_a_handler_runs() {
    fn check<T: Send + Sync + 'static>() {}
    check::<WebSocketContext>();
    check::<WebSocketError>();
}

#[derive(Clone, Debug)]
enum Operation {
    Accept,
    Receive,
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Close(u16, String),
    Disconnect,
    Subscribe(String),
    Meta(String, String),
    AcceptBytes(usize),
    Refuse(u16),
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        Just(Operation::Accept),
        Just(Operation::Receive),
        ".{0,20}".prop_map(Operation::Text),
        vec(any::<u8>(), 0..20).prop_map(Operation::Binary),
        vec(any::<u8>(), 0..140).prop_map(Operation::Ping),
        (990_u16..1020, ".{0,60}").prop_map(|(code, reason)| Operation::Close(code, reason)),
        Just(Operation::Disconnect),
        ".{0,9}".prop_map(Operation::Subscribe),
        ("[a-c ]", "[x-z ]{0,3}").prop_map(|(name, value)| Operation::Meta(name, value)),
        (0_usize..20).prop_map(Operation::AcceptBytes),
        (100_u16..600).prop_map(Operation::Refuse),
    ]
}

fn perform(ws: &mut WebSocketContext, operation: Operation) -> Result<(), WebSocketError> {
    match operation {
        Operation::Accept => ws.accept(),
        Operation::Receive => {
            if let Some(message) = ws.receive()? {
                ws.send(message)?;
            }
        }
        Operation::Text(text) => ws.send_text(text)?,
        Operation::Binary(content) => ws.send_binary(content)?,
        Operation::Ping(content) => ws.ping(content)?,
        Operation::Close(code, reason) => ws.close_with(code, &reason)?,
        Operation::Disconnect => ws.disconnect()?,
        Operation::Subscribe(name) => ws.subscribe(name)?,
        Operation::Meta(name, value) => ws.insert_meta(&name, &value)?,
        Operation::AcceptBytes(count) => ws.accept_bytes(count)?,
        Operation::Refuse(status) => ws.refuse(StatusCode::from_u16(status).unwrap(), "no")?,
    }
    Ok(())
}

fn any_request() -> impl Strategy<Value = Bytes> {
    let content = vec(any::<u8>(), 0..8);
    let event = prop_oneof![
        "[a-z]{0,8}".prop_map(Event::text),
        content.clone().prop_map(Event::binary),
        content.clone().prop_map(Event::ping),
        content.prop_map(Event::pong),
        Just(Event::close(&Close::new(CloseCode::NORMAL))),
        Just(Event::disconnect()),
    ];
    (any::<bool>(), vec(event, 0..6)).prop_map(|(opening, events)| {
        let open = opening.then(Event::open);
        encode(&open.into_iter().chain(events).collect::<Vec<_>>())
    })
}

proptest! {
    #[test]
    fn whatever_a_handler_does_a_proxy_understands_the_answer(
        request_body in any_request(),
        operations in vec(any_operation(), 0..12),
    ) {
        let mut ws = request(&request_body);
        for operation in operations {
            let _ = perform(&mut ws, operation);
        }
        let opening = ws.is_opening();
        let expects_close = ws.close_received().is_some()
            && ws.is_accepted() && !ws.is_disconnected() && ws.accepted_bytes.is_none();
        let reply = ws.into_reply();
        if reply.status != StatusCode::OK {
            prop_assert!(opening && reply.status.as_u16() >= 300);
            return Ok(());
        }
        let events = decode(reply.body, &Limits::default()).unwrap();
        let kinds: Vec<_> = events.iter().map(Event::kind).collect();
        let is_end = |kind: &EventKind| matches!(kind, EventKind::Close | EventKind::Disconnect);
        let ends = kinds.iter().filter(|kind| is_end(kind)).count();
        prop_assert!(ends <= 1);
        prop_assert!(ends == 0 || kinds.last().is_some_and(is_end));
        prop_assert!(!expects_close || ends == 1);
        let opens = kinds.iter().filter(|kind| **kind == EventKind::Open).count();
        prop_assert_eq!(opens, usize::from(kinds.first() == Some(&EventKind::Open)));
        prop_assert!(opening || opens == 0);
        for event in &events {
            let content = event.content();
            if matches!(event.kind(), EventKind::Text | EventKind::Binary) {
                let is_control = event.kind() == EventKind::Text && content.starts_with(b"c:");
                prop_assert!(content.starts_with(b"m:") || is_control);
            }
            if event.kind() == EventKind::Text {
                prop_assert!(std::str::from_utf8(content).is_ok());
            }
            if let Some(Some(code)) = event.to_close().map(|close| close.code()) {
                prop_assert!(CloseCode::new(code).is_ok());
            }
        }
    }

    #[test]
    fn no_body_makes_a_context_panic(body in vec(any::<u8>(), 0..100)) {
        let _ = read(&[("connection-id", "a")], &body);
    }
}
