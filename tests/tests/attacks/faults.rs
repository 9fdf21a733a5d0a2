//! What one client, one item or one answer did to everybody else before it was mended. Each attack
//! stays as a test.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use gripware_interop::{HubProgram, PATIENCE, Request, until};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use tokio::{
    net::TcpSocket,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    frames::{END_HEADERS, END_STREAM, HEADERS, Http2, field},
    front::hub,
    wire::Wire,
    witness::{Witness, answer, ok},
};

/// An item that nests deeper at each of its 120 operations: serialising it overflowed the stack.
#[tokio::test]
async fn an_item_that_nests_ends_no_process() {
    let witness = Witness::answering(|_| hold_json(r#"{"a":0}"#)).await;
    let hub = hub(witness.address(), &[]).await;
    let mut wire = asks(hub.client(), "/").await;
    until("the hold", async || hub.subscribers("news").await == 1).await;
    let path = "/a".repeat(116);
    let deep = (0..115).fold(json!({}), |inner, _| json!({"a": inner}));
    let round = [
        json!({"op": "add", "path": "/b", "value": deep}),
        json!({"op": "move", "from": "/a", "path": format!("/b{path}")}),
        json!({"op": "move", "from": "/b", "path": "/a"}),
    ];
    let patch: Vec<_> = round.iter().cycle().take(3 * 120).collect();
    let items = json!({"items": [{"channel": "news", "http-response": {"body-patch": patch}}]});
    let publish = Request::new("POST", hub.control(), "/publish/").body(items.to_string());
    // It may be refused, or the client gets an error: what counts is who else is served.
    let _ = publish.try_send().await;
    hub.publish(r#"{"channel": "news", "http-response": {"body": "end"}}"#)
        .await;
    let head = wire.until(b"\r\n\r\n").await;
    assert!(head.starts_with(b"HTTP/1.1 "), "{}", head.escape_ascii());
    let _other = asks(hub.client(), "/").await;
    until("another hold", async || hub.subscribers("news").await == 1).await;
}

/// Bytes behind a held request, more than the hub takes, and then the end.
#[tokio::test]
async fn a_held_client_that_has_sent_much_and_gone_is_noticed() {
    for hold in ["response", "stream"] {
        let witness = Witness::answering(move |_| {
            answer(
                "open\n",
                &format!("Grip-Hold: {hold}\r\nGrip-Channel: news\r\n"),
            )
        })
        .await;
        let hub = hub(witness.address(), &[]).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut wire = asks(hub.client(), "/").await;
            wire.sends([b'x'; 60_000]).await;
            clients.push(wire);
        }
        until("the holds, or their end", async || {
            witness.seen().len() == 20
        })
        .await;
        drop(clients);
        until("all to be gone", async || {
            hub.subscribers("news").await == 0
        })
        .await;
    }
}

/// Streams without a window, whose answers are not read: each had a connection to the origin for as
/// long as it liked.
#[tokio::test]
async fn those_who_do_not_read_answers_keep_nobody_out() {
    let large = "x".repeat(300_000);
    let witness = Witness::answering(move |seen| match &*seen.target {
        "/large" => ok(&large),
        _ => ok("small"),
    })
    .await;
    let hub = hub(witness.address(), &[]).await;
    let files = Rlimit {
        current: Some(1024),
        maximum: Some(1024),
    };
    let id = Pid::from_raw(hub.id().try_into().expect("an id")).expect("an id");
    prlimit(Some(id), Resource::Nofile, files).expect("a limit of 1024 files");
    // SETTINGS_INITIAL_WINDOW_SIZE of 0.
    let no_window = [0, 4, 0, 0, 0, 0];
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = Http2::with_settings(hub.client(), &no_window).await;
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/large"),
        ];
        let block = fields.map(|(name, value)| field(name, value)).concat();
        for n in 0..250 {
            client
                .sends(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &block)
                .await;
        }
        clients.push(client);
    }
    // As many as are let through.
    let mut asked = 0;
    until("no more requests to come", async || {
        let before = asked;
        sleep(Duration::from_secs(1)).await;
        asked = witness.seen().len();
        asked > 0 && asked == before
    })
    .await;
    for _ in 0..10 {
        let mut other = from([127, 0, 0, 99], hub.client()).await;
        other
            .sends("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        let answer = other.rest().await;
        assert!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "{}",
            answer.escape_ascii()
        );
    }
}

/// Pings without an end, on a WebSocket that was told to close: the other clients of the thread were
/// served once in seconds.
#[tokio::test]
async fn a_client_that_pings_without_an_end_starves_nobody() {
    let witness = Witness::answering(|seen| {
        let events = if seen.body.starts_with(b"OPEN") {
            "OPEN\r\n".to_owned()
        } else if seen.body.ends_with(b"bye\r\n") {
            "CLOSE 0\r\n\r\n".to_owned()
        } else {
            String::from_utf8_lossy(&seen.body).into_owned()
        };
        answer(
            &events,
            "Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip; message-prefix=\"\"\r\n",
        )
    })
    .await;
    let hub = hub(witness.address(), &["--shards", "1"]).await;
    let mut floods = JoinSet::new();
    for _ in 0..4 {
        let client = hub.client();
        floods.spawn(async move {
            let pings = b"\x89\x80\0\0\0\0".repeat(10_000);
            loop {
                let mut flood = Wire::websocket(client, "/").await;
                flood.sends(b"\x81\x83\0\0\0\0bye").await;
                assert_eq!(flood.take(1).await, b"\x88");
                while flood.is_open_for(&pings).await {}
            }
        });
    }
    let mut other = Wire::websocket(hub.client(), "/").await;
    // A third of a second for each on a busy machine, where half a second was the least.
    let echoes = async {
        for _ in 0..100 {
            other.sends(b"\x81\x82\0\0\0\0hi").await;
            assert_eq!(other.take(4).await, b"\x81\x02hi");
        }
    };
    let echoed = timeout(PATIENCE, echoes).await;
    assert!(echoed.is_ok(), "fewer than 100 echoes in {PATIENCE:?}");
}

