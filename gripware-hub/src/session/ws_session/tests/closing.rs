use crate::session::{OriginFailure, ws_session::tests::*};

fn close_event(code: u16, reason: &str) -> String {
    let [a, b] = code.to_be_bytes();
    // So that the answers can be text, the codes have two bytes that are ASCII.
    assert!(a.is_ascii() && b.is_ascii());
    let content = format!("{}{}{reason}", char::from(a), char::from(b));
    format!("CLOSE {:x}\r\n{content}\r\n", content.len())
}

#[test]
fn the_origin_answers_the_clients_close_as_it_likes() {
    let mut line = Script::grip();
    line.client("text last");
    line.client("close 4000 bye");
    assert_eq!(line.turn(), r"TEXT 4\r\nlast\r\nCLOSE 5\r\n\x0f\xa0bye\r\n");
    line.answer(&format!(
        "TEXT 3\r\nm:x\r\n{}TEXT 3\r\nm:y\r\n",
        close_event(3_073, "ok")
    ));
    assert_eq!(line.said(), ["text x", "close 3073 ok", "end"]);
    assert!(line.session.is_over());
    line.no_turn();
}

#[test]
fn a_close_that_the_origin_does_not_answer_is_answered_with_the_clients_own_code() {
    for (close, answer) in [
        ("close 4000 bye", "close 4000 bye"),
        ("close 1002", "close 1002"),
        ("close", "close"),
    ] {
        let mut line = Script::grip();
        line.client(close);
        line.turn();
        line.answer("TEXT 3\r\nm:x\r\n");
        let said = line.said();
        assert!(said[1].starts_with("note: "), "{said:?}");
        assert_eq!([&said[0], &said[2], &said[3]], ["text x", answer, "end"]);
        assert!(line.session.is_over());
    }
}

#[test]
fn a_polled_origin_may_answer_the_clients_close_later() {
    let mut line = Script::polled();
    line.client("close 4000 bye");
    line.turn();
    line.answer("");
    assert_eq!(line.said(), [""; 0]);
    assert!(line.session.takes_items());
    line.wait();
    assert_eq!(line.turn(), "");
    line.answer(&close_event(3_073, ""));
    assert_eq!(line.said(), ["close 3073", "end"]);
    assert!(line.session.is_over());
}

#[test]
fn an_origin_that_fails_at_the_clients_close_leaves_it_answered() {
    let mut line = Script::grip();
    line.client("close 4000 bye");
    line.turn();
    line.outcome(Err(OriginFailure::Failed));
    assert_eq!(line.said()[1..], ["close 4000 bye", "end"]);
    assert!(line.session.is_over());
}

#[test]
fn a_close_that_is_accepted_in_part_is_offered_again_while_there_is_progress() {
    let mut line = Script::plain();
    line.client("text abc");
    line.client("close 4000");
    line.turn();
    line.answer_with(&[("content-bytes-accepted", "2")], "");
    assert_eq!(
        line.turn_with_headers(),
        (
            "content-bytes-replayed: 3".into(),
            r"TEXT 1\r\nc\r\nCLOSE 2\r\n\x0f\xa0\r\n".into()
        )
    );
    line.answer_with(&[("content-bytes-accepted", "0")], "");
    assert_eq!(line.said()[1..], ["close 4000", "end"]);

    let mut line = Script::plain();
    line.client("text abc");
    line.client("close 4000");
    line.turn();
    line.answer_with(&[("content-bytes-accepted", "0")], "CLOSE\r\n");
    assert_eq!(line.said(), ["close 1000", "end"]);
    assert!(line.session.is_over());
}

#[test]
fn the_origin_closes_and_is_told_how_the_client_answers() {
    let mut line = Script::grip();
    line.client("text 1");
    line.turn();
    line.client("text 2");
    line.answer(&format!("TEXT 3\r\nm:x\r\n{}", close_event(3_073, "go")));
    assert_eq!(line.said(), ["text x", "close 3073 go"]);
    assert!(!line.session.takes_items());
    line.no_turn();
    line.client("text 3");
    line.client("close 1000");
    assert_eq!(line.said(), ["end"]);
    assert_eq!(line.turn(), r"CLOSE 2\r\n\x03\xe8\r\n");
    line.answer("NOISE");
    assert!(line.session.is_over());
    assert_eq!(line.said(), [""; 0]);
}

