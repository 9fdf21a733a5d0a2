//! Handlers that no conformance contract has: what a framework does to a response, and what
//! middleware between the handler and the layer does to it.
//!
//! Each adapter's test builds these routes; [`edges!`](crate::edges!) runs the cases. `GET` also
//! serves `HEAD`, and `sse` stands for a stream hold of `news`, kept alive as server-sent events
//! every 20 s.
//!
//! | route | answer |
//! |---|---|
//! | `/sse` | `sse`, and nothing else |
//! | `/sse/text`, `/sse/bytes` | `sse` with the text, or the bytes, `data: 1\n\n` |
//! | `/sse/own` | `sse` with a content type of its own, `a/b` |
//! | `/news` | `Recovery` of `news` with the client's `LastEventId`: the events 1 to 3 after it, and a stream after 3 at `/news` |
//! | `/private` | for whom the header `X-User` names, otherwise 401: `for USER\n`, and a stream after 3 of the channel `user-USER`, with a private link to `/private` |
//! | `/private/{capability}` | the same for a `PrivateStream`, without the header |
//! | `/bad-event` | a stream hold of `news`, with an event whose id has a line break |
//! | `/beside` | 404, `ETag: "1"`, a response hold of `news`, `nothing\n` |
//! | `/hostile` | a stream hold of `a,b;"c"` with skip-self, `X-One: 1`, `X-Two: b`, `X-Two: a`, content type `text/x`, `first\n` |
//! | `/too-many` | a stream hold of 31 channels |
//! | `/long`, `/long/in-body` | a response hold of `a` with 100 001 bytes; a stream hold that is to travel in a body |
//! | `/chunks/{mode}/{count}` | a hold of `a`, with a stream of so many chunks of 1 000 bytes |
//! | `/by-hand` | `Grip-Hold: stream` and `Grip-Channel: a`, written as headers |
//! | `/link-by-hand` | a `Grip-Link`, written as a header |
//! | `/teapot` | `sse` that shows the client 418 and `Content-Type` alone, with `X-Hidden: 1` |
//! | `/lost` | `sse`, in middleware that clears the extensions of its response |
//! | `/ws/failing` | accepts, and fails with 418, `no tea\n` for a message or an opening with the meta `fail` |
//! | `/ws/refused` | a socket, in middleware that answers everything with 401 |
//! | `/ws/login` | behind `OnOpening` around middleware that demands `Authorization: Bearer valid` and knows no token any more after a `POST` to `/expire`; keeps the user `zoë` in the meta `user`, sends back what it gets with that name before it, and counts ends |
//! | `/left` | how many ends `/ws/login` has seen |
//! | `/ws/undecided` | neither accepts nor refuses |

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gripware_core::{Limits, LinkKey, header::WEBSOCKET_EVENTS};
use gripware_publish::Grip;
use gripware_test::{Answer, Proxy, Request};
use serde_json::json;

use crate::Server;

const CLOSED_1011: &[u8] = b"CLOSE 2\r\n\x03\xf3\r\n";

fn events(proxy: &Proxy, path: &str, body: &'static str) -> Request {
    proxy
        .post(path)
        .header("content-type", WEBSOCKET_EVENTS)
        .header("connection-id", "1")
        .header("content-length", body.len().to_string())
        .body(body)
}

pub async fn a_stream_alone_is_an_event_stream(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/sse").await;
    answer.assert_status(200).assert_text("");
    answer.assert_header("content-type", "text/event-stream");
    answer.assert_header("grip-hold", "stream");
    answer.assert_header("grip-channel", "news");
    answer.assert_header("grip-keep-alive", r":\n\n; format=cstring; timeout=20");
}

