use gripware_core::ws::Event;
use http::{Request, response::Builder};

use super::*;
use crate::ws::EventsRequest;

const TYPE: (&str, &str) = ("content-type", "application/websocket-events");

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
    let response = Response::builder().status(status);
    let add = |response: Builder, (name, value): &(&str, &str)| response.header(*name, *value);
    let response = headers.iter().fold(response, add);
    response.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn judged(status: u16, headers: &[(&str, &str)], body: &'static str) -> Opening {
    let mut client = HeaderMap::new();
    client.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("p1, p2"));
    let settings = WsSettings::default();
    judge(
        answer(status, headers, body),
        &client,
        ConnectionMeta::default(),
        &settings,
    )
}

fn accepted(headers: &[(&str, &str)], body: &'static str) -> Accepted {
    match judged(200, headers, body) {
        Opening::Accepted(accepted) => *accepted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_client_gets_the_origins_headers_and_subprotocol_on_its_101() {
    let headers = [
        TYPE,
        ("content-length", "6"),
        ("keep-alive-interval", "30"),
        ("set-meta-user", "anna"),
        ("grip-hold", "stream"),
        ("sec-websocket-extensions", "grip"),
        ("sec-websocket-accept", "forged"),
        ("sec-websocket-protocol", "p2"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ];
    let accepted = accepted(&headers, "OPEN\r\n");
    assert_eq!(accepted.headers.len(), 3);
    assert_eq!(accepted.headers["sec-websocket-protocol"], "p2");
    assert_eq!(accepted.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!((accepted.mode, accepted.poll), (MessageMode::Grip, 30));
    let mut meta = HeaderMap::new();
    accepted.meta.write(&mut meta);
    assert_eq!(meta["meta-user"], "anna");
}

#[test]
fn the_content_type_may_have_parameters_and_any_case() {
    for content_type in [
        "application/websocket-events; charset=utf-8",
        "Application/WebSocket-Events",
    ] {
        let accepted = accepted(&[("content-type", content_type)], "OPEN\r\n");
        assert_eq!(accepted.mode, MessageMode::Plain);
    }
}

#[test]
fn any_other_answer_is_relayed_without_what_is_for_the_proxy() {
    for (status, content_type) in [
        (403, "text/plain"),
        (204, TYPE.1),
        (200, "text/html"),
        (200, "application/websocket-eventsx"),
    ] {
        let headers = [
            ("content-type", content_type),
            ("grip-hold", "stream"),
            ("x-a", "1"),
        ];
        let Opening::Refused(response) = judged(status, &headers, "no") else {
            panic!("{status} {content_type}");
        };
        assert_eq!(
            (response.status().as_u16(), response.body()),
            (status, &"no".into())
        );
        assert_eq!(response.headers().len(), 2);
    }
}

#[test]
fn an_empty_answer_with_an_interval_asks_to_be_asked_again() {
    for (interval, seconds) in [("1", 20), ("45", 45)] {
        let headers = [TYPE, ("keep-alive-interval", interval), ("set-meta-n", "1")];
        let Opening::Again { after, meta } = judged(200, &headers, "") else {
            panic!("{interval}");
        };
        assert_eq!(after, Duration::from_secs(seconds));
        let mut request = Request::default();
        EventsRequest::of(Event::open(), &meta).apply(&mut request);
        assert_eq!(
            (request.headers()["meta-n"].as_bytes(), &request.body()[..]),
            (&b"1"[..], &b"OPEN\r\n"[..])
        );
    }
    for interval in ["0", "-5", "soon"] {
        let opening = judged(200, &[TYPE, ("keep-alive-interval", interval)], "");
        assert!(matches!(opening, Opening::Invalid(_)), "{interval}");
    }
}

#[test]
fn what_does_not_open_with_open_is_no_answer() {
    for body in [
        "",
        "TEXT 1\r\na\r\n",
        "DISCONNECT\r\n",
        "OPEN",
        "OPEN\r\nTEXT 9\r\na\r\n",
        "OPEN\n",
    ] {
        assert!(
            matches!(judged(200, &[TYPE], body), Opening::Invalid(_)),
            "{body:?}"
        );
    }
    assert!(matches!(judged(101, &[], ""), Opening::Invalid(_)));
}

#[test]
fn what_is_wrong_with_an_answer_is_said_with_its_place() {
    // Whoever writes a length in decimal is told how it is read.
    let body = "OPEN\r\nTEXT 39\r\nc:{\"type\":\"subscribe\",\"channel\":\"news\"}\r\n";
    let Opening::Invalid(why) = judged(200, &[TYPE], body) else {
        panic!("it is longer than its event");
    };
    assert_eq!(
        why,
        "the body is not a list of events: the body ends inside an event, whose length is \
         hexadecimal, at byte 56"
    );
}

#[test]
fn the_subprotocol_is_one_of_the_clients_or_none() {
    for protocols in [
        &["p3"][..],
        &["P1"],
        &["p1", "p2"],
        &["p1, p2"],
        &["p1", ""],
    ] {
        let protocols = protocols
            .iter()
            .map(|value| ("sec-websocket-protocol", *value));
        let headers: Vec<_> = std::iter::once(TYPE).chain(protocols).collect();
        let opening = judged(200, &headers, "OPEN\r\n");
        assert!(matches!(opening, Opening::Invalid(_)), "{headers:?}");
    }
    assert_eq!(accepted(&[TYPE], "OPEN\r\n").headers.len(), 0);
}

#[test]
fn an_empty_subprotocol_is_none() {
    let empty = ("sec-websocket-protocol", "");
    for headers in [&[TYPE, empty][..], &[TYPE, empty, empty]] {
        assert_eq!(accepted(headers, "OPEN\r\n").headers.len(), 0);
        let opening = judge(
            answer(200, headers, "OPEN\r\n"),
            &HeaderMap::new(),
            ConnectionMeta::default(),
            &WsSettings::default(),
        );
        assert!(matches!(opening, Opening::Accepted(_)), "{opening:?}");
    }
}

#[test]
fn a_refusal_has_a_bounded_body() {
    let settings = WsSettings::default();
    for (length, is_refused) in [(100_000, true), (100_001, false)] {
        let mut response = answer(403, &[], "");
        *response.body_mut() = vec![b'x'; length].into();
        let opening = judge(
            response,
            &HeaderMap::new(),
            ConnectionMeta::default(),
            &settings,
        );
        assert_eq!(
            matches!(opening, Opening::Refused(_)),
            is_refused,
            "{length}"
        );
    }
}