#[test]
fn a_close_without_a_legal_code_is_1000_for_the_client() {
    for close in [
        "CLOSE\r\n",
        "CLOSE 1\r\nx\r\n",
        "CLOSE 2\r\n\0\0\r\n",
        "CLOSE 2\r\n\x03\x01\r\n",
    ] {
        let mut line = Script::grip();
        line.client("text 1");
        line.turn();
        line.answer(close);
        assert_eq!(line.said(), ["close 1000"], "{close:?}");
    }
}

#[test]
fn an_origin_may_close_in_its_first_answer() {
    let mut line = Script::open(&[], &format!("OPEN\r\n{}", close_event(4_097, "full")));
    assert_eq!(line.said(), ["close 4097 full"]);
}

#[test]
fn both_close_at_the_same_time_and_the_origin_learns_of_the_client() {
    let mut line = Script::grip();
    line.client("text 1");
    line.turn();
    line.client("text 2");
    line.client("close 1001");
    line.answer(&close_event(3_073, ""));
    assert_eq!(line.said(), ["close 3073", "end"]);
    assert_eq!(line.turn(), r"CLOSE 2\r\n\x03\xe9\r\n");
    line.answer("");
    assert!(line.session.is_over());
}

#[test]
fn a_client_that_does_not_answer_a_close_is_given_up() {
    let mut line = Script::grip();
    line.end();
    assert_eq!(line.said(), ["close 1001"]);
    assert_eq!(line.wait(), std::time::Duration::from_secs(10));
    assert_eq!(line.said(), ["end"]);
    assert_eq!(line.turn(), r"DISCONNECT\r\n");
    line.outcome(Err(OriginFailure::Failed));
    assert!(line.session.is_over());
}

#[test]
fn an_item_closes_the_client_and_the_origin_gets_what_was_said_before() {
    let mut line = Script::grip();
    line.client("text 1");
    line.turn();
    line.client("text 2");
    line.item_closes(4_001, "closed");
    line.item_closes(4_002, "again");
    line.end();
    assert_eq!(line.said(), ["close 4001 closed"]);
    line.answer("TEXT 3\r\nm:x\r\n");
    assert_eq!(line.turn(), r"TEXT 1\r\n2\r\n");
    line.client("close 4001");
    line.answer("");
    assert_eq!(line.turn(), r"CLOSE 2\r\n\x0f\xa1\r\n");
    line.answer("");
    assert!(line.session.is_over());
    assert_eq!(line.said(), ["end"]);

    let mut line = Script::grip();
    line.item_closes(0, "why");
    assert_eq!(line.said(), ["close 1000 why"]);
}

#[test]
fn an_item_may_answer_the_clients_close() {
    let mut line = Script::grip();
    line.client("close 1000");
    line.item_closes(4_001, "");
    assert_eq!(line.said(), ["close 4001", "end"]);
    assert_eq!(line.turn(), r"CLOSE 2\r\n\x03\xe8\r\n");
}

#[test]
fn a_client_that_vanishes_is_told_once_behind_what_it_said() {
    let mut line = Script::grip();
    line.client("text 1");
    line.turn();
    line.client("text 2");
    line.session.gone();
    line.session.gone();
    assert!(line.session.wants_more() && !line.session.takes_items());
    line.answer("TEXT 3\r\nm:x\r\n");
    assert_eq!(line.turn(), r"TEXT 1\r\n2\r\nDISCONNECT\r\n");
    line.answer("CLOSE\r\n");
    assert!(line.session.is_over());
    assert_eq!(line.said(), [""; 0]);
}

#[test]
fn a_client_that_closes_and_vanishes_has_closed() {
    let mut line = Script::grip();
    line.client("close 1000");
    line.session.gone();
    assert_eq!(line.turn(), r"CLOSE 2\r\n\x03\xe8\r\n");
    line.answer("");
    assert!(line.session.is_over());
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_and_the_origin_loses_it() {
    let mut line = Script::grip();
    line.client("text 1");
    line.client_fails();
    assert_eq!(line.said(), ["close 1002 an unknown opcode", "end"]);
    assert_eq!(line.turn(), r"TEXT 1\r\n1\r\nDISCONNECT\r\n");

    let mut line = Script::grip();
    line.end();
    line.client_fails();
    assert_eq!(line.said(), ["close 1001", "end"]);
    assert_eq!(line.turn(), r"DISCONNECT\r\n");
}

#[test]
fn an_origin_may_drop_the_client_without_a_close() {
    let mut line = Script::grip();
    line.client("text 1");
    line.turn();
    line.client("text 2");
    line.answer("TEXT 3\r\nm:x\r\nDISCONNECT\r\n");
    assert_eq!(line.said(), ["text x", "end"]);
    line.no_turn();
    assert!(line.session.is_over());
}
