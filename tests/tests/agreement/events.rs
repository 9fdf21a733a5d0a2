//! WebSocket-over-HTTP: bodies that one encodes and another decodes.

use std::cell::RefCell;

use bytes::Bytes;
use gripware_core::{
    Channel, Filter, Limits,
    ws::{Close, ControlMessage, Event, EventKind, decode, encode},
};
use gripware_interop::Peer;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::{bytes, from_bytes, peers};

fn event() -> impl Strategy<Value = Event> {
    let content = prop_oneof![
        vec(any::<u8>(), 0..40),
        // What framing itself is made of.
        "(TEXT|OPEN| |[0-9a-f]|\r\n|\r|\n){0,8}".prop_map(String::into_bytes),
        Just(vec![b'x'; 70_000]),
    ];
    prop_oneof![
        Just(Event::open()),
        Just(Event::disconnect()),
        ".{0,20}".prop_map(Event::text),
        content.clone().prop_map(Event::binary),
        content.clone().prop_map(Event::ping),
        content.prop_map(Event::pong),
        (3000_u16..5000, "[a-zé]{0,20}").prop_map(|(code, reason)| {
            let close = Close::parse(&[&code.to_be_bytes(), reason.as_bytes()].concat());
            Event::close(&close)
        }),
    ]
}

fn check_random_bodies(check: impl Fn(&mut Peer, &[Event])) {
    for peer in peers() {
        // The decoder of @fanoutio/grip takes time with the square of the body's length.
        let peer = RefCell::new(peer);
        let mut runner = TestRunner::new(Config {
            cases: 100,
            failure_persistence: None,
            ..Config::default()
        });
        let result = runner.run(&vec(event(), 0..5), |events| {
            check(&mut peer.borrow_mut(), &events);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{}: {error}", peer.borrow().name()));
    }
}

/// An event as peers write it. No content and an empty one are the same to a proxy (GRIP 2.1).
fn as_theirs(event: &Event) -> Value {
    let content = match event.content() {
        content if content.is_empty() => Value::Null,
        content => bytes(content),
    };
    json!({"type": event.kind().as_str(), "content": content})
}

#[test]
fn what_we_encode_is_decoded_there() {
    check_random_bodies(|peer, events| {
        let body = encode(events);
        let theirs = peer
            .ask("decode", &json!({"body": bytes(body)}))
            .expect("events");
        let ours: Vec<_> = events.iter().map(as_theirs).collect();
        assert_eq!(theirs, Value::from(ours));
    });
}

#[test]
fn what_they_encode_is_decoded_here() {
    check_random_bodies(|peer, events| {
        let theirs: Vec<_> = events
            .iter()
            .map(|event| match event.kind() {
                EventKind::Open | EventKind::Disconnect => as_theirs(event),
                // With content that is empty but there, they write `TEXT 0`.
                kind => json!({"type": kind.as_str(), "content": bytes(event.content())}),
            })
            .collect();
        let body = peer
            .ask("encode", &json!({"events": theirs}))
            .expect("a body");
        let decoded = decode(from_bytes(&body).into(), &Limits::default()).expect("events");
        assert_eq!(decoded, events);
    });
}

/// Bodies that are refused here: whether gripcontrol and @fanoutio/grip refuse them too.
const REFUSED: &[(&[u8], bool, bool)] = &[
    (b"OPEN", true, true),
    (b"OPEN\n", true, true),
    (b"\xff 2\r\nhi\r\n", true, false),
    (b"TEXT zz\r\nhi\r\n", true, false),
    (b"TEXT \r\nhi\r\n", true, false),
    // Both take what is there for the whole content.
    (b"TEXT 5\r\nhi\r\n", false, false),
    (b"TEXT 2\r\nhi", false, false),
    (b"TEXT 2\r\nhiXX", false, false),
    // Both read numbers as their language writes them.
    (b"TEXT +2\r\nhi\r\n", true, false),
    (b"TEXT 0x2\r\nhi\r\n", true, false),
    (b"TEXT 1_0\r\n0123456789\r\n", false, false),
    // Neither knows what kinds there are.
    (b"TYPO 2\r\nhi\r\n", false, false),
    (b"\r\n", false, false),
    (b"OPEN 2\r\nhi\r\n", false, false),
];

#[test]
fn what_is_refused_here_may_be_taken_there() {
    let [mut python, mut node] = peers();
    for (body, by_python, by_node) in REFUSED {
        assert!(decode(Bytes::from_static(body), &Limits::default()).is_err());
        let question = json!({"body": bytes(body)});
        let refuses = |peer: &mut Peer| peer.ask("decode", &question).is_err();
        let said = (refuses(&mut python), refuses(&mut node));
        assert_eq!(said, (*by_python, *by_node), "{}", body.escape_ascii());
    }
}

#[test]
fn control_messages_are_the_same_json() {
    let hostile = "a,b; \"c\" \\ é ☃ </script>\u{2028}";
    let channel = Channel::new(hostile)
        .expect("a name")
        .with_filter(Filter::SkipSelf);
    let messages = [
        (
            ControlMessage::Subscribe { channel },
            json!({"type": "subscribe", "args": {"channel": hostile, "filters": ["skip-self"]}}),
        ),
        (
            ControlMessage::Unsubscribe {
                channel: Channel::new(hostile).expect("a name"),
            },
            json!({"type": "unsubscribe", "args": {"channel": hostile}}),
        ),
        (ControlMessage::Detach, json!({"type": "detach"})),
        (
            ControlMessage::SetMeta {
                name: "user".to_owned(),
                value: Some(hostile.to_owned()),
            },
            json!({"type": "set-meta", "args": {"name": "user", "value": hostile}}),
        ),
        (
            ControlMessage::SetMeta {
                name: "user".to_owned(),
                value: None,
            },
            json!({"type": "set-meta", "args": {"name": "user"}}),
        ),
        (
            ControlMessage::FlushDelayed,
            json!({"type": "flush-delayed"}),
        ),
    ];
    for mut peer in peers() {
        for (message, question) in &messages {
            let ours = message.encode(&Limits::default()).expect("a message");
            let theirs = peer.ask("control", question).expect("a message");
            let theirs = theirs.as_str().expect("text");
            let json = ours
                .strip_prefix("c:")
                .expect("the prefix of control messages");
            let parsed = |json: &str| serde_json::from_str::<Value>(json).expect("JSON");
            assert_eq!(parsed(json), parsed(theirs), "{}", peer.name());
            let read = ControlMessage::decode(format!("c:{theirs}").as_bytes());
            assert_eq!(&read.expect("a message"), message);
        }
    }
}
