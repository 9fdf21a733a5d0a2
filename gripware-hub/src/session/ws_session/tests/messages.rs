use http::Response;

use super::line::response;
use crate::session::ws_session::tests::*;

#[test]
fn what_comes_while_a_request_is_under_way_is_told_in_the_next() {
    let mut line = Script::grip();
    line.no_turn();
    line.client("text 1");
    assert_eq!(line.turn(), r"TEXT 1\r\n1\r\n");
    for message in ["text 2", "binary 3", "text", "ping p", "pong"] {
        line.client(message);
    }
    line.no_turn();
    line.answer("");
    assert_eq!(
        line.turn(),
        r"TEXT 1\r\n2\r\nBINARY 1\r\n3\r\nTEXT\r\nPING 1\r\np\r\nPONG\r\n"
    );
    line.answer("PONG 1\r\np\r\n");
    line.no_turn();
    assert_eq!(line.said(), ["pong p"]);
}

#[test]
fn messages_with_the_prefix_reach_the_client_and_others_are_said_in_the_log() {
    let mut line = Script::grip();
    line.client("text x");
    line.turn();
    line.answer("TEXT 3\r\nm:a\r\nBINARY 3\r\nm:b\r\nTEXT 1\r\nc\r\nBINARY 4\r\nc:{}\r\nPING\r\n");
    assert_eq!(
        line.said(),
        [
            "note: a message without the message prefix is dropped",
            "text a",
            "binary b",
            "ping",
        ]
    );
}

#[test]
fn another_prefix_may_be_agreed_on_and_be_empty() {
    for (extension, body, said) in [
        ("grip; message-prefix=\"\"", "TEXT 3\r\nm:x\r\n", "text m:x"),
        ("grip; message-prefix=\">>\"", "TEXT 3\r\n>>q\r\n", "text q"),
    ] {
        let opening = format!("OPEN\r\n{body}TEXT 13\r\nc:{{\"type\":\"x\"}}\r\n");
        let opening = opening.replace("TEXT 13", "TEXT e");
        let mut line = Script::open(&[("sec-websocket-extensions", extension)], &opening);
        let all = line.said();
        assert!(
            all[0].starts_with("note: a control message is ignored"),
            "{all:?}"
        );
        assert_eq!(all[1..], [said]);
    }
}

#[test]
fn without_grip_everything_is_for_the_client() {
    let mut line = Script::open(&[], "OPEN\r\nTEXT 3\r\nm:x\r\nTEXT 4\r\nc:{}\r\n");
    assert_eq!(line.said(), ["text m:x", "text c:{}"]);
}

#[test]
fn control_messages_are_obeyed_in_their_order() {
    let mut line = Script::grip();
    line.session.refresh();
    assert_eq!(line.turn(), "");
    let controls = [
        r#"c:{"type":"subscribe","channel":"a"}"#,
        "m:1",
        r#"c:{"type":"unsubscribe","channel":"a"}"#,
        r#"c:{"type":"set-meta","name":"user","value":"anna"}"#,
        r#"c:{"type":"set-meta","name":"user"}"#,
        r#"c:{"type":"session","id":"s"}"#,
        r#"c:{"type":"subscribe","channel":"b","filters":["a","a","a","a","a","a"]}"#,
        "c:nonsense",
        "m:2",
    ];
    let body = controls.map(|text| format!("TEXT {:x}\r\n{text}\r\n", text.len()));
    line.answer(&body.concat());
    let said = line.said();
    assert_eq!(
        said[..5],
        [
            "subscribe a",
            "text 1",
            "unsubscribe a",
            "meta user Some(\"anna\")",
            "meta user None",
        ]
    );
    assert!(
        said[5..8].iter().all(|note| note.starts_with("note: ")),
        "{said:?}"
    );
    assert_eq!(said[8..], ["text 2"]);
}

#[test]
fn a_control_message_over_the_limit_is_ignored_and_the_next_message_is_not() {
    let mut line = Script::grip();
    line.client("text x");
    line.turn();
    let text = format!(
        r#"c:{{"type":"subscribe","channel":"{}"}}"#,
        "x".repeat(16_400)
    );
    line.answer(&format!(
        "TEXT {:x}\r\n{text}\r\nTEXT 3\r\nm:y\r\n",
        text.len()
    ));
    let said = line.said();
    assert!(said[0].contains("over the limit"), "{said:?}");
    assert_eq!(said[1..], ["text y"]);
}

#[test]
fn meta_goes_with_every_request_until_it_is_set_to_nothing() {
    let mut line = Script::open(&[("Set-Meta-User", "anna")], "OPEN\r\n");
    line.client("text 1");
    assert_eq!(line.turn_with_headers().0, "meta-user: anna");
    line.answer_with(&[("set-meta-user", "")], "");
    line.client("text 2");
    line.turn();
}

#[test]
fn what_is_not_accepted_is_offered_again_with_what_is_new() {
    let mut line = Script::plain();
    line.client("text abc");
    line.client("text def");
    line.turn();
    line.answer_with(&[("content-bytes-accepted", "4")], "TEXT 2\r\nok\r\n");
    assert_eq!(line.said(), ["text ok"]);
    line.no_turn();
    line.client("text g");
    let expected = (
        "content-bytes-replayed: 2",
        r"TEXT 2\r\nef\r\nTEXT 1\r\ng\r\n",
    );
    assert_eq!(
        line.turn_with_headers(),
        (expected.0.into(), expected.1.into())
    );
    line.answer_with(&[("content-bytes-accepted", "3")], "");
    line.client("text h");
    assert_eq!(line.turn(), r"TEXT 1\r\nh\r\n");
}