pub async fn an_event_stream_passes_servers_that_buffer(server: &Server) {
    let proxy = server.start().await;
    for path in ["/sse", "/sse/text", "/sse/bytes", "/news"] {
        let answer = proxy.get(path).await;
        answer.assert_header("cache-control", "no-cache");
        answer.assert_header("x-accel-buffering", "no");
        let keep_alive = answer.header("grip-keep-alive").unwrap();
        assert_eq!(keep_alive, r":\n\n; format=cstring; timeout=20", "{path}");
    }
    proxy
        .get("/sse/own")
        .await
        .assert_no_header("x-accel-buffering");
}

pub async fn an_event_stream_resumes_after_the_clients_cursor(server: &Server) {
    let proxy = server.start_quiet().await;
    let all = "id: 1\ndata: one\n\nid: 2\ndata: two\n\nid: 3\ndata: three\n\n";
    for (request, events) in [
        (proxy.get("/news"), all),
        (proxy.get("/news?last-event-id=1"), &all[17..]),
        (
            proxy
                .get("/news?lastEventId=1")
                .header("last-event-id", "2"),
            &all[34..],
        ),
        (proxy.get("/news?last-event-id=1").last("news", "3"), ""),
    ] {
        let answer = request.await;
        answer.assert_status(200).assert_text(events);
        answer.assert_header("content-type", "text/event-stream");
        answer.assert_header("grip-channel", "news; prev-id=3");
        answer.assert_header("grip-link", "</news>; rel=next");
    }
}

/// A server with a key for links, and the path of the link that `user` gets.
async fn private_link(server: &Server, user: &str) -> (Proxy, String) {
    let builder = Proxy::builder().update_on_first_subscription(false);
    let grip = Grip::builder()
        .url(builder.url())
        .publisher(builder.publisher())
        .link_key(LinkKey::new([7; 32]).unwrap())
        .build()
        .unwrap();
    let proxy = server.start_with(builder, grip).await;
    let answer = proxy.get("/private").header("x-user", user).await;
    answer.assert_status(200);
    let path = link_of(&answer);
    (proxy, path)
}

fn link_of(answer: &Answer) -> String {
    let link = answer.header("grip-link").unwrap();
    let path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
    path.to_owned()
}

pub async fn a_private_stream_is_followed_without_its_login(server: &Server) {
    let (proxy, path) = private_link(server, "anna").await;
    proxy.get("/private").await.assert_status(401);
    let resumed = proxy.get(&path).last("user-anna", "3").await;
    resumed.assert_status(200).assert_text("for anna\n");
    resumed.assert_header("grip-channel", "user-anna; prev-id=3");
    // What follows has a capability of its own.
    let next = proxy.get(&link_of(&resumed)).await;
    next.assert_status(200).assert_text("for anna\n");

    let mut stream = proxy.get("/private").header("x-user", "bert").hold().await;
    stream.expect("for bert\n");
    stream.fire_next().await;
    stream.expect("for bert\n");
    assert!(stream.is_open());
}

pub async fn no_other_link_opens_a_private_stream(server: &Server) {
    let (proxy, path) = private_link(server, "anna").await;
    let (_, other) = private_link(server, "bert").await;
    let (head, _) = path.rsplit_once('.').unwrap();
    let (_, tag) = other.rsplit_once('.').unwrap();
    for path in [
        "/private/anna".to_owned(),
        format!("{head}.{tag}"),
        format!("{path}x"),
        path.to_uppercase().replace("/PRIVATE", "/private"),
    ] {
        let refused = proxy.get(&path).header("x-user", "anna").await;
        refused.assert_status(403).assert_no_hold();
    }
}

pub async fn without_a_key_there_are_no_private_streams(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/private").header("x-user", "anna").await;
    answer.assert_status(500).assert_no_hold();
    proxy.get("/private/gw1.a.b").await.assert_status(500);
}

pub async fn an_event_that_cannot_be_sent_is_a_500(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/bad-event").await;
    answer.assert_status(500);
    assert!(answer.text().contains("cannot be sent"), "{answer:?}");
}

