//! What the proxy makes of WebSockets.

mod origin;

use bytes::Bytes;
use gripware_core::{
    Item, WsMessage,
    ws::{Event, Frame},
};
use gripware_publish::Publisher;
use gripware_test::{Proxy, WebSocket};
use http::{Request, Response};
use origin::{Seen, answer, async_failure, events, failure, proxy};

/// An event whose content is a control message.
fn control(json: &str) -> String {
    text(&format!("c:{json}"))
}

fn text(content: &str) -> String {
    format!("TEXT {:x}\r\n{content}\r\n", content.len())
}

/// A WebSocket whose origin answers the opening with these events, and everything else with what
/// `then` makes of it.
async fn open(
    first: String,
    then: impl Fn(&Request<Bytes>) -> Response<Bytes> + 'static,
) -> (WebSocket, Publisher, Seen) {
    let (proxy, publisher, seen) = proxy(move |request, before| match before {
        0 => events(format!("OPEN\r\n{first}")),
        _ => then(request),
    });
    let socket = proxy
        .get("/ws")
        .header("cookie", "k=v")
        .protocols("p1")
        .open()
        .await;
    (socket.accepted(), publisher, seen)
}

async fn failing(then: impl Fn(&Request<Bytes>) -> Response<Bytes> + 'static) -> String {
    let (mut ws, ..) = open(String::new(), then).await;
    async_failure(ws.text("hi")).await
}

#[tokio::test]
async fn a_request_is_the_one_that_a_proxy_sends() {
    let (mut ws, _, seen) = open(String::new(), |_| events("")).await;
    ws.send([Event::text("a"), Event::binary(&b"\0"[..])]).await;
    assert_eq!(
        seen.bodies(),
        [r"OPEN\r\n", r"TEXT 1\r\na\r\nBINARY 1\r\n\x00\r\n"]
    );
    for (header, value) in [
        ("content-type", "application/websocket-events"),
        ("accept", "application/websocket-events"),
        ("connection-id", ws.connection_id().as_str()),
        ("sec-websocket-extensions", "grip"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "p1"),
        ("cookie", "k=v"),
    ] {
        assert_eq!(
            seen.with(header),
            [format!("/ws {value}"), format!("/ws {value}")]
        );
    }
}

