//! Response splitting: values of items and instructions that would be further headers, or a further
//! answer, if they were written as they are. The same for what of an application's answer becomes a
//! header of later requests.

use gripware_interop::{Request, until};
use serde_json::{Value, json};

use crate::{
    front::{Naive, hub},
    wire::Wire,
    witness::{Witness, answer},
};

const SPLITS: [&str; 6] = [
    "a\r\nX-Planted: 1",
    "a\nX-Planted: 1",
    "a\rX-Planted: 1",
    "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Planted: 1\r\nContent-Length: 0\r\n\r\n",
    "a\0X-Planted: 1",
    "a\u{85}\u{2028}\r\n X-Planted: 1",
];

/// The answers that a split may be in: its headers, the name of a header, and its reason.
fn split_answers() -> Vec<Value> {
    let mut answers = Vec::new();
    for split in SPLITS {
        let own = json!({ split: "a" });
        answers.push(json!({"body": "a", "headers": {"X": split}}));
        answers.push(json!({"body": "a", "headers": [["X", split]]}));
        answers.push(json!({"body": "a", "headers": own}));
        answers.push(json!({"body": "a", "headers": [[split, "a"]]}));
        answers.push(json!({"body": "a", "reason": split}));
    }
    answers
}

#[tokio::test]
async fn an_item_adds_no_header_and_no_answer() {
    let witness = Witness::answering(|_| hold("response")).await;
    let hub = hub(witness.address(), &[]).await;
    for response in split_answers() {
        let mut wire = held(hub.client()).await;
        until("a hold", async || hub.subscribers("news").await == 1).await;
        let item = json!({"items": [{"channel": "news", "http-response": response}]});
        let publish = Request::new("POST", hub.control(), "/publish/").body(item.to_string());
        let taken = publish.send().await.status() == 200;
        if !taken {
            hub.publish(r#"{"channel": "news", "http-response": {"body": "end"}}"#)
                .await;
        }
        is_one_answer(&wire.rest().await, &response);
    }
}

#[tokio::test]
async fn an_instruction_adds_no_header_and_no_answer() {
    let answers = split_answers();
    let given = answers.clone();
    let witness = Witness::answering(move |seen| {
        let number: usize = seen.target[1..].parse().expect("a number");
        let instruction = json!({
            "hold": {"mode": "response", "channels": [{"name": "news"}]},
            "response": given[number],
        });
        answer(
            &instruction.to_string(),
            "Content-Type: application/grip-instruct\r\n",
        )
    })
    .await;
    let hub = hub(witness.address(), &[]).await;
    for (number, response) in answers.iter().enumerate() {
        let refusals = async || hub.metric("gripware_hub_bad_gateway_total").await;
        let before = refusals().await;
        let mut wire = Wire::connect(hub.client()).await;
        wire.sends(format!(
            "GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ))
        .await;
        until("a hold or a refusal", async || {
            hub.subscribers("news").await == 1 || refusals().await > before
        })
        .await;
        // What was stored is the answer.
        hub.publish(r#"{"channel": "news", "http-response": {"body-patch": []}}"#)
            .await;
        is_one_answer(&wire.rest().await, response);
    }
}

/// What an application says of a WebSocket is sent with each later request, as `Meta-*`.
#[tokio::test]
async fn what_an_application_keeps_for_a_websocket_adds_no_header_to_later_requests() {
    let witness = Witness::answering(|seen| {
        let events = if seen.body.starts_with(b"OPEN") {
            let mut events = "OPEN\r\n".to_owned();
            for split in SPLITS {
                for (name, value) in [("user", split), (split, "a")] {
                    let text = json!({"type": "set-meta", "name": name, "value": value});
                    let text = format!("c:{text}");
                    events += &format!("TEXT {:x}\r\n{text}\r\n", text.len());
                }
            }
            events
        } else {
            "TEXT 5\r\nm:yes\r\n".to_owned()
        };
        answer(
            &events,
            "Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip\r\n",
        )
    })
    .await;
    let mut hub = hub(witness.address(), &[]).await;
    let mut socket = Wire::websocket(hub.client(), "/").await;
    socket.sends(b"\x81\x82\0\0\0\0hi").await;
    until("the message", async || witness.seen().len() >= 2).await;
    hub.stop().await;
    witness.is_left().await;
    assert_eq!(witness.faults(), Vec::<String>::new());
    for seen in witness.seen() {
        assert!(seen.all("x-planted").is_empty(), "{seen:?}");
        assert!(
            seen.headers
                .iter()
                .all(|(name, _)| !name.contains("lanted")),
            "{seen:?}"
        );
    }
}

/// The detector works: where the application itself is asked, the split is one.
#[tokio::test]
#[should_panic(expected = "a header was added")]
async fn behind_a_front_that_passes_on_bytes_the_split_is_found() {
    let witness = Witness::answering(|_| answer("", &format!("X: {}\r\n", SPLITS[0]))).await;
    let front = Naive::start(witness.address()).await;
    let mut wire = held(front.address()).await;
    let head = wire.until(b"\r\n\r\n").await;
    is_one_answer(&head, &json!(null));
}

async fn held(address: std::net::SocketAddr) -> Wire {
    let mut wire = Wire::connect(address).await;
    wire.sends("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    wire
}

/// An answer that holds, without a body.
fn hold(mode: &str) -> Vec<u8> {
    answer("", &format!("Grip-Hold: {mode}\r\nGrip-Channel: news\r\n"))
}

fn is_one_answer(bytes: &[u8], of: &Value) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer to {of}"));
    for line in head.split(['\r', '\n', '\0']) {
        assert!(
            !line.to_lowercase().trim_ascii().starts_with("x-planted"),
            "a header was added by {of}: {text}"
        );
    }
    assert!(
        !head.replace("\r\n", "").contains(char::is_control),
        "{of}: {text:?}"
    );
    assert!(
        !body.contains("HTTP/1.1"),
        "an answer was added by {of}: {text}"
    );
}
