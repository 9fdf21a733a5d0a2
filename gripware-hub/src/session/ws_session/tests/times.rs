use std::time::Duration;

use crate::session::{OriginFailure, ws_session::tests::*};

const SECOND: Duration = Duration::from_secs(1);

fn control(json: &str) -> String {
    let text = format!("c:{json}");
    format!("TEXT {:x}\r\n{text}\r\n", text.len())
}

fn told(json: &str) -> Script {
    let headers = [("sec-websocket-extensions", "grip")];
    Script::open(&headers, &format!("OPEN\r\n{}", control(json)))
}

#[test]
fn an_idle_session_is_polled_after_its_interval() {
    let mut line = Script::polled();
    assert_eq!(line.wait(), 30 * SECOND);
    assert_eq!(line.turn(), "");
    assert_eq!(line.session.next_deadline(), None);
    line.pass(5 * SECOND);
    line.answer("TEXT 1\r\na\r\n");
    assert_eq!(line.said(), ["text a"]);
    line.pass(29 * SECOND);
    line.no_turn();
    line.client("text 1");
    line.turn();
    line.pass(29 * SECOND);
    line.answer("");
    assert_eq!(line.wait(), 30 * SECOND);
}

#[test]
fn an_interval_has_a_minimum_and_is_kept_until_it_is_changed() {
    let settings = WsSettings {
        min_keep_alive_interval: 2 * SECOND,
        ..WsSettings::default()
    };
    for (settings, waited) in [(settings, 2), (WsSettings::default(), 20)] {
        let mut line = Script::open_with(settings, &[("keep-alive-interval", "1")], "OPEN\r\n");
        for _ in 0..2 {
            assert_eq!(line.wait(), waited * SECOND);
            line.turn();
            line.answer("");
        }
        line.wait();
        line.turn();
        line.answer_with(&[("keep-alive-interval", "90")], "");
        assert_eq!(line.wait(), 90 * SECOND);
    }
    for off in ["0", "-1", "soon", ""] {
        let mut line = Script::polled();
        line.client("text 1");
        line.turn();
        line.answer_with(&[("keep-alive-interval", off)], "");
        assert_eq!(line.session.next_deadline(), None, "{off:?}");
    }
}

#[test]
fn a_client_is_kept_alive_while_nothing_else_is_sent() {
    let mut line = told(r#"{"type":"keep-alive","content":"k","timeout":30}"#);
    assert_eq!(line.wait(), 30 * SECOND);
    assert_eq!(line.said(), ["text k"]);
    line.pass(20 * SECOND);
    line.session.sent(line.now);
    assert_eq!(line.wait(), 30 * SECOND);
    line.pass(20 * SECOND);
    line.client("text 1");
    line.turn();
    line.answer("TEXT 3\r\nm:x\r\n");
    assert_eq!(line.said(), ["text k", "text x"]);
    assert_eq!(line.wait(), 30 * SECOND);
    line.client("text 2");
    line.turn();
    line.answer(&control(r#"{"type":"keep-alive"}"#));
    assert_eq!(line.session.next_deadline(), None);
    assert!(line.session.timers.is_none());
}

#[test]
fn an_interval_is_kept_whatever_else_is_sent() {
    let mut line =
        told(r#"{"type":"keep-alive","message-type":"ping","content":"","mode":"interval"}"#);
    line.pass(50 * SECOND);
    line.session.sent(line.now);
    assert_eq!(line.wait(), 5 * SECOND);
    assert_eq!(line.said(), ["ping"]);
    assert_eq!(line.wait(), 55 * SECOND);
}

#[test]
fn a_delayed_message_waits_for_its_time_or_the_next_one() {
    let mut line = told(r#"{"type":"send-delayed","content":"1"}"#);
    assert_eq!(line.wait(), SECOND);
    assert_eq!(line.said(), ["text 1"]);
    assert_eq!(line.session.next_deadline(), None);

    line.client("text x");
    line.turn();
    let later = control(r#"{"type":"send-delayed","content":"2","timeout":9}"#);
    let ping = r#"{"type":"send-delayed","content":"3","message-type":"ping","timeout":7}"#;
    line.answer(&[later, control(ping)].concat());
    assert_eq!(line.said(), ["text 2"]);
    assert_eq!(line.wait(), 7 * SECOND);
    assert_eq!(line.said(), ["ping 3"]);
}

#[test]
fn a_delayed_message_can_be_sent_at_once() {
    let flush = control(r#"{"type":"flush-delayed"}"#);
    let mut line = told(r#"{"type":"send-delayed","content":"1"}"#);
    line.client("text x");
    line.turn();
    line.answer(&[flush.clone(), flush].concat());
    assert_eq!(line.said(), ["text 1"]);
    assert_eq!(line.session.next_deadline(), None);
}

#[test]
fn a_closed_client_gets_no_more_of_anything() {
    let mut line = told(r#"{"type":"keep-alive","content":"k"}"#);
    line.session.refresh();
    line.end();
    line.session.refresh();
    line.no_turn();
    assert_eq!(line.wait(), 10 * SECOND);
    assert_eq!(line.said(), ["close 1001", "end"]);
}

#[test]
fn a_request_that_does_not_reach_the_origin_is_sent_again_with_what_is_new() {
    let mut line = Script::plain();
    line.client("text 1");
    line.turn();
    for attempt in 0..5 {
        line.unreached();
        line.no_turn();
        line.client("text");
        let delay = SECOND * (1 << attempt) + Duration::from_millis(500);
        assert_eq!(line.wait(), delay);
        let empty = r"TEXT\r\n".repeat(attempt + 1);
        assert_eq!(line.turn(), format!(r"TEXT 1\r\n1\r\n{empty}"));
    }
    line.unreached();
    assert_eq!(line.said()[1..], ["close 1011"]);
}

#[test]
fn attempts_are_counted_for_each_request() {
    let mut line = Script::plain();
    for _ in 0..2 {
        line.client("text 1");
        line.turn();
        for _ in 0..3 {
            line.unreached();
            line.wait();
            line.turn();
        }
        line.answer("");
    }
    assert_eq!(line.said(), [""; 0]);
}

#[test]
fn a_poll_and_the_last_word_are_repeated_too() {
    let mut line = Script::polled();
    line.wait();
    line.turn();
    line.unreached();
    line.wait();
    assert_eq!(line.turn(), "");
    line.session.gone();
    line.unreached();
    line.wait();
    assert_eq!(line.turn(), r"DISCONNECT\r\n");
    for _ in 1..4 {
        line.unreached();
        line.wait();
        line.turn();
    }
    line.unreached();
    assert!(line.session.is_over());
}

#[test]
fn an_origin_that_may_have_seen_a_request_is_not_asked_again() {
    let mut line = Script::plain();
    line.client("text 1");
    line.turn();
    line.outcome(Err(OriginFailure::Failed));
    assert_eq!(line.said()[1..], ["close 1011"]);
    line.no_turn();
}
