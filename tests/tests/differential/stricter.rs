//! Where Pushpin lets a fault of the origin or of a publisher through to clients.

use std::time::Duration;

use gripware_interop::{Difference, Frame, Request, Site, Socket};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    Expected, compare,
    origin::{event, instruct, socket},
    replaced,
    transcript::Transcript,
};

/// How long something that may never come is waited for.
const A_MOMENT: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_websocket_whose_origin_does_not_know_the_protocol() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (what, bodies) in [
            ("the close code 0", &[("TEXT", event("CLOSE", "\0\0"))]),
            ("a status of 500", &[("status", "500".to_owned())]),
            ("half an event", &[("TEXT", "TEXT 9\r\nm:half".to_owned())]),
        ] {
            let mut client = open(site, bodies).await;
            client.sends("now").await;
            log.note(format!("{what}: {}", frames(&mut client).await));
        }
        let mut client = open(site, &[("CLOSE", String::new())]).await;
        client.closes(4001, "bye").await;
        log.note(format!("no close: {}", frames(&mut client).await));
        site.recorder().forgets();
    };
    let changes = [
        (
            Difference::CLOSE_CODES,
            "the close code 0: Close(Some((1002, \"Protocol violation\")))",
            "the close code 0: Close(Some((1000, \"\")))",
        ),
        (
            Difference::FAILURES,
            "a status of 500: Cut",
            "a status of 500: Close(Some((1011, \"\")))",
        ),
        (
            Difference::HALF_EVENTS,
            "half an event: Text(\"half\")",
            "half an event: Close(Some((1011, \"\")))",
        ),
        (
            Difference::UNANSWERED_CLOSES,
            "no close: Cut",
            "no close: Close(Some((4001, \"bye\")))",
        ),
    ];
    compare(play, of(&changes)).await;
}

#[tokio::test]
async fn a_detached_client_that_pings() {
    let play = async |site: &Site, log: &mut Transcript| {
        let detach = format!("OPEN\r\n{}", event("TEXT", "c:{\"type\":\"detach\"}"));
        let path = socket(&[], &[("OPEN", &detach)]);
        let mut client = site.socket(&path).await;
        client.pings(b"ping").await;
        log.note(format!("a ping: {}", frames(&mut client).await));
        site.recorder().forgets();
    };
    let changes = [(
        Difference::DETACHED_PINGS,
        "a ping: \n",
        "a ping: Pong([112, 105, 110, 103])\n",
    )];
    compare(play, of(&changes)).await;
}

#[tokio::test]
async fn openings_that_a_client_would_fail_on() {
    let play = async |site: &Site, log: &mut Transcript| {
        let half = socket(&[], &[("OPEN", "OPEN\r\nTEXT 9\r\nm:half")]);
        let unasked = socket(&[("sec-websocket-protocol", "p9")], &[("OPEN", "OPEN\r\n")]);
        for (what, path) in [("half an event", half), ("a subprotocol", unasked)] {
            let status = site.try_socket(&path, &[]).await;
            let status = status.map_or_else(|refusal| refusal.status, |_| 101);
            log.note(format!("{what}: {status}"));
        }
        site.recorder().forgets();
    };
    let changes = [
        (
            Difference::HALF_EVENTS,
            "half an event: 101",
            "half an event: 502",
        ),
        (
            Difference::SUBPROTOCOLS,
            "a subprotocol: 101",
            "a subprotocol: 502",
        ),
    ];
    compare(play, of(&changes)).await;
}

#[tokio::test]
async fn headers_that_would_become_two() {
    let play = async |site: &Site, log: &mut Transcript| {
        let body = json!({"response": {"headers": {"X-A": "1\r\nX-B: 2"}, "body": "x"}});
        let answer = site.get(&instruct(&body.to_string(), &[])).await;
        log.note(format!(
            "an instruction: {} {:?}",
            answer.status(),
            answer.header("x-b")
        ));
        site.recorder().forgets();
    };
    let changes = [(
        Difference::HEADER_LINES,
        "an instruction: 200 \"2\"",
        "an instruction: 502 \"\"",
    )];
    compare(play, of(&changes)).await;
}

#[tokio::test]
async fn items_that_a_client_would_fail_on() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (what, format, content) in [
            (
                "a low status",
                "http-response",
                json!({"code": 99, "body": "x"}),
            ),
            (
                "no close code",
                "ws-message",
                json!({"action": "close", "code": 1005}),
            ),
            (
                "a long ping",
                "ws-message",
                json!({"type": "ping", "content": "x".repeat(126)}),
            ),
            (
                "a header",
                "http-response",
                json!({"headers": {"A": "1\r\nB: 2"}, "body": "x"}),
            ),
            (
                "no UTF-8",
                "ws-message",
                json!({"type": "text", "content-bin": "/w=="}),
            ),
        ] {
            let items = json!({"items": [{"channel": "news", format: content}]});
            let request = Request::new("POST", site.control(), "/publish/");
            let answer = request.body(items.to_string()).send().await;
            log.note(format!("{what}: {}", answer.status()));
        }
        site.recorder().forgets();
    };
    let refused = Expected::of_pushpin(Difference::ITEMS, replaced(": 200", ": 400"));
    compare(play, vec![refused]).await;
}

async fn open(site: &Site, bodies: &[(&str, String)]) -> Socket {
    let mut all = vec![("OPEN", "OPEN\r\n")];
    all.extend(bodies.iter().map(|(event, body)| (*event, body.as_str())));
    site.socket(&socket(&[], &all)).await
}

/// The frames that come within a moment.
async fn frames(client: &mut Socket) -> String {
    let mut frames = Vec::new();
    while let Ok(frame) = timeout(A_MOMENT, client.next()).await {
        let is_end = matches!(frame, Frame::Cut | Frame::Close(_));
        frames.push(format!("{frame:?}"));
        if is_end {
            break;
        }
    }
    frames.join(" ")
}

fn of<'a>(changes: &[(Difference, &'a str, &'a str)]) -> Vec<Expected<'a>> {
    let changes = changes.iter();
    changes
        .map(|&(difference, from, to)| Expected::of_pushpin(difference, replaced(from, to)))
        .collect()
}