/// 100 to 199 are no answer: what comes next on the connection would be taken for it.
#[tokio::test]
async fn no_answer_has_a_status_of_1xx() {
    let witness =
        Witness::answering(|_| answer("first", "Grip-Hold: response\r\nGrip-Channel: news\r\n"))
            .await;
    let hub = hub(witness.address(), &[]).await;
    for code in [100, 101, 102, 103, 150, 199] {
        let mut wire = asks(hub.client(), "/").await;
        until("the hold", async || hub.subscribers("news").await == 1).await;
        let items =
            json!({"items": [{"channel": "news", "http-response": {"code": code, "body": "a"}}]});
        let publish = Request::new("POST", hub.control(), "/publish/").body(items.to_string());
        let refused = publish.send().await.status();
        hub.publish(r#"{"channel": "news", "http-response": {"body": "end"}}"#)
            .await;
        let head = wire.until(b"\r\n\r\n").await;
        assert!(!head.starts_with(b"HTTP/1.1 1"), "{}", head.escape_ascii());
        assert_eq!(refused, 400, "{code}");
    }
}

/// The same where the origin says it at first, when it is asked again, or for the time when the hold
/// is over.
#[tokio::test]
async fn no_answer_of_an_origin_has_a_status_of_1xx() {
    let bad = "Grip-Status: 103\r\n";
    let hold = "Grip-Hold: response\r\nGrip-Channel: news\r\nGrip-Timeout: 5\r\n";
    let bad_hold = format!("{hold}{bad}");
    for answers in [
        [bad, hold],
        [&bad_hold, hold],
        [hold, bad],
        [hold, &bad_hold],
    ] {
        let answers = answers.map(|headers| answer("a", headers));
        let asked = AtomicUsize::new(0);
        let witness = Witness::answering(move |_| {
            answers[asked.fetch_add(1, Ordering::SeqCst).min(1)].clone()
        })
        .await;
        let hub = hub(witness.address(), &[]).await;
        let mut wire = asks(hub.client(), "/").await;
        until("the hold, or a refusal", async || {
            let refusals = hub.metric("gripware_hub_bad_gateway_total").await;
            hub.subscribers("news").await == 1 || refusals > 0.0
        })
        .await;
        hub.publish(r#"{"channel": "news", "http-response": {"action": "hint"}}"#)
            .await;
        let head = wire.until(b"\r\n\r\n").await;
        assert!(
            head.starts_with(b"HTTP/1.1 502 "),
            "{}",
            head.escape_ascii()
        );
    }
}

/// Idle connections to the control port: publishers were kept out until they were given up.
#[tokio::test]
async fn idle_connections_to_the_control_port_keep_no_publisher_out() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &["--control-key", "s3cret-enough"]).await;
    let mut idle = Vec::new();
    for _ in 0..600 {
        idle.push(Wire::connect(hub.control()).await);
    }
    // A head has 5 s; it was a minute.
    let let_in = timeout(Duration::from_secs(20), async {
        while !publishes(&hub).await {
            sleep(Duration::from_millis(100)).await;
        }
    });
    assert!(let_in.await.is_ok(), "no publisher is let in");
}

/// Nobody but the hub speaks WebSocket-over-HTTP to the origin, which could not tell: the hub signs
/// what it forwards.
#[tokio::test]
async fn a_client_that_posts_websocket_events_is_refused() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    for kind in [
        "application/websocket-events",
        "Application/WebSocket-Events",
        "application/websocket-events; charset=utf-8",
        " application/websocket-events ;a=b",
    ] {
        let mut wire = Wire::connect(hub.client()).await;
        wire.sends(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: 6\r\n\r\nOPEN\r\n"
        ))
        .await;
        let answer = wire.rest().await;
        assert!(
            answer.starts_with(b"HTTP/1.1 4"),
            "{kind}: {}",
            answer.escape_ascii()
        );
    }
    assert_eq!(witness.seen().len(), 0);
}

async fn publishes(hub: &HubProgram) -> bool {
    let publish = Request::new("POST", hub.control(), "/publish/")
        .header("authorization", "Bearer s3cret-enough")
        .body(r#"{"items": [{"channel": "news", "http-stream": {"content": "a"}}]}"#);
    matches!(publish.try_send().await, Ok(answer) if answer.status() == 200)
}

fn hold_json(body: &str) -> Vec<u8> {
    answer(
        body,
        "Content-Type: application/json\r\nGrip-Hold: response\r\nGrip-Channel: news\r\n",
    )
}

async fn asks(client: SocketAddr, path: &str) -> Wire {
    let mut wire = Wire::connect(client).await;
    wire.sends(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    wire
}

/// A connection from another address than all others.
async fn from(address: [u8; 4], to: SocketAddr) -> Wire {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::from((address, 0)))
        .expect("an address of loopback");
    Wire::of(socket.connect(to).await.expect("a connection"))
}
