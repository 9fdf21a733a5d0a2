//! Log injection: texts of clients, publishers and applications that would be further lines of the
//! log, or would steer the terminal of whoever reads it.

use gripware_interop::Request;
use serde_json::json;

use crate::{
    front::hub,
    wire::Wire,
    witness::{Witness, answer, ok},
};

/// Ends a line, begins one that looks like the log's, and paints it.
const PLANTED: &str =
    "a\r\n2026-01-01T00:00:00.000000Z ERROR planted: \x1b[31mplanted\x1b[0m\u{9b}31m";

/// What an application may say wrongly, by the path that it is asked for.
fn answers(path: &str) -> Option<Vec<u8>> {
    let instruct = |instruction: serde_json::Value| {
        let head = "Content-Type: application/grip-instruct\r\n";
        Some(answer(&instruction.to_string(), head))
    };
    let escape = "planted\x1b[31m";
    match path {
        "/hold" => Some(answer("", &format!("Grip-Hold: {escape}\r\n"))),
        "/channel" => Some(answer(
            "",
            &format!("Grip-Hold: stream\r\nGrip-Channel: {escape}\r\n"),
        )),
        "/filter" => Some(answer(
            "",
            &format!("Grip-Hold: stream\r\nGrip-Channel: news; filter={escape}\r\n"),
        )),
        "/link" => Some(answer(
            "",
            &format!(
                "Grip-Hold: stream\r\nGrip-Channel: news\r\nGrip-Link: <{escape}>; rel=next\r\n"
            ),
        )),
        "/status" => Some(answer(
            "",
            &format!("Grip-Hold: response\r\nGrip-Status: {escape}\r\n"),
        )),
        "/mode" => instruct(json!({"hold": {"mode": PLANTED, "channels": [{"name": "news"}]}})),
        "/name" => instruct(json!({"hold": {"mode": "stream", "channels": [{"name": PLANTED}]}})),
        "/filters" => instruct(json!({"hold": {
            "mode": "stream", "channels": [{"name": "news", "filters": [PLANTED]}]}})),
        "/field" => instruct(json!({"hold": {PLANTED: 1, "mode": PLANTED}})),
        "/response" => {
            instruct(json!({"response": {"headers": {PLANTED: PLANTED}, "reason": PLANTED}}))
        }
        "/json" => Some(answer(
            PLANTED,
            "Content-Type: application/grip-instruct\r\n",
        )),
        "/events" => Some(answer(
            PLANTED,
            "Content-Type: application/websocket-events\r\n",
        )),
        "/head" => Some(b"HTTP/1.1 200 planted\x1b[31m\r\nX: \x1b[31mplanted\r\n\r\n".to_vec()),
        "/line" => Some(b"planted\x1b[31m\r\n\r\n".to_vec()),
        _ => None,
    }
}

const PATHS: [&str; 13] = [
    "/hold",
    "/channel",
    "/filter",
    "/link",
    "/status",
    "/mode",
    "/name",
    "/filters",
    "/field",
    "/response",
    "/json",
    "/head",
    "/line",
];

