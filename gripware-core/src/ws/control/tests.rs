use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::Filter;

fn encode(message: &ControlMessage) -> String {
    message.encode(&Limits::default()).unwrap()
}

fn subscribe(name: &str) -> ControlMessage {
    ControlMessage::Subscribe {
        channel: Channel::new(name).unwrap(),
    }
}

fn keep_alive(keep_alive: WsKeepAlive) -> ControlMessage {
    ControlMessage::KeepAlive {
        keep_alive: Some(keep_alive),
    }
}

#[test]
fn every_type_has_the_form_that_proxies_read() {
    let secs = Duration::from_secs;
    let set_meta = |value: Option<&str>| ControlMessage::SetMeta {
        name: "user".into(),
        value: value.map(Into::into),
    };
    let filtered = Channel::new("w1").unwrap().with_filter(Filter::SkipSelf);
    for (message, json) in [
        (subscribe("w1"), r#"{"type":"subscribe","channel":"w1"}"#),
        (
            ControlMessage::Subscribe {
                channel: filtered.clone(),
            },
            r#"{"type":"subscribe","channel":"w1","filters":["skip-self"]}"#,
        ),
        (
            ControlMessage::Unsubscribe {
                channel: Channel::new("w1").unwrap(),
            },
            r#"{"type":"unsubscribe","channel":"w1"}"#,
        ),
        (ControlMessage::Detach, r#"{"type":"detach"}"#),
        (
            ControlMessage::Session {
                id: Some("s".into()),
            },
            r#"{"type":"session","id":"s"}"#,
        ),
        (
            ControlMessage::Session { id: None },
            r#"{"type":"session"}"#,
        ),
        (
            set_meta(Some("anna")),
            r#"{"type":"set-meta","name":"user","value":"anna"}"#,
        ),
        (
            set_meta(Some("")),
            r#"{"type":"set-meta","name":"user","value":""}"#,
        ),
        (set_meta(None), r#"{"type":"set-meta","name":"user"}"#),
        (
            keep_alive(WsKeepAlive::new(Frame::text("hi"))),
            r#"{"type":"keep-alive","content":"hi","message-type":"text","mode":"idle"}"#,
        ),
        (
            keep_alive(WsKeepAlive::new(Frame::ping("")).every(secs(30))),
            r#"{"type":"keep-alive","content":"","message-type":"ping","timeout":30,"mode":"interval"}"#,
        ),
        (
            keep_alive(WsKeepAlive::new(Frame::binary(&b"\xff\0"[..])).when_idle(secs(5))),
            r#"{"type":"keep-alive","content-bin":"/wA=","message-type":"binary","timeout":5,"mode":"idle"}"#,
        ),
        (
            ControlMessage::KeepAlive { keep_alive: None },
            r#"{"type":"keep-alive"}"#,
        ),
        (
            ControlMessage::SendDelayed {
                frame: Frame::pong("p"),
                timeout: Some(secs(2)),
            },
            r#"{"type":"send-delayed","content":"p","message-type":"pong","timeout":2}"#,
        ),
        (
            ControlMessage::SendDelayed {
                frame: Frame::text("t"),
                timeout: None,
            },
            r#"{"type":"send-delayed","content":"t","message-type":"text"}"#,
        ),
        (ControlMessage::FlushDelayed, r#"{"type":"flush-delayed"}"#),
    ] {
        let content = encode(&message);
        assert_eq!(content, format!("c:{json}"));
        assert_eq!(ControlMessage::decode(content.as_bytes()).unwrap(), message);
    }
}

#[test]
fn names_cannot_break_out_of_the_json() {
    let name = r#"a","type":"detach","x":"\u0000"#;
    let content = encode(&subscribe(name));
    assert_eq!(
        content,
        r#"c:{"type":"subscribe","channel":"a\",\"type\":\"detach\",\"x\":\"\\u0000"}"#
    );
    assert_eq!(
        ControlMessage::decode(content.as_bytes()).unwrap(),
        subscribe(name)
    );
}

#[test]
fn types_and_members_that_do_not_exist_are_told_apart() {
    let error = |json: &str| ControlMessage::decode(format!("c:{json}").as_bytes()).unwrap_err();
    for name in ["ack-delayed", "set-hold", "next", "Subscribe", ""] {
        let json = format!(r#"{{"type":"{name}"}}"#);
        assert!(matches!(error(&json), ControlError::UnknownType), "{name}");
    }
    let more = br#"c:{"type":"detach","reason":["x"]}"#;
    assert_eq!(
        ControlMessage::decode(more).unwrap(),
        ControlMessage::Detach
    );
}

#[test]
fn members_that_are_missing_or_wrong_are_named() {
    let member = |json: &str| match ControlMessage::decode(format!("c:{json}").as_bytes()) {
        Err(ControlError::InvalidMember { name }) => name,
        other => panic!("{json}: {other:?}"),
    };
    for (json, name) in [
        (r#"{"type":"subscribe"}"#, "channel"),
        (r#"{"type":"unsubscribe"}"#, "channel"),
        (r#"{"type":"set-meta","value":"x"}"#, "name"),
        (r#"{"type":"set-meta","name":""}"#, "name"),
        (r#"{"type":"send-delayed"}"#, "content"),
        (
            r#"{"type":"send-delayed","content":"x","message-type":"close"}"#,
            "message-type",
        ),
        (
            r#"{"type":"send-delayed","content-bin":"*"}"#,
            "content-bin",
        ),
        (
            r#"{"type":"send-delayed","content-bin":"/w=="}"#,
            "content-bin",
        ),
        (
            r#"{"type":"keep-alive","content":"x","mode":"often"}"#,
            "mode",
        ),
        (
            r#"{"type":"keep-alive","content":"x","timeout":4294967296}"#,
            "timeout",
        ),
    ] {
        assert_eq!(member(json), name);
    }
}

#[test]
fn what_is_no_json_object_of_the_right_types_is_refused() {
    for content in [
        &b"c:"[..],
        b"c:subscribe",
        b"c:[]",
        b"c:\"subscribe\"",
        b"c:{}",
        b"c:{\"type\":1}",
        b"c:{\"type\":\"detach\"} x",
        b"c:{\"type\":\"subscribe\",\"channel\":7}",
        b"c:{\"type\":\"subscribe\",\"channel\":\"a\",\"channel\":\"b\"}",
        b"c:{\"type\":\"subscribe\",\"channel\":\"a\",\"filters\":\"skip-self\"}",
        b"c:{\"type\":\"keep-alive\",\"content\":\"x\",\"timeout\":-1}",
        b"c:{\"type\":\"keep-alive\",\"content\":\"x\",\"timeout\":1.5}",
        b"c:{\"type\":\"set-meta\",\"name\":\"\xff\"}",
    ] {
        let error = ControlMessage::decode(content).unwrap_err();
        assert!(matches!(error, ControlError::Json(_)), "{error:?}");
    }
    for content in [&b""[..], b"m:hello", b"C:{}", b"{\"type\":\"detach\"}"] {
        let error = ControlMessage::decode(content).unwrap_err();
        assert!(matches!(error, ControlError::NoPrefix), "{error:?}");
    }
    let error = ControlMessage::decode(br#"c:{"type":"subscribe","channel":""}"#).unwrap_err();
    assert!(matches!(error, ControlError::Channel(ChannelError::Empty)));
}

#[test]
fn a_subscription_may_say_the_last_id_that_was_read() {
    let channel = Channel::new("a").unwrap().with_prev_id("7\"").unwrap();
    let message = ControlMessage::Subscribe { channel };
    let content = message.encode(&Limits::default()).unwrap();
    assert_eq!(
        content,
        r#"c:{"type":"subscribe","channel":"a","prev-id":"7\""}"#
    );
    assert_eq!(ControlMessage::decode(content.as_bytes()).unwrap(), message);
    let wrong = br#"c:{"type":"subscribe","channel":"a","prev-id":7}"#;
    let error = ControlMessage::decode(wrong).unwrap_err();
    assert!(matches!(error, ControlError::Json(_)), "{error}");
}

#[test]
fn what_a_proxy_would_drop_or_change_is_refused() {
    let limits = Limits::default();
    let error = |message: ControlMessage| message.encode(&limits).unwrap_err();

    let filters = std::iter::repeat_n(Filter::SkipSelf, 6);
    let channel = filters.fold(Channel::new("a").unwrap(), Channel::with_filter);
    assert!(matches!(
        error(ControlMessage::Subscribe { channel }),
        ControlError::TooManyFilters { count: 6, limit: 5 }
    ));

    for timeout in [
        Duration::ZERO,
        Duration::from_millis(1500),
        Duration::from_secs(1 << 31),
        Duration::MAX,
    ] {
        let late = ControlMessage::SendDelayed {
            frame: Frame::text("x"),
            timeout: Some(timeout),
        };
        assert!(matches!(
            error(late),
            ControlError::InvalidMember { name: "timeout" }
        ));
    }

    let ping = keep_alive(WsKeepAlive::new(Frame::ping(vec![b'x'; 126])));
    assert!(matches!(
        error(ping),
        ControlError::PingTooLarge {
            length: 126,
            limit: 125
        }
    ));
    let nameless = ControlMessage::SetMeta {
        name: String::new(),
        value: None,
    };
    assert!(matches!(
        error(nameless),
        ControlError::InvalidMember { name: "name" }
    ));
}

#[test]
fn a_control_message_may_have_16_384_bytes_and_not_one_more() {
    let of_length = |length: usize| {
        let around = r#"c:{"type":"set-meta","name":"a","value":""}"#.len();
        ControlMessage::SetMeta {
            name: "a".into(),
            value: Some("x".repeat(length - around)),
        }
    };
    assert_eq!(encode(&of_length(16_384)).len(), 16_384);
    assert!(matches!(
        of_length(16_385).encode(&Limits::default()),
        Err(ControlError::TooLarge {
            length: 16_385,
            limit: 16_384
        })
    ));
}

#[test]
fn times_of_zero_and_members_left_out_mean_the_defaults_of_proxies() {
    let decode = |json: &str| ControlMessage::decode(format!("c:{json}").as_bytes()).unwrap();
    assert_eq!(
        decode(r#"{"type":"keep-alive","content":"x","timeout":0}"#),
        keep_alive(WsKeepAlive::new(Frame::text("x")))
    );
    assert_eq!(
        decode(r#"{"type":"keep-alive","content":"x","content-bin":"eQ==","message-type":"ping"}"#),
        keep_alive(WsKeepAlive::new(Frame::ping("y")))
    );
    assert_eq!(
        decode(r#"{"type":"session","id":""}"#),
        ControlMessage::Session { id: None }
    );
}

#[test]
fn debug_shows_the_start_of_a_content_only() {
    let message = keep_alive(WsKeepAlive::new(Frame::binary(vec![0; 9_999])));
    assert!(format!("{message:?}").len() < 400);
}

#[test]
fn half_an_emoji_is_no_reason_to_fail() {
    let content = "c:\u{feff}{\"type\":\"set-meta\",\"name\":\"user\",\"value\":\"\\ud83d\"}";
    let message = ControlMessage::decode(content.as_bytes()).unwrap();
    let (name, value) = ("user".to_owned(), Some("\u{fffd}".to_owned()));
    assert_eq!(message, ControlMessage::SetMeta { name, value });
}

fn any_frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        ".{0,40}".prop_map(Frame::text),
        vec(any::<u8>(), 0..40).prop_map(Frame::binary),
        vec(any::<u8>(), 0..40).prop_map(Frame::ping),
        vec(any::<u8>(), 0..40).prop_map(Frame::pong),
    ]
}

fn any_message() -> impl Strategy<Value = ControlMessage> {
    let name = "[^\\pC]{1,20}";
    let timeout = || option::of((1..=i32::MAX as u64).prop_map(Duration::from_secs));
    prop_oneof![
        (name, vec(name, 0..5)).prop_map(|(name, filters)| {
            let channel = Channel::new(name).unwrap();
            let filters = filters
                .into_iter()
                .map(|name| Filter::custom(name).unwrap());
            ControlMessage::Subscribe {
                channel: filters.fold(channel, Channel::with_filter),
            }
        }),
        (".{1,20}", option::of(".{0,20}"))
            .prop_map(|(name, value)| ControlMessage::SetMeta { name, value }),
        (any_frame(), timeout())
            .prop_map(|(frame, timeout)| ControlMessage::SendDelayed { frame, timeout }),
        (any_frame(), timeout(), any::<bool>()).prop_map(|(frame, timeout, interval)| {
            keep_alive(WsKeepAlive::raw(frame, timeout, interval))
        }),
    ]
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_the_same(message in any_message()) {
        let content = encode(&message);
        prop_assert_eq!(ControlMessage::decode(content.as_bytes()).unwrap(), message);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(
        json in prop_oneof![vec(any::<u8>(), 0..100), ".*".prop_map(String::into_bytes)],
    ) {
        let _ = ControlMessage::decode(&[b"c:", &json[..]].concat());
    }
}