pub async fn first_bytes_of_an_event_stream_do_not_make_it_plain_text(server: &Server) {
    let proxy = server.start().await;
    for (path, content_type) in [
        ("/sse/text", "text/event-stream"),
        ("/sse/bytes", "text/event-stream"),
        ("/sse/own", "a/b"),
    ] {
        proxy
            .get(path)
            .await
            .assert_header("content-type", content_type);
    }
}

pub async fn a_hold_keeps_the_status_headers_and_body_beside_it(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/beside").await;
    answer.assert_status(404).assert_text("nothing\n");
    answer.assert_header("etag", "\"1\"");
    answer.assert_header("grip-hold", "response");
}

pub async fn a_name_that_headers_would_change_travels_in_a_body(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/hostile").await;
    answer.assert_status(200);
    answer.assert_header("content-type", "application/grip-instruct");
    answer
        .assert_no_header("grip-hold")
        .assert_no_header("x-one");
    let expected = json!({
        "hold": {
            "mode": "stream",
            "channels": [{"name": "a,b;\"c\"", "filters": ["skip-self"]}],
        },
        "response": {
            "code": 200,
            "headers": [
                ["content-type", "text/x"],
                ["x-one", "1"],
                ["x-two", "b"],
                ["x-two", "a"],
            ],
            "body": "first\n",
        },
    });
    assert_eq!(answer.json::<serde_json::Value>(), expected);
    proxy
        .request("HEAD", "/hostile")
        .await
        .assert_status(200)
        .assert_no_hold();
}

pub async fn a_hold_that_no_proxy_would_accept_is_a_500(server: &Server) {
    let proxy = server.start().await;
    for path in [
        "/too-many",
        "/long",
        "/long/in-body",
        "/chunks/response/101",
    ] {
        let answer = proxy.get(path).await;
        answer.assert_status(500).assert_no_hold();
        assert!(answer.text().contains("no proxy would take"), "{answer:?}");
    }
}

/// What is written into the log while it lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub async fn a_hold_that_cannot_be_sent_is_logged_with_its_path_and_channel(server: &Server) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let proxy = server.start().await;
    proxy.get("/long?secret=1").await.assert_status(500);
    proxy.get("/sse").direct().await.assert_status(501);
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "the hold cannot be sent: ",
        r#"path="/long" channel="a""#,
        r#"path="/sse" channel="news" trust=no Grip-Sig header came"#,
    ] {
        assert!(log.contains(expected), "{log}");
    }
    assert!(!log.contains("secret"), "{log}");
}

pub async fn wider_limits_are_those_of_the_application(server: &Server) {
    let mut limits = Limits::default();
    limits.channels = 31;
    let builder = Proxy::builder();
    let grip = Grip::builder().url(builder.url()).limits(limits).build();
    let proxy = server.start_with(builder, grip.unwrap()).await;
    let answer = proxy.get("/too-many").await;
    let channels = answer.header("grip-channel").unwrap();
    assert_eq!(channels.split(", ").count(), 31);
}

pub async fn the_body_of_a_response_hold_is_bounded_and_that_of_a_stream_is_not(server: &Server) {
    let proxy = server.start().await;
    for (path, length) in [
        ("/chunks/response/100", 100_000),
        ("/chunks/stream/300", 300_000),
    ] {
        let answer = proxy.get(path).await;
        answer.assert_status(200);
        assert_eq!(answer.body().len(), length);
    }
}

pub async fn instructions_written_by_hand_need_a_proxy_too(server: &Server) {
    let proxy = server.start().await;
    for path in ["/by-hand", "/link-by-hand"] {
        proxy.get(path).direct().await.assert_status(501);
    }
    let answer = proxy.get("/by-hand").await;
    answer.assert_header("grip-channel", "a");
    let head = proxy.request("HEAD", "/by-hand").await;
    head.assert_status(200).assert_no_hold();
    head.assert_no_header("grip-channel");
}

