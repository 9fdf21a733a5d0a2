use std::time::Duration;

use gripware_interop::{Difference, Frame, Site};
use serde_json::json;

use crate::{
    Expected, compare,
    http::expected,
    origin::{event, say, socket},
    replaced,
    transcript::Transcript,
};

#[tokio::test]
async fn a_conversation_with_its_headers() {
    let play = async |site: &Site, log: &mut Transcript| {
        let headers = [
            ("cookie", "a=1"),
            ("origin", "http://elsewhere"),
            ("authorization", "Bearer x"),
            ("sec-websocket-protocol", "p1, p2"),
            (
                "sec-websocket-extensions",
                "permessage-deflate; client_max_window_bits",
            ),
            ("meta-user", "forged"),
            ("connection-id", "forged"),
            ("grip-sig", "forged"),
        ];
        let opened = [
            ("sec-websocket-protocol", "p2"),
            ("set-meta-user", "anna"),
            ("set-meta-gone", "x"),
            ("keep-alive-interval", "30"),
            ("x-own", "1"),
            ("set-cookie", "b=2"),
        ];
        let open = format!("OPEN\r\n{}", event("TEXT", "m:hello"));
        let yes = event("TEXT", "m:yes");
        let bodies = [
            ("OPEN", open.as_str()),
            ("TEXT", &yes),
            ("BINARY", &yes),
            ("PING", &event("PONG", "pong")),
            ("CLOSE", &event("CLOSE", "\u{f}\u{21}")),
        ];
        let path = socket(&opened, &bodies);
        let mut client = site.try_socket(&path, &headers).await.expect("a WebSocket");
        log.socket("opens", &client);
        log.frame("gets", &mut client).await;
        for text in ["one", ""] {
            client.sends(text).await;
            log.frame(text, &mut client).await;
        }
        client.sends_binary(b"\x00\xff").await;
        log.frame("binary", &mut client).await;
        client.pings(b"ping").await;
        log.frame("ping", &mut client).await;
        client.closes(1000, "done").await;
        log.frame("closed", &mut client).await;
    };
    compare(play, expected()).await;
}

#[tokio::test]
async fn what_the_origin_says_reaches_the_client_in_its_kind() {
    let play = async |site: &Site, log: &mut Transcript| {
        let events = [
            "OPEN\r\n".to_owned(),
            event("TEXT", "m:text"),
            event("TEXT", "m:"),
            event("BINARY", "m:binary"),
            event("TEXT", "dropped"),
            event("BINARY", "c:{\"type\":\"detach\"}"),
            event("TEXT", "c:no JSON"),
            event("TEXT", "c:{\"type\":\"unknown\"}"),
            event("PING", "are you there"),
            event("PONG", "here"),
            event("TEXT", "m:last"),
        ];
        let mut client = site
            .socket(&socket(&[], &[("OPEN", &events.concat())]))
            .await;
        for _ in 0..6 {
            log.frame("gets", &mut client).await;
        }
    };
    compare(play, expected()).await;
}

