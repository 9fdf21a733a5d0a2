//! Anything may happen in any order.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use crate::session::{OriginFailure, ws_session::tests::*};

#[derive(Clone, Debug)]
enum Step {
    Client(&'static str),
    ClientFails,
    Gone,
    EventsRequest,
    Answer(&'static str, Option<u8>, Option<i8>),
    Unreached,
    Failed,
    Refresh,
    ItemCloses(u16),
    End,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let said = prop::sample::select(vec![
        "text hello",
        "text",
        "binary b",
        "ping p",
        "pong",
        "close",
        "close 1000",
        "close 4001 x",
    ]);
    let events = prop::sample::select(vec![
        "",
        "TEXT 3\r\nm:x\r\n",
        "TEXT 1\r\nx\r\nPING\r\n",
        "CLOSE\r\n",
        "CLOSE 2\r\n\x0c\x01\r\nTEXT 3\r\nm:x\r\n",
        "DISCONNECT\r\n",
        "TEXT 13\r\nc:{\"type\":\"detach\"}\r\n",
        "TEXT 28\r\nc:{\"type\":\"keep-alive\",\"content\":\"alive\"}\r\n",
        "TEXT 28\r\nc:{\"type\":\"send-delayed\",\"content\":\"del\"}\r\n",
        "NOISE",
    ]);
    let answer = (
        events,
        prop::option::of(0..12_u8),
        prop::option::of(-1..60_i8),
    );
    prop_oneof![
        6 => said.prop_map(Step::Client),
        8 => Just(Step::EventsRequest),
        6 => answer.prop_map(|(events, accepted, poll)| Step::Answer(events, accepted, poll)),
        2 => Just(Step::Unreached),
        1 => Just(Step::Failed),
        1 => Just(Step::ClientFails),
        1 => Just(Step::Gone),
        1 => Just(Step::Refresh),
        1 => any::<u16>().prop_map(Step::ItemCloses),
        1 => Just(Step::End),
        3 => (0..40_u64).prop_map(Step::Pass),
    ]
}

fn play(line: &mut Script, step: &Step) {
    match step {
        Step::Client(what) => line.client(what),
        Step::ClientFails => line.client_fails(),
        Step::Gone => line.session.gone(),
        Step::EventsRequest => {
            line.session.next_request();
        }
        Step::Answer(events, accepted, poll) => {
            let accepted = accepted.map(|count| count.to_string());
            let poll = poll.map(|seconds| seconds.to_string());
            let headers = [
                ("content-bytes-accepted", accepted.as_deref()),
                ("keep-alive-interval", poll.as_deref()),
            ];
            let headers: Vec<_> = headers
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            line.answer_with(&headers, events);
        }
        Step::Unreached => line.unreached(),
        Step::Failed => line.outcome(Err(OriginFailure::Failed)),
        Step::Refresh => line.session.refresh(),
        Step::ItemCloses(code) => line.item_closes(*code, "item"),
        Step::End => line.end(),
        Step::Pass(seconds) => line.pass(Duration::from_secs(*seconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_client_is_closed_at_most_once_and_every_session_can_end(
        steps in vec(step(), 0..60),
        is_grip in any::<bool>(),
    ) {
        let mut line = if is_grip { Script::grip() } else { Script::plain() };
        let (mut is_closed, mut is_ended) = (false, false);
        for step in &steps {
            play(&mut line, step);
            for said in line.said() {
                let is_note = said.starts_with("note: ");
                prop_assert!(is_note || !is_ended, "{} after the end", said);
                prop_assert!(is_note || !is_closed || said == "end", "{} after the close", said);
                is_closed |= said.starts_with("close");
                is_ended |= said == "end";
            }
            prop_assert!(!line.session.takes_items() || !is_closed);
            prop_assert!(!line.session.is_over() || line.session.queue.is_none());
            prop_assert!(
                line.session.queue.as_ref().is_none_or(|queue| !queue.is_empty()),
                "an empty queue is kept"
            );
        }

        // The client goes, and the origin answers: it is over after a few turns.
        line.session.gone();
        for _ in 0..20 {
            line.answer("");
            line.pass(Duration::from_secs(60));
            line.session.next_request();
        }
        prop_assert!(line.session.is_over(), "{:?}", line.session);
        prop_assert!(line.session.next_deadline().is_none());
    }

    #[test]
    fn nothing_that_is_said_is_lost_or_told_twice(
        takes in vec(0..30_usize, 1..30),
        lengths in vec(1..20_usize, 1..30),
    ) {
        let mut line = Script::plain();
        let (mut told, mut expected) = (Vec::new(), Vec::new());
        let mut takes = takes.into_iter();
        for (index, length) in lengths.iter().enumerate() {
            let letter = char::from(b'a' + u8::try_from(index % 26).unwrap());
            let content = letter.to_string().repeat(*length);
            expected.extend(content.bytes());
            line.client(&format!("binary {content}"));
            let Some(turn) = line.session.next_request() else {
                continue;
            };
            let events = gripware_core::ws::decode(turn.body, &gripware_core::Limits::default());
            let offered: Vec<u8> = events.unwrap().iter().flat_map(|event| event.content().to_vec()).collect();
            // At least a byte, so that it goes on.
            let count = takes.next().unwrap_or(usize::MAX).clamp(1, offered.len());
            told.extend_from_slice(&offered[..count]);
            line.answer_with(&[("content-bytes-accepted", &count.to_string())], "");
        }
        line.client("binary !");
        expected.push(b'!');
        let turn = line.session.next_request().unwrap();
        let events = gripware_core::ws::decode(turn.body, &gripware_core::Limits::default());
        told.extend(events.unwrap().iter().flat_map(|event| event.content().to_vec()));
        prop_assert_eq!(told, expected);
        prop_assert_eq!(line.said().len(), 0);
    }
}