#[tokio::test]
async fn messages_for_the_client_and_for_the_proxy_are_told_apart() {
    let first = [
        text("m:hello"),
        control(r#"{"type":"subscribe","channel":"a","filters":["skip-self"]}"#),
        control(r#"{"type":"set-meta","name":"user","value":"anna"}"#),
        "BINARY 3\r\nm:\0\r\n".to_owned(),
        "PING 1\r\n?\r\n".to_owned(),
    ];
    let (mut ws, publisher, _) = open(first.concat(), |_| events("")).await;
    ws.expect_text("hello");
    ws.expect_binary(&b"\0"[..]);
    ws.expect(&Frame::ping("?"));
    assert!(ws.is_subscribed("a"));
    assert_eq!(ws.filter_meta("user").as_deref(), Some("anna"));
    assert_eq!(ws.controls().len(), 2);

    publisher.publish("a", WsMessage::text("hi")).await.unwrap();
    ws.expect_text("hi");
    let own = Item::from(WsMessage::text("hi")).sender("anna");
    publisher.publish("a", own).await.unwrap();
    ws.expect_nothing();
}

#[tokio::test]
async fn without_grip_everything_is_for_the_client() {
    let (proxy, ..) = proxy(|_, _| {
        answer(
            [("content-type", "application/websocket-events")],
            "OPEN\r\nTEXT 3\r\nc:{\r\n",
        )
    });
    proxy.open("/").await.accepted().expect_text("c:{");
}

#[tokio::test]
async fn another_message_prefix_is_taken_off() {
    let (proxy, ..) = proxy(|_, _| {
        let headers = [
            ("content-type", "application/websocket-events"),
            ("sec-websocket-extensions", "grip; message-prefix=\">>\""),
        ];
        answer(headers, "OPEN\r\nTEXT 3\r\n>>q\r\n")
    });
    proxy.open("/").await.accepted().expect_text("q");
}

#[tokio::test]
async fn meta_comes_back_with_each_request_until_it_is_deleted() {
    let (mut ws, _, seen) = open(String::new(), |request| {
        let count = request
            .headers()
            .get("meta-count")
            .map(|count| count.to_str().unwrap());
        let next = match count {
            None => "1",
            Some("1") => "2",
            Some(_) => "",
        };
        let headers = [
            ("content-type", "application/websocket-events"),
            ("set-meta-count", next),
        ];
        answer(headers, "")
    })
    .await;
    ws.text("").await;
    assert_eq!(ws.meta("Count").as_deref(), Some("1"));
    ws.text("").await;
    ws.text("").await;
    assert_eq!(ws.meta("count"), None);
    ws.text("").await;
    assert_eq!(
        seen.with("meta-count"),
        ["/ws ", "/ws ", "/ws 1", "/ws 2", "/ws "]
    );
}

#[tokio::test]
async fn a_refusal_is_passed_on() {
    let (proxy, ..) = proxy(|_, _| Response::builder().status(403).body("no\n".into()).unwrap());
    let opening = proxy.open("/").await;
    opening.answer().assert_status(403);
    opening.refused().assert_text("no\n");

    let message = async_failure(async { proxy.open("/").await.accepted() }).await;
    assert!(message.starts_with("the WebSocket was refused with 403 Forbidden\n\n> POST /"));
}

#[tokio::test]
async fn what_no_proxy_could_obey_fails_with_the_transcript() {
    let charset = |_: &_| {
        answer(
            [(
                "content-type",
                "application/websocket-events; charset=utf-8",
            )],
            "",
        )
    };
    let messages = [
        (
            "a proxy would drop the client: the answer is 200 OK with",
            failing(charset).await,
        ),
        (
            "a proxy would drop the client: the answer is 204",
            failing(|_| Response::builder().status(204).body(Bytes::new()).unwrap()).await,
        ),
        (
            "a proxy would drop the client: ",
            failing(|_| events("TEXT 5\r\nhi")).await,
        ),
        (
            "a proxy would ignore Event { kind: Text",
            failing(|_| events(control("{}"))).await,
        ),
        (
            "a proxy would drop Event { kind: Text",
            failing(|_| events(text("hi"))).await,
        ),
        (
            "a client would fail: ",
            failing(|_| events(&b"TEXT 3\r\nm:\xff\r\n"[..])).await,
        ),
        (
            "a proxy would ignore Event { kind: Open",
            failing(|_| events("OPEN\r\n")).await,
        ),
    ];
    for (what, message) in messages {
        assert!(message.starts_with(what), "{message}");
        assert!(message.contains("\n\n> POST /ws\n"), "{message}");
        assert!(message.contains("\n>   TEXT 2\n>   hi\n< 20"), "{message}");
    }

    let (proxy, ..) = proxy(|_, _| events("TEXT 3\r\nm:a\r\n"));
    let message = async_failure(proxy.open("/")).await;
    assert!(
        message.starts_with("a proxy would answer 502: the first event"),
        "{message}"
    );
}

#[tokio::test]
async fn a_close_has_to_be_answered() {
    let (mut ws, ..) = open(String::new(), |_| events("")).await;
    let message = async_failure(ws.close(1000, "")).await;
    assert!(
        message.starts_with("a proxy would drop the client: its close"),
        "{message}"
    );

    let echo = |request: &Request<Bytes>| events(request.body().clone());
    let (mut ws, _, seen) = open(String::new(), echo).await;
    ws.close(4001, "bye").await;
    ws.expect_close(4001, "bye");
    assert_eq!(seen.count(), 2);
    let message = async_failure(ws.text("hi")).await;
    assert!(
        message.starts_with("the WebSocket is no longer open\n\n> POST /ws"),
        "{message}"
    );
}

#[tokio::test]
async fn the_clients_answer_to_a_close_is_told() {
    let subscribe = control(r#"{"type":"subscribe","channel":"a"}"#);
    let reply = |request: &Request<Bytes>| match request.body().starts_with(b"TEXT") {
        true => events("TEXT 5\r\nm:bye\r\nCLOSE\r\nTEXT 5\r\nm:not\r\n"),
        false => events(request.body().clone()),
    };
    let (mut ws, publisher, seen) = open(subscribe.clone(), reply).await;
    ws.text("").await;
    ws.expect_text("bye");
    ws.expect_close(1000, "");
    assert_eq!(seen.bodies()[2], r"CLOSE 2\r\n\x03\xe8\r\n");
    publisher
        .publish("a", WsMessage::text("late"))
        .await
        .unwrap();
    assert_eq!(ws.receive(), None);

    let (ws, publisher, seen) = open(subscribe, reply).await;
    publisher
        .publish("a", WsMessage::close(4002, "over"))
        .await
        .unwrap();
    let mut ws = ws;
    ws.expect_close(4002, "over");
    let message = failure(|| ws.expect_nothing());
    assert!(
        message.starts_with("the WebSocket was closed: "),
        "{message}"
    );
    assert_eq!(seen.count(), 1, "the test has not settled it");
}

#[tokio::test]
async fn a_lost_client_is_told_whatever_the_answer() {
    let lost = |_: &_| Response::builder().status(500).body(Bytes::new()).unwrap();
    let (mut ws, _, seen) = open(String::new(), lost).await;
    ws.disconnect().await;
    assert!(!ws.is_open());
    assert_eq!(seen.bodies()[1], r"DISCONNECT\r\n");
}

#[tokio::test]
async fn a_detached_client_is_not_listened_to() {
    let first = control(r#"{"type":"subscribe","channel":"a"}"#) + &control(r#"{"type":"detach"}"#);
    let (mut ws, publisher, seen) = open(first, |_| events("CLOSE\r\n")).await;
    assert!(ws.is_detached());
    ws.text("hi").await;
    publisher
        .publish("a", WsMessage::text("news"))
        .await
        .unwrap();
    ws.expect_text("news");
    ws.close(4001, "bye").await;
    assert_eq!(seen.bodies(), [r"OPEN\r\n", r"CLOSE\r\n"]);
}

#[tokio::test]
async fn a_refresh_polls_the_origin() {
    let subscribe = control(r#"{"type":"subscribe","channel":"a"}"#);
    let (proxy, publisher, seen) = proxy(move |request, _| match request.body().is_empty() {
        true => events("TEXT 4\r\nm:hi\r\n"),
        false => events(format!("OPEN\r\n{subscribe}")),
    });
    let mut ws = proxy.open("/").await.accepted();
    publisher.publish("a", WsMessage::refresh()).await.unwrap();
    proxy.settle().await;
    ws.poll().await;
    assert_eq!(ws.texts(), ["hi", "hi"]);
    assert_eq!(seen.bodies(), [r"OPEN\r\n", "", ""]);
}

#[tokio::test]
async fn times_run_out_where_a_test_says_so() {
    let first = [
        control(r#"{"type":"keep-alive","content":"still here","message-type":"text"}"#),
        control(r#"{"type":"send-delayed","content":"later","message-type":"text"}"#),
    ];
    let second = control(r#"{"type":"send-delayed","content":"latest","message-type":"text"}"#);
    let (mut ws, ..) = open(first.concat(), move |_| events(second.clone())).await;
    ws.expect_nothing();
    ws.fire_keep_alive();
    ws.expect_text("still here");
    ws.text("").await;
    ws.expect_text("later");
    ws.fire_delayed();
    ws.expect_text("latest");
    let message = failure(|| ws.fire_delayed());
    assert!(message.starts_with("the proxy was not asked to send something later"));
}

#[tokio::test]
async fn what_the_origin_did_not_accept_is_offered_again() {
    let (mut ws, _, seen) = open(String::new(), |request| {
        let accepted = if request.body().starts_with(b"TEXT 3") {
            "4"
        } else {
            "3"
        };
        let headers = [
            ("content-type", "application/websocket-events"),
            ("content-bytes-accepted", accepted),
        ];
        answer(headers, "")
    })
    .await;
    ws.send([Event::text("abc"), Event::text("def")]).await;
    ws.text("g").await;
    assert_eq!(seen.bodies()[2], r"TEXT 2\r\nef\r\nTEXT 1\r\ng\r\n");
    assert_eq!(seen.with("content-bytes-replayed")[2], "/ws 2");
}

#[tokio::test]
async fn a_client_that_is_dropped_is_no_longer_there() {
    let subscribe = control(r#"{"type":"subscribe","channel":"a"}"#);
    let (proxy, publisher, _) = proxy(move |_, _| events(format!("OPEN\r\n{subscribe}")));
    let ws = proxy.open("/").await.accepted();
    drop(ws);
    publisher.publish("a", WsMessage::refresh()).await.unwrap();
    proxy.settle().await;
    let _: Proxy = proxy;
}

#[tokio::test]
async fn what_the_client_got_is_asserted_with_the_transcript() {
    let (mut ws, ..) = open(text("m:hi"), |_| events("")).await;
    let message = failure(|| ws.expect_text("ho"));
    let what = "the client got Frame { kind: Text, content: \"hi\" }, and not Frame";
    assert!(message.starts_with(what), "{message}");
    assert!(message.contains("\n\n> POST /ws\n"), "{message}");
    assert!(message.ends_with("\n<   TEXT 4\n<   m:hi\n"), "{message}");
    let message = failure(|| ws.expect_text("ho"));
    assert!(
        message.starts_with("the client got nothing, and not Frame"),
        "{message}"
    );
}
