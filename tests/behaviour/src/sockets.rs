//! WebSockets over HTTP.

use bytes::Bytes;
use gripware_core::{
    Item, WsMessage,
    ws::{AllowedOrigins, ControlMessage, Event, Frame},
};
use gripware_publish::Grip;
use gripware_test::{Answer, Proxy, Request};
use serde_json::{Value, json};

use crate::Server;

/// Events in a request that no proxy would send, or not so.
fn events(proxy: &Proxy, path: &str, body: impl Into<Bytes>) -> Request {
    let request = proxy.post(path).body(body);
    request.header("content-type", "application/websocket-events")
}

pub async fn echo_sends_back_what_it_gets(server: &Server) {
    let proxy = server.start().await;
    let opening = proxy.open("/ws/echo").await;
    let answer = opening.answer();
    answer.assert_header("content-type", "application/websocket-events");
    answer
        .assert_header("sec-websocket-extensions", "grip")
        .assert_text("OPEN\r\n");
    let mut ws = opening.accepted();

    ws.text("h\u{e9}llo").await;
    ws.expect_text("h\u{e9}llo");
    ws.binary(&b"\0\xff\r\n"[..]).await;
    ws.expect_binary(&b"\0\xff\r\n"[..]);
    ws.send([
        Event::text(""),
        Event::binary(&b"b"[..]),
        Event::text("c:{\"type\":\"detach\"}"),
    ])
    .await;
    ws.expect_text("");
    ws.expect_binary(&b"b"[..]);
    ws.expect_text("c:{\"type\":\"detach\"}");
    ws.expect_nothing();
    assert!(!ws.is_detached());
}

pub async fn a_ping_is_answered_with_its_content(server: &Server) {
    let proxy = server.start().await;
    for path in [
        "/ws/echo",
        "/ws/counter",
        "/ws/log",
        "/ws/room?channel=a&user=u",
    ] {
        let mut ws = proxy.open(path).await.accepted();
        ws.send([Event::ping("1"), Event::pong("x"), Event::ping("")])
            .await;
        ws.expect_pong("1");
        ws.expect_pong("");
        ws.expect_nothing();
    }
}

pub async fn a_close_is_answered_with_its_code(server: &Server) {
    let proxy = server.start().await;
    for (code, reason) in [(1000, ""), (1001, "away"), (4001, "b\u{fd}e")] {
        let mut ws = proxy.open("/ws/echo").await.accepted();
        ws.close(code, reason).await;
        ws.expect_close(code, reason);
    }
    // What must not be sent is not sent back.
    for code in [0, 1005, 1006, 2999, 5000] {
        let mut ws = proxy.open("/ws/echo").await.accepted();
        ws.close(code, "").await;
        assert_eq!(ws.closed().unwrap().code(), None);
    }
    let mut ws = proxy.open("/ws/echo").await.accepted();
    ws.close_without_code().await;
    assert_eq!(ws.closed().unwrap().code(), None);

    let mut ws = proxy.open("/ws/echo").await.accepted();
    let bye = gripware_core::ws::Close::without_code();
    ws.send([Event::text("last words"), Event::close(&bye)])
        .await;
    ws.expect_text("last words");
}

pub async fn a_lost_client_needs_no_answer(server: &Server) {
    let proxy = server.start().await;
    for path in ["/ws/echo", "/ws/counter", "/ws/log"] {
        let mut ws = proxy.open(path).await.accepted();
        ws.disconnect().await;
        assert!(!ws.is_open());
        let transcript = ws.transcript();
        let (_, last) = transcript.rsplit_once("DISCONNECT\n").unwrap();
        assert!(last.starts_with("< 200 OK\n< content-type: application/websocket-events\n"));
    }
}

pub async fn an_empty_request_changes_nothing(server: &Server) {
    let proxy = server.start().await;
    for path in [
        "/ws/echo",
        "/ws/counter",
        "/ws/close?code=1000",
        "/ws/room?channel=a&user=u",
    ] {
        let mut ws = proxy.open(path).await.accepted();
        ws.poll().await;
        ws.expect_nothing();
    }
}

pub async fn a_room_is_subscribed_to_with_its_filters(server: &Server) {
    let proxy = server.start_with_prefix("app-").await;
    let path = "/ws/room?channel=a%2Cb&user=anna&filter=skip-self&filter=var-subst";
    let mut ws = proxy.open(path).await.accepted();
    let [channel] = &ws.channels()[..] else {
        panic!("{ws:?}");
    };
    assert_eq!(channel.name(), "app-a,b");
    let filters: Vec<_> = channel.filters().iter().map(ToString::to_string).collect();
    assert_eq!(filters, ["skip-self", "var-subst"]);
    assert_eq!(ws.filter_meta("user").as_deref(), Some("anna"));

    ws.send([Event::text("one"), Event::binary(&b"two"[..])])
        .await;
    let published = proxy.published();
    for (published, text) in published.iter().zip(["one", "two"]) {
        assert_eq!(published.channel(), "app-a,b");
        let item = Item::from(WsMessage::text(text)).sender("anna");
        assert_eq!(Ok(published.parts()), item.parts());
    }
    assert_eq!(published.len(), 2);
    ws.expect_nothing();
}

