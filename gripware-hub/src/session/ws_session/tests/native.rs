//! An origin that speaks WebSocket itself.

use crate::{
    session::ws_session::tests::*,
    ws::{FrameDecoder, Opcode, Sender, append, encode},
};

/// A session and its origin, which says `text ..`, `close ..` and the like.
struct Native {
    line: Script,
    decoder: FrameDecoder,
}

impl Native {
    fn new() -> Self {
        Self {
            line: Script::native(),
            decoder: FrameDecoder::of(Sender::Origin),
        }
    }

    fn origin(&mut self, all: &[&str]) {
        let mut frames = Vec::new();
        for what in all {
            let (kind, content) = what.split_once(' ').unwrap_or((what, ""));
            let opcode = match kind {
                "text" => Opcode::Text,
                "binary" => Opcode::Binary,
                "ping" => Opcode::Ping,
                "pong" => Opcode::Pong,
                _ => Opcode::Close,
            };
            let close = content.parse::<u16>().map(u16::to_be_bytes);
            match (opcode, close) {
                (Opcode::Close, Ok(code)) => append(&mut frames, opcode, &code),
                _ => append(&mut frames, opcode, content.as_bytes()),
            }
        }
        self.line.hears(&mut self.decoder, &frames);
    }

    /// What the origin is told, as far as the session has said it.
    fn told(&mut self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.line.session.next_told(self.line.now));
        told.map(|(kind, content)| match (kind, &*content) {
            (EventKind::Close, [a, b, ..]) => {
                format!("CLOSE {}", u16::from_be_bytes([*a, *b]))
            }
            _ => format!("{kind} {}", content.escape_ascii())
                .trim_ascii_end()
                .into(),
        })
        .collect()
    }
}

#[test]
fn messages_go_both_ways_and_control_messages_are_obeyed() {
    let mut native = Native::new();
    native.origin(&[
        r#"text c:{"type":"subscribe","channel":"news"}"#,
        "text m:one",
        "binary m:two",
        "text nothing",
        "ping p",
        r#"text c:{"type":"send-delayed","content":"late","timeout":2}"#,
    ]);
    assert_eq!(
        native.line.said(),
        [
            "subscribe news",
            "note: a message without the message prefix is dropped",
            "text one",
            "binary two",
            "ping p",
        ]
    );
    native.line.client("text hi");
    native.line.client("ping x");
    native.line.client("binary there");
    native.line.no_turn();
    assert_eq!(native.told(), ["TEXT hi", "PING x", "BINARY there"]);
    native.line.wait();
    assert_eq!(native.line.said(), ["text late"]);
    assert!(!native.line.session.leaves_origin());
}

#[test]
fn what_comes_in_pieces_is_one_message() {
    let mut native = Native::new();
    let mut frames = encode(Opcode::Text, b"m:whole").to_vec();
    frames.extend_from_slice(b"\x01\x01m\x89\x01p\x80\x04:mix");
    for byte in frames {
        native.line.hears(&mut native.decoder, &[byte]);
    }
    assert_eq!(native.line.said(), ["text whole", "ping p", "text mix"]);
}

#[test]
fn the_origin_answers_the_clients_close() {
    let mut native = Native::new();
    native.line.client("text last");
    native.line.client("close 4000 bye");
    assert_eq!(native.told(), ["TEXT last", "CLOSE 4000"]);
    native.origin(&["text m:x", "close 4001"]);
    assert_eq!(native.line.said(), ["text x", "close 4001", "end"]);
    assert!(native.line.session.leaves_origin() && !native.line.session.is_over());
    native.line.session.has_told_all();
    assert!(native.line.session.is_over());
}

#[test]
fn a_close_that_is_not_answered_in_time_or_at_all_is_answered_for_the_origin() {
    for ends in [true, false] {
        let mut native = Native::new();
        native.line.client("close 4000 bye");
        assert_eq!(native.told(), ["CLOSE 4000"]);
        if ends {
            native.line.origin_ends(None);
        } else {
            assert_eq!(native.line.wait().as_secs(), 10);
        }
        let note = "note: the origin does not answer the client's close";
        assert_eq!(native.line.said(), [note, "close 4000 bye", "end"]);
        assert!(native.line.session.leaves_origin());
    }
}