#[tokio::test]
async fn no_text_from_outside_is_a_line_of_the_log_or_steers_a_terminal() {
    let witness = Witness::answering(|seen| {
        if seen.body.starts_with(b"OPEN") && seen.target != "/events" {
            return answer(
                &events(),
                "Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip\r\n",
            );
        }
        answers(&seen.target).unwrap_or_else(|| ok(""))
    })
    .await;
    let mut hub = hub(witness.address(), &["--log", "info,gripware_hub=trace"]).await;

    // Clients: in the target, in the method, in headers.
    for request in [
        "GET /planted%0d%0a%1b[31m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /planted\x1b[31m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /planted\u{9b}31m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: planted\u{9b}31m\r\nConnection: close\r\n\r\n",
        "PLANTED\x1b[31m / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: planted\u{9b}31m\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nGrip-Last: planted\u{9b}31m; last-id=\u{9b}31m\r\nConnection: close\r\n\r\n",
    ] {
        let mut wire = Wire::connect(hub.client()).await;
        wire.sends(request).await;
        wire.rest().await;
    }
    // The application.
    for path in PATHS {
        let mut wire = Wire::connect(hub.client()).await;
        wire.sends(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ))
        .await;
        wire.until(b"\r\n\r\n").await;
    }
    let mut socket = Wire::websocket(hub.client(), "/socket").await;
    socket
        .sends(b"\x88\x8a\0\0\0\0\x03\xe8\x1b[31m\x1b[0")
        .await;
    let mut refused = Wire::connect(hub.client()).await;
    refused
        .sends(
            "GET /events HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    refused.until(b"\r\n\r\n").await;
    // Publishers: in every text that an item has.
    for item in [
        json!({"channel": PLANTED, "id": PLANTED, "prev-id": "a", "http-stream": {"content": "a"}}),
        json!({"channel": "news", "id": PLANTED, "prev-id": PLANTED, "http-stream": {"content": "a"}}),
        json!({"channel": "news", "type": PLANTED}),
        json!({"channel": "news", PLANTED: PLANTED, "formats": {PLANTED: {}}}),
        json!({"channel": "news", "http-response": {"code": PLANTED, "headers": {PLANTED: PLANTED}}}),
        json!({"channel": "news", "http-stream": {"action": PLANTED}}),
        json!({"channel": "news", "ws-message": {"type": PLANTED, "content-filters": [PLANTED]}}),
    ] {
        let items = json!({"items": [item]}).to_string();
        let publish = Request::new("POST", hub.control(), "/publish/").body(items);
        publish.send().await.bytes().await;
    }
    for target in ["/connections/planted%0a%1b[31m", "/planted\u{9b}31m"] {
        let mut wire = Wire::connect(hub.control()).await;
        wire.sends(format!(
            "DELETE {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ))
        .await;
        wire.rest().await;
    }
    hub.stop().await;

    let log = hub.log();
    assert!(
        log.matches("planted").count() > 5,
        "the texts are not in the log:\n{log}"
    );
    let wrong: Vec<String> = log.lines().filter_map(wrong).collect();
    assert!(
        wrong.is_empty(),
        "{} lines of the log:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The detector works.
#[test]
fn a_line_that_was_planted_is_found() {
    let log = format!("2026-01-01T00:00:00.000000Z  INFO hub: path=/{PLANTED}");
    assert_eq!(log.lines().filter_map(wrong).count(), 1);
    let log = "2026-01-01T00:00:00.000000Z  INFO hub: path=/a\nplanted";
    assert_eq!(log.lines().filter_map(wrong).count(), 1);
}

/// A line that did not begin as those of the log do, or has a control character. A line that was
/// planted with a time of its own is known by its year.
fn wrong(line: &str) -> Option<String> {
    let begins = line.get(..5).is_some_and(|year| {
        year.ends_with('-') && year[..4].bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_planted = line.contains("ERROR planted: ") && line.find("planted") < Some(40);
    (!begins || is_planted || line.contains(char::is_control))
        .then(|| line.escape_debug().to_string())
}

/// Control messages with wrong texts.
fn events() -> String {
    let messages = [
        json!({"type": PLANTED}),
        json!({"type": "subscribe", "channel": PLANTED, "filters": [PLANTED]}),
        json!({"type": "subscribe", "channel": "", PLANTED: 1}),
        json!({"type": "set-meta", "name": PLANTED, "value": PLANTED}),
        json!({"type": "keep-alive", "mode": PLANTED}),
        json!(PLANTED),
    ];
    let messages = messages.map(|message| format!("c:{message}"));
    let broken = format!("c:{PLANTED}");
    let texts = messages.iter().chain([&broken]);
    let events = texts.map(|text| format!("TEXT {:x}\r\n{text}\r\n", text.len()));
    "OPEN\r\n".to_owned() + &events.collect::<String>()
}