pub async fn a_counter_remembers_in_the_meta(server: &Server) {
    let proxy = server.start().await;
    let mut ws = proxy.open("/ws/counter").await.accepted();
    let mut other = proxy.open("/ws/counter").await.accepted();
    ws.text("").await;
    ws.send([Event::text(""), Event::text("")]).await;
    other.text("").await;
    assert_eq!(ws.texts(), ["1", "2", "3"]);
    assert_eq!(other.texts(), ["1"]);
    assert_eq!(ws.meta("count").as_deref(), Some("3"));
}

pub async fn a_protocol_is_selected_or_the_client_refused(server: &Server) {
    let proxy = server.start().await;
    for offered in ["p2", "p1,p2", "p1, p2 ,p3"] {
        let opening = proxy.get("/ws/protocols").protocols(offered).open().await;
        opening
            .answer()
            .assert_header("sec-websocket-protocol", "p2");
        opening.accepted().expect_nothing();
    }
    let refused = [
        proxy.get("/ws/protocols"),
        proxy.get("/ws/protocols").protocols("p1"),
        proxy.get("/ws/protocols").protocols("P2"),
    ];
    for request in refused {
        let answer = request.open().await.refused();
        answer.assert_status(400).assert_text("no protocol\n");
    }
}

pub async fn a_refusal_reaches_the_client(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.open("/ws/refuse").await.refused();
    answer.assert_status(403).assert_text("no\n");
}

pub async fn the_first_text_closes(server: &Server) {
    let proxy = server.start().await;
    for (query, code, reason) in [
        ("code=4001&reason=b%C3%BDe", 4001, "b\u{fd}e"),
        ("code=1000", 1000, ""),
    ] {
        let mut ws = proxy.open(&format!("/ws/close?{query}")).await.accepted();
        ws.expect_nothing();
        ws.text("x").await;
        ws.expect_close(code, reason);
    }
    let path = format!("/ws/close?code=4001&reason={}", "x".repeat(200));
    let mut ws = proxy.open(&path).await.accepted();
    ws.text("x").await;
    ws.expect_close(4001, &"x".repeat(123));
    for query in ["", "?code=1005", "?code=x", "?code=5000"] {
        proxy
            .open(&format!("/ws/close{query}"))
            .await
            .refused()
            .assert_status(400);
    }
}

pub async fn a_detached_socket_is_subscribed(server: &Server) {
    let proxy = server.start().await;
    let mut ws = proxy.open("/ws/detach?channel=a").await.accepted();
    assert!(ws.is_detached());
    proxy
        .post("/publish/ws-message?channel=a")
        .body("hi")
        .await
        .assert_status(200);
    ws.expect_text("hi");
    ws.close(1000, "").await;
}

pub async fn the_proxy_is_asked_to_keep_a_socket_alive(server: &Server) {
    let proxy = server.start().await;
    let path = "/ws/keep-alive?content=still%20h%C3%A9re&timeout=30";
    let mut ws = proxy.open(path).await.accepted();
    let [
        ControlMessage::KeepAlive {
            keep_alive: Some(keep_alive),
        },
    ] = &ws.controls()[..]
    else {
        panic!("{ws:?}");
    };
    assert_eq!(keep_alive.timeout().unwrap().as_secs(), 30);
    assert_eq!(*keep_alive.frame(), Frame::text("still h\u{e9}re"));
    ws.fire_keep_alive();
    ws.expect_text("still h\u{e9}re");
    for query in ["", "?content=x&timeout=soon"] {
        proxy
            .open(&format!("/ws/keep-alive{query}"))
            .await
            .refused()
            .assert_status(400);
    }
}

async fn log(proxy: &Proxy) -> Value {
    let answer: Answer = proxy.get("/ws/log").await;
    answer
        .assert_status(200)
        .assert_header("content-type", "application/json");
    answer.json()
}

pub async fn the_log_has_what_happened(server: &Server) {
    let proxy = server.start().await;
    assert_eq!(log(&proxy).await, json!([]));
    let mut first = proxy.open("/ws/log").await.accepted();
    let mut second = proxy.open("/ws/log").await.accepted();
    let mut third = proxy.open("/ws/log").await.accepted();
    first.text("not of interest").await;
    first.expect_nothing();
    first.close(4001, "bye").await;
    second.disconnect().await;
    third.close_without_code().await;
    let entry = |socket: &gripware_test::WebSocket, event: &str, code: Value, reason: Value| {
        json!({
            "connection": socket.connection_id(),
            "event": event,
            "code": code,
            "reason": reason,
        })
    };
    let expected = json!([
        entry(&first, "open", Value::Null, Value::Null),
        entry(&second, "open", Value::Null, Value::Null),
        entry(&third, "open", Value::Null, Value::Null),
        entry(&first, "close", 4001.into(), "bye".into()),
        entry(&second, "disconnect", Value::Null, Value::Null),
        entry(&third, "close", Value::Null, Value::Null),
    ]);
    assert_eq!(log(&proxy).await, expected);
}