pub async fn a_head_request_sees_the_head_of_what_a_get_is_answered_with(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.request("HEAD", "/teapot").await;
    answer.assert_status(418).assert_no_header("x-hidden");
    answer.assert_header("content-type", "text/event-stream");
}

pub async fn a_hold_that_got_lost_is_a_500(server: &Server) {
    let proxy = server.start().await;
    proxy.get("/lost").await.assert_status(500).assert_no_hold();
}

pub async fn only_an_unsigned_proxy_that_the_application_trusts_is_believed(server: &Server) {
    let grip = Grip::builder().trust_unsigned_proxies().build().unwrap();
    let proxy = server.start_with(Proxy::builder(), grip).await;
    let answer = proxy.get("/sse").unsigned().await;
    answer.assert_header("grip-hold", "stream");
    proxy.get("/sse").direct().await.assert_status(501);
}

pub async fn a_handler_that_fails_closes_an_open_socket_and_refuses_an_opening_one(
    server: &Server,
) {
    let proxy = server.start().await;
    let failed = events(&proxy, "/ws/failing", "TEXT 2\r\nhi\r\n").await;
    failed.assert_status(200);
    failed.assert_header("content-type", WEBSOCKET_EVENTS);
    assert_eq!(failed.body(), CLOSED_1011);
    let refused = events(&proxy, "/ws/failing", "OPEN\r\n").header("meta-fail", "1");
    refused.await.assert_status(418).assert_text("no tea\n");
}

pub async fn middleware_that_refuses_an_open_socket_closes_it(server: &Server) {
    let proxy = server.start().await;
    let opening = events(&proxy, "/ws/refused", "OPEN\r\n").await;
    opening.assert_status(401);
    let closed = events(&proxy, "/ws/refused", "TEXT 2\r\nhi\r\n").await;
    closed.assert_status(200);
    closed.assert_header("content-type", WEBSOCKET_EVENTS);
    assert_eq!(closed.body(), CLOSED_1011);
}

pub async fn a_client_is_authenticated_once_and_its_end_is_heard_of(server: &Server) {
    let proxy = server.start().await;
    let login = |token: &str| {
        let token = format!("Bearer {token}");
        proxy.get("/ws/login").header("authorization", token)
    };
    login("other").open().await.refused().assert_status(401);
    let mut ws = login("valid").open().await.accepted();
    let mut other = login("valid").open().await.accepted();

    proxy.post("/expire").await.assert_status(200);
    login("valid").open().await.refused().assert_status(401);
    ws.text("hi").await;
    ws.expect_text("zo\u{eb}: hi");
    // As long as an opening.
    ws.text("").await;
    ws.expect_text("zo\u{eb}: ");
    ws.close(1000, "").await;
    ws.expect_close(1000, "");
    other.disconnect().await;
    proxy.get("/left").await.assert_text("2");
}

pub async fn an_opening_that_looks_like_none_is_not_let_past_the_login(server: &Server) {
    let proxy = server.start().await;
    for body in ["OPEN 0\r\n\r\n", "OPEN\r\nTEXT\r\n"] {
        let answer = events(&proxy, "/ws/login", body).await;
        answer.assert_status(400);
    }
    let marked = events(&proxy, "/ws/login", "OPEN\r\n").header("meta-gripware-guarded", "1");
    marked.await.assert_status(400);
    // Of nobody but the proxy the head is believed.
    let forged = events(&proxy, "/ws/login", "TEXT 2\r\nhi\r\n").forged();
    forged.await.assert_status(403);
}

pub async fn a_refusal_without_a_body_has_no_content_type(server: &Server) {
    let proxy = server.start().await;
    let answer = events(&proxy, "/ws/undecided", "OPEN\r\n").await;
    answer.assert_status(403).assert_no_header("content-type");
    assert_eq!(answer.body(), &Bytes::new());
}
