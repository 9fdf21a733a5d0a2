//! Headers that only a proxy may set, sent by a client: in HTTP/1.1, in HTTP/2, and with the requests
//! that open WebSockets over either (RFC 6455, RFC 8441).

use gripware_interop::until;

use crate::{
    frames::{END_HEADERS, END_STREAM, HEADERS, Http2, field},
    front::{Naive, hub},
    wire::Wire,
    witness::{Seen, Witness, answer, ok},
};

/// Names that a client may not send, with `-` between their words.
const NAMES: [&str; 19] = [
    "Grip-Sig",
    "Grip-Feature",
    "Grip-Last",
    "Grip-Status",
    "Grip-Anything",
    "Meta-User",
    "Connection-Id",
    "Content-Bytes-Replayed",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-Ip",
    "Forwarded",
    "Client-Ip",
    "True-Client-Ip",
    "Cf-Connecting-Ip",
    "Fastly-Client-Ip",
    "X-Client-Ip",
    "X-Cluster-Client-Ip",
];

/// What may stand between the words: to a CGI or WSGI application some of these are the same name.
const SEPARATORS: [char; 4] = ['-', '_', '.', '~'];

#[tokio::test]
async fn over_http_1_none_arrives() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let mut wire = Wire::connect(hub.client()).await;
    wire.sends(http1()).await;
    wire.rest().await;
    has_none(&witness);
}

#[tokio::test]
async fn over_http_2_none_arrives() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let mut client = Http2::connect(hub.client()).await;
    let mut block = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ]
    .map(|(name, value)| field(name, value))
    .concat();
    block.extend(
        forged()
            .iter()
            .flat_map(|name| field(&name.to_lowercase(), "forged")),
    );
    client
        .sends(HEADERS, END_HEADERS | END_STREAM, 1, &block)
        .await;
    client.outcome(1).await;
    has_none(&witness);
}

#[tokio::test]
async fn with_a_websocket_none_arrives() {
    let witness = accepting().await;
    let hub = hub(witness.address(), &[]).await;
    let mut wire = Wire::connect(hub.client()).await;
    wire.sends(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        lines()
    ))
    .await;
    let head = wire.until(b"\r\n\r\n").await;
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        head.escape_ascii()
    );
    has_none(&witness);
}

#[tokio::test]
async fn with_a_websocket_over_http_2_none_arrives() {
    let witness = accepting().await;
    let hub = hub(witness.address(), &[]).await;
    let mut client = Http2::connect(hub.client()).await;
    let mut block = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
        ("sec-websocket-version", "13"),
    ]
    .map(|(name, value)| field(name, value))
    .concat();
    block.extend(
        forged()
            .iter()
            .flat_map(|name| field(&name.to_lowercase(), "forged")),
    );
    client.sends(HEADERS, END_HEADERS, 1, &block).await;
    until("the opening", async || !witness.seen().is_empty()).await;
    has_none(&witness);
}

/// The detector works: behind a front that removes nothing, all of them arrive.
#[tokio::test]
async fn behind_a_front_that_passes_on_bytes_all_arrive() {
    let witness = Witness::start().await;
    let front = Naive::start(witness.address()).await;
    let mut wire = Wire::connect(front.address()).await;
    wire.sends(http1()).await;
    until("the request", async || !witness.seen().is_empty()).await;
    let seen = witness.seen().remove(0);
    assert_eq!(arrived(&seen).len(), forged().len());
}

/// An origin that accepts WebSockets.
async fn accepting() -> Witness {
    Witness::answering(|seen| {
        if seen.body.starts_with(b"OPEN") {
            answer(
                "OPEN\r\n",
                "Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip\r\n",
            )
        } else {
            ok("")
        }
    })
    .await
}

fn forged() -> Vec<String> {
    let joined = |name: &str| SEPARATORS.map(|separator| name.replace('-', &separator.to_string()));
    NAMES.into_iter().flat_map(joined).collect()
}

fn lines() -> String {
    let lines = forged()
        .into_iter()
        .map(|name| format!("{name}: forged\r\n"));
    lines.collect()
}

fn http1() -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
        lines()
    )
}

/// The headers of a request that the client forged.
fn arrived(seen: &Seen) -> Vec<&str> {
    let forged = seen
        .headers
        .iter()
        .filter(|(_, value)| value.contains("forged"));
    forged.map(|(name, _)| name.as_str()).collect()
}

fn has_none(witness: &Witness) {
    let seen = witness.seen();
    let [seen] = &seen[..] else {
        panic!("{} requests arrived", seen.len());
    };
    assert_eq!(arrived(seen), Vec::<&str>::new());
    assert_eq!(witness.faults(), Vec::<String>::new());
}