pub async fn events_that_cannot_be_read_are_refused(server: &Server) {
    let proxy = server.start().await;
    for body in [
        "TEXT",
        "TEXT 5\r\nhi\r\n",
        "TEXT 2\nhi\n",
        "TEXT 2\r\nhi",
        "TEXT fffffffffffffff0\r\n",
        "TEXT -1\r\n",
        "SHOUT 2\r\nhi\r\n",
        "OPEN\r\nOPEN\r\n",
        "TEXT 0\r\n\r\nOPEN\r\n",
        "{}",
    ] {
        // The second handler serves pages too, and has seen that there are no events.
        for path in ["/ws/echo", "/ws/log"] {
            let request = events(&proxy, path, body).header("connection-id", "1");
            request.await.assert_status(400);
        }
    }
}

pub async fn a_connection_without_its_name_is_refused(server: &Server) {
    let proxy = server.start().await;
    let ask = || events(&proxy, "/ws/echo", "OPEN\r\n");
    ask().await.assert_status(400);
    ask().header("connection-id", "").await.assert_status(400);
    let twice = ask()
        .header("connection-id", "1")
        .header("connection-id", "2");
    twice.await.assert_status(400);
    ask().header("connection-id", "1").await.assert_status(200);
}

pub async fn a_body_at_the_limit_is_taken_and_one_over_it_refused(server: &Server) {
    let proxy = server.start().await;
    let body = |length: usize| {
        let head = format!("BINARY {length:x}\r\n");
        [head.as_bytes(), &vec![0; length], b"\r\n"].concat()
    };
    let fits = 1_000_000 - "BINARY f4230\r\n".len() - "\r\n".len();
    assert_eq!(body(fits).len(), 1_000_000);
    let ask = |length| events(&proxy, "/ws/log", body(length)).header("connection-id", "1");
    ask(fits).await.assert_status(200);
    ask(fits + 1).await.assert_status(413);
}

pub async fn other_requests_are_no_sockets(server: &Server) {
    let proxy = server.start().await;
    for request in [
        proxy.get("/ws/echo"),
        proxy.get("/ws/none"),
        proxy.post("/ws/echo").body("OPEN\r\n"),
        proxy
            .post("/ws/echo")
            .header("content-type", "text/plain")
            .body("OPEN\r\n"),
        proxy.post("/ws/log").body("OPEN\r\n"),
        proxy.request("PUT", "/ws/echo"),
        events(&proxy, "/ws/none", "OPEN\r\n").header("connection-id", "1"),
        proxy
            .request("PUT", "/ws/echo")
            .header("content-type", "application/websocket-events")
            .header("connection-id", "1")
            .body("OPEN\r\n"),
    ] {
        request.await.assert_status(400);
    }
}

pub async fn a_page_of_another_host_opens_no_socket(server: &Server) {
    let proxy = server.start().await;
    let from = |origin: &str| {
        let request = proxy.get("/ws/echo").header("host", "app.example");
        request.header("origin", origin)
    };
    let refused = from("https://evil.example").open().await.refused();
    refused.assert_status(403);
    for cure in ["allowed_origins", "proxy_set_header Host"] {
        assert!(refused.text().contains(cure), "{refused:?}");
    }
    // A handler that serves pages too is no way around.
    let page = proxy.get("/ws/log").header("host", "app.example");
    let page = page.header("origin", "https://evil.example").open().await;
    page.refused().assert_status(403);

    from("https://app.example").open().await.accepted();
    proxy.get("/ws/echo").open().await.accepted();

    let builder = Proxy::builder();
    let listed = AllowedOrigins::only("https://www.example").unwrap();
    let grip = Grip::builder().url(builder.url()).allowed_origins(listed);
    let proxy = server.start_with(builder, grip.build().unwrap()).await;
    for (origin, is_allowed) in [
        ("https://www.example", true),
        ("https://app.example", false),
    ] {
        let request = proxy.get("/ws/echo").header("host", "app.example");
        let opening = request.header("origin", origin).open().await;
        assert_eq!(opening.answer().status() == 200, is_allowed, "{origin}");
    }
}

pub async fn text_that_is_not_utf_8_closes_the_socket(server: &Server) {
    let proxy = server.start().await;
    let body = &b"TEXT 1\r\n\xff\r\n"[..];
    let request = events(&proxy, "/ws/room?channel=a&user=u", body).header("connection-id", "1");
    let answer = request.await;
    answer.assert_status(200);
    answer.assert_header("content-type", "application/websocket-events");
    assert_eq!(answer.body(), &b"CLOSE 2\r\n\x03\xef\r\n"[..], "{answer:?}");
    assert!(proxy.published().is_empty());
}

pub async fn a_parameter_that_is_missing_refuses_the_socket(server: &Server) {
    let proxy = server.start().await;
    for path in [
        "/ws/room?channel=a",
        "/ws/room?user=a",
        "/ws/room?channel=&user=a",
        "/ws/room?channel=a&user=a&filter=",
        "/ws/detach",
        "/ws/detach?channel=a%0Ab",
    ] {
        proxy.open(path).await.refused().assert_status(400);
    }
}