#[test]
fn the_client_answers_the_origins_close_and_an_items() {
    for by_item in [true, false] {
        let mut native = Native::new();
        if by_item {
            native.line.item_closes(4002, "");
        } else {
            native.origin(&["close 4002", "text m:late"]);
        }
        assert_eq!(native.line.said(), ["close 4002"]);
        assert!(!native.line.session.leaves_origin());
        native.origin(&["text m:later"]);
        native.line.client("close 4002");
        assert_eq!(native.told(), ["CLOSE 4002"]);
        assert_eq!(native.line.said(), ["end"]);
        assert!(native.line.session.leaves_origin());
    }
}

#[test]
fn a_client_that_is_gone_ends_the_origins_connection_without_a_close() {
    let mut native = Native::new();
    native.line.client("text last");
    native.line.session.gone();
    assert!(!native.line.session.leaves_origin());
    assert_eq!(native.told(), ["TEXT last", "DISCONNECT"]);
    assert!(native.line.session.leaves_origin());
}

#[test]
fn an_origin_that_is_gone_ends_the_client_without_a_close() {
    let mut native = Native::new();
    native.line.client("text lost");
    native.line.origin_ends(None);
    assert_eq!(native.line.said(), ["end"]);
    assert!(native.line.session.is_over());
}

#[test]
fn an_origin_that_is_given_up_or_breaks_the_protocol_closes_the_client_with_1011() {
    for masked in [true, false] {
        let mut native = Native::new();
        native.line.client("text lost");
        if masked {
            let mut decoder = FrameDecoder::of(Sender::Origin);
            native.line.hears(&mut decoder, b"\x81\x81mask.");
        } else {
            native.line.origin_ends(Some("the origin takes nothing"));
        }
        let said = native.line.said();
        assert!(said[0].starts_with("note: the origin "), "{said:?}");
        assert_eq!(said[1], "close 1011");
        assert!(native.told().is_empty());
        assert!(native.line.session.leaves_origin());
    }
}

#[test]
fn a_client_that_is_detached_stays_when_the_origin_is_left() {
    let mut native = Native::new();
    native.line.client("text not told any more");
    native.origin(&[
        "text m:before",
        r#"text c:{"type":"detach"}"#,
        r#"text c:{"type":"detach"}"#,
        "text m:after",
    ]);
    assert_eq!(native.line.said(), ["text before"]);
    assert_eq!(native.told(), ["CLOSE"]);
    assert!(native.line.session.leaves_origin());
    native.origin(&["close"]);
    native.line.origin_ends(None);
    native.line.client("text nobody hears it");
    native.line.client("ping p");
    assert!(native.line.session.takes_items());
    assert_eq!(native.line.said(), ["pong p"]);
    native.line.client("close 4000 bye");
    assert_eq!(native.line.said(), ["close 4000 bye", "end"]);
    assert!(native.told().is_empty());
    assert!(native.line.session.leaves_origin());
}

#[test]
fn a_client_that_has_closed_before_it_is_detached_is_answered() {
    let mut native = Native::new();
    native.line.client("close 4000");
    native.origin(&[r#"text c:{"type":"detach"}"#]);
    assert_eq!(native.line.said(), ["close 4000", "end"]);
    assert_eq!(native.told(), ["CLOSE 4000"]);
    assert!(native.line.session.leaves_origin());
}

#[test]
fn a_slow_origin_keeps_the_client_from_being_read() {
    let mut native = Native::new();
    for _ in 0..1_024 {
        assert!(native.line.session.wants_more());
        native.line.client("text x");
    }
    assert!(!native.line.session.wants_more());
    assert!(native.line.session.next_told(native.line.now).is_some());
    assert!(native.line.session.wants_more());
}