#[test]
fn wrong_acceptance_ends_the_session_with_1011() {
    for count in ["4", "-1", "+1", "", "x", "99999999999999999999999"] {
        let mut line = Script::plain();
        line.client("text abc");
        line.turn();
        line.answer_with(&[("content-bytes-accepted", count)], "");
        let said = line.said();
        assert!(said[0].starts_with("note: "), "{said:?}");
        assert_eq!(said[1..], ["close 1011"], "{count}");
        line.no_turn();
    }
    let mut line = Script::plain();
    line.session.refresh();
    line.turn();
    line.answer_with(&[("content-bytes-accepted", "1")], "");
    assert_eq!(line.said().last().unwrap(), "close 1011");
}

#[test]
fn a_full_queue_stops_the_client_and_not_its_message() {
    let mut line = Script::plain();
    line.client(&format!("text {}", "x".repeat(199_999)));
    assert!(line.session.wants_more());
    line.client(&format!("text {}", "y".repeat(900_000)));
    assert!(!line.session.wants_more());
    let (_, body) = line.turn_with_headers();
    assert!(body.len() < 200_100, "the second message does not fit");
    line.answer("");
    assert!(!line.session.wants_more());
    assert!(line.turn().starts_with("TEXT dbba0"));
    line.answer("");
    assert!(line.session.wants_more());
}

#[test]
fn many_small_messages_stop_the_client_as_well() {
    let mut line = Script::plain();
    for _ in 0..1_023 {
        line.client("text");
    }
    assert!(line.session.wants_more());
    line.client("text");
    assert!(!line.session.wants_more());
}

#[test]
fn a_full_queue_is_offered_again_without_news_while_the_origin_takes_some_of_it() {
    let mut line = Script::plain();
    line.client(&format!("text {}", "x".repeat(300_000)));
    line.turn();
    line.answer_with(&[("content-bytes-accepted", "10")], "");
    let (headers, _) = line.turn_with_headers();
    assert_eq!(headers, "content-bytes-replayed: 299990");
    line.answer_with(&[("content-bytes-accepted", "0")], "");
    assert_eq!(line.said().last().unwrap(), "close 1011");
}

#[test]
fn a_detached_client_is_not_heard_but_for_its_pings() {
    let mut line = Script::grip();
    line.client("text 1");
    line.turn();
    line.client("text 2");
    line.answer("TEXT 13\r\nc:{\"type\":\"detach\"}\r\n");
    line.client("text 3");
    line.client("ping p");
    line.no_turn();
    assert!(line.session.takes_items());
    assert_eq!(line.said(), ["pong p"]);
    line.client("close 4001 bye");
    assert_eq!(line.said(), ["close 4001 bye", "end"]);
    assert_eq!(line.turn(), r"CLOSE\r\n");
    line.answer("");
    assert!(line.session.is_over());
}

#[test]
fn the_end_of_a_detached_client_that_vanishes_is_told_as_an_empty_close() {
    let mut line = Script::open(
        &[("sec-websocket-extensions", "grip")],
        "OPEN\r\nTEXT 13\r\nc:{\"type\":\"detach\"}\r\n",
    );
    line.session.gone();
    assert_eq!(line.turn(), r"CLOSE\r\n");
}

#[test]
fn a_refresh_is_a_request_of_its_own() {
    let mut line = Script::plain();
    line.client("text 1");
    line.session.refresh();
    line.session.refresh();
    assert_eq!(line.turn(), r"TEXT 1\r\n1\r\n");
    line.answer("");
    assert_eq!(line.turn(), "");
    line.answer("");
    line.no_turn();
}

#[test]
fn what_is_no_answer_closes_the_client_with_1011_and_tells_the_origin_nothing() {
    let with = |status: u16, content_type: &str, body: &'static str| {
        Response::builder()
            .status(status)
            .header("content-type", content_type)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
    };
    let events = "application/websocket-events";
    for answer in [
        with(500, events, ""),
        with(204, events, ""),
        with(200, "text/plain", ""),
        with(200, events, "TEXT 2\r\nm:"),
        with(200, events, "NOISE\r\n"),
        response(
            &[],
            &[b"BINARY f4240\r\n", &[0; 1_000_000][..], b"\r\n"].concat(),
        ),
    ] {
        let mut line = Script::grip();
        line.client("text 1");
        line.turn();
        line.client("text 2");
        line.outcome(Ok(&answer));
        let said = line.said();
        assert_eq!(
            (said.len(), said[1].as_str()),
            (2, "close 1011"),
            "{said:?}"
        );
        line.no_turn();
        line.client("close 1011");
        assert_eq!(line.said(), ["end"]);
        line.no_turn();
        assert!(line.session.is_over());
    }
}

#[test]
fn a_text_that_is_not_utf_8_closes_with_1011_behind_what_was_before_it() {
    let mut line = Script::plain();
    line.session.refresh();
    line.turn();
    line.outcome(Ok(&response(
        &[],
        b"TEXT 1\r\na\r\nTEXT 1\r\n\xff\r\nTEXT 1\r\nb\r\n",
    )));
    let said = line.said();
    assert_eq!(
        (said[0].as_str(), said[2].as_str()),
        ("text a", "close 1011")
    );
    assert_eq!(said.len(), 3);
}

#[test]
fn a_ping_that_no_frame_can_carry_and_a_second_open_are_ignored() {
    let mut line = Script::plain();
    line.session.refresh();
    line.turn();
    let ping = format!("PING 7e\r\n{}\r\nOPEN\r\nTEXT 1\r\na\r\n", "x".repeat(126));
    line.answer(&ping);
    let said = line.said();
    assert!(
        said[..2].iter().all(|note| note.starts_with("note: ")),
        "{said:?}"
    );
    assert_eq!(said[2..], ["text a"]);
}