#[tokio::test]
async fn control_messages_are_obeyed() {
    let play = async |site: &Site, log: &mut Transcript| {
        let control = |message: &str| event("TEXT", &format!("c:{message}"));
        let open = [
            "OPEN\r\n".to_owned(),
            control(r#"{"type":"subscribe","channel":"a","filters":["skip-self","var-subst"]}"#),
            control(r#"{"type":"subscribe","channel":"b"}"#),
            control(r#"{"type":"subscribe","channel":"c"}"#),
            control(r#"{"type":"unsubscribe","channel":"b"}"#),
            control(r#"{"type":"set-meta","name":"user","value":"anna"}"#),
            control(r#"{"type":"subscribe"}"#),
        ]
        .concat();
        let texts = [
            control(r#"{"type":"send-delayed","content":"one","timeout":1}"#),
            control(r#"{"type":"send-delayed","content":"two","timeout":60}"#),
            control(r#"{"type":"flush-delayed"}"#),
        ]
        .concat();
        let path = socket(&[], &[("OPEN", &open), ("TEXT", &texts)]);
        let mut client = site.socket(&path).await;
        site.subscriptions("a", 1).await;
        site.subscriptions("c", 1).await;
        for item in [
            json!({"channel": "a", "ws-message": {"content": "to %(user)s"}}),
            json!({"channel": "a", "meta": {"sender": "anna"}, "ws-message": {"content": "own"}}),
            json!({"channel": "b", "ws-message": {"content": "no"}}),
            json!({"channel": "c", "ws-message": {"content-bin": "AP8="}}),
            json!({"channel": "c", "ws-message": {"content-bin": "aGk=", "type": "text"}}),
            json!({"channel": "c", "ws-message": {"content": "hi", "type": "binary"}}),
            json!({"channel": "c", "ws-message": {"content": "p", "type": "ping"}}),
            json!({"channel": "c", "ws-message": {"content": "x", "type": "pong"}}),
            json!({"channel": "c", "ws-message": {"action": "hint"}}),
            json!({"channel": "c", "ws-message": {"content": ""}}),
        ] {
            site.publish(&item.to_string()).await;
        }
        for _ in 0..7 {
            log.frame("gets", &mut client).await;
        }
        client.sends("delay").await;
        log.frame("gets", &mut client).await;
        log.frame("gets", &mut client).await;
        site.publish(
            r#"{"channel": "c", "ws-message": {"action": "close", "code": 4001, "reason": "bye"}}"#,
        )
        .await;
        log.frame("closed", &mut client).await;
        // Its answer goes out when it reads on.
        log.frame("ends", &mut client).await;
        site.recorder().is_told(b"CLOSE").await;
    };
    let end = |transcript: &str| {
        transcript
            .replace("content-length: 7\n", "content-length: 16\n")
            .replace(
                r#"body "CLOSE\r\n""#,
                r#"body "CLOSE 5\r\n\x0f\xa1bye\r\n""#,
            )
    };
    let mut expected = expected();
    expected.push(Expected::of_pushpin(Difference::PUBLISHED_CLOSES, end));
    compare(play, expected).await;
}

#[tokio::test]
async fn prefixes_are_what_the_origin_says() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (extension, texts) in [
            ("grip", ["m:a", ">>b", "c"]),
            ("grip; message-prefix=\"\"", ["m:a", ">>b", "c"]),
            ("grip; message-prefix=\">>\"", ["m:a", ">>b", "c"]),
        ] {
            let mut events = "OPEN\r\n".to_owned();
            for text in texts {
                events.push_str(&event("TEXT", text));
            }
            events.push_str(&event("CLOSE", "\u{f}\u{7f}"));
            let headers = [
                ("content-type", "application/websocket-events"),
                ("sec-websocket-extensions", extension),
            ];
            let mut client = site.socket(&say(200, &headers, &events)).await;
            loop {
                let frame = client.next().await;
                log.note(format!("{extension}: {frame:?}"));
                if matches!(frame, Frame::Close(_) | Frame::Cut) {
                    break;
                }
            }
        }
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn an_event_of_an_unknown_type() {
    let play = async |site: &Site, log: &mut Transcript| {
        let open = format!("OPEN\r\n{}", event("UNKNOWN", "what is it"));
        let client = site.try_socket(&socket(&[], &[("OPEN", &open)]), &[]).await;
        log.note(
            client
                .map_or_else(|refusal| refusal.status, |_| 101)
                .to_string(),
        );
        site.recorder().forgets();
    };
    let refused = Expected::of_pushpin(Difference::UNKNOWN_EVENTS, replaced("101", "502"));
    compare(play, vec![refused]).await;
}

#[tokio::test]
async fn closes_of_the_origin() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (what, events) in [
            ("a code", event("CLOSE", "\u{f}\u{21}")),
            ("a code and a reason", event("CLOSE", "\u{f}\u{21}bye")),
            ("no code", "CLOSE\r\n".to_owned()),
            ("half a code", event("CLOSE", "\u{f}")),
            (
                "a message before",
                format!("{}CLOSE\r\n", event("TEXT", "m:last")),
            ),
            (
                "a message after",
                format!("CLOSE\r\n{}", event("TEXT", "m:too late")),
            ),
            ("a disconnect", "DISCONNECT\r\n".to_owned()),
        ] {
            let mut client = site
                .socket(&socket(&[], &[("OPEN", "OPEN\r\n"), ("TEXT", &events)]))
                .await;
            client.sends("now").await;
            loop {
                let frame = client.next().await;
                log.note(format!("{what}: {frame:?}"));
                if matches!(frame, Frame::Close(_) | Frame::Cut) {
                    break;
                }
            }
        }
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn connections_that_are_not_accepted() {
    let play = async |site: &Site, log: &mut Transcript| {
        let events = "application/websocket-events";
        for path in [
            say(
                403,
                &[("content-type", "text/plain"), ("x-own", "1")],
                "no\n",
            ),
            say(401, &[("www-authenticate", "Basic")], ""),
            say(302, &[("location", "/elsewhere")], ""),
            say(200, &[("content-type", "text/plain")], "OPEN\r\n"),
            say(
                200,
                &[(
                    "content-type",
                    "application/websocket-events; charset=utf-8",
                )],
                "OPEN\r\n",
            ),
            say(204, &[("content-type", events)], ""),
            say(200, &[("content-type", events)], ""),
            say(200, &[("content-type", events)], "OPEN\n"),
            say(200, &[("content-type", events)], "TEXT 1\r\nx\r\n"),
        ] {
            let answer = site
                .request("GET", &path)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .send()
                .await;
            if answer.status() == 502 {
                // The words are each proxy's own.
                log.note(format!("client {path}: 502"));
            } else {
                log.answer(&path, answer).await;
            }
        }
        site.recorder().forgets();
    };
    let expected = Expected::of_pushpin(
        Difference::EVENTS_TYPE,
        replaced(
            "charset%3Dutf-8: 200 OK\n  content-length: 6\n  \
             content-type: application/websocket-events; charset=utf-8\n  body \"OPEN\\r\\n\"\n",
            "charset%3Dutf-8: 101 Switching Protocols\n  sec-websocket-accept: (a key)\n  \
             upgrade: websocket\n  body \"\"\n",
        ),
    );
    compare(play, vec![expected]).await;
}

#[tokio::test]
async fn messages_that_come_meanwhile_go_together() {
    let play = async |site: &Site, log: &mut Transcript| {
        let mut client = site.socket("/ws/log").await;
        client.sends("first").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.sends_binary(b"second").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.closes(4002, "enough").await;
        log.frame("closed", &mut client).await;
        let vanishing = site.socket("/ws/log").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        vanishing.vanishes();
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    compare(play, expected()).await;
}
