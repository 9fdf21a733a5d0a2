use std::time::Duration;

use gripware_topics::Digest;

use super::*;

fn message(topic: &str, body: &'static [u8]) -> Arc<Message> {
    let topic = Topic::try_from(topic).unwrap();
    Arc::new(Message::new(
        topic,
        Digest::of(body),
        Bytes::from_static(body),
    ))
}

/// Sends all that may be sent: topics and payloads.
fn drain(outbox: &mut Outbox, most: usize) -> Vec<(String, Identifier)> {
    std::iter::from_fn(|| {
        let next = outbox.peek(most)?;
        outbox.pop(&next);
        Some(match next {
            Next::Answer(answer) => (format!("answer {}", answer.kind()), identifier(0)),
            Next::Missed(topic) => (format!("missed {topic}"), identifier(0)),
            Next::Part(part) => (
                format!("{} {:?}", part.number, part.payload),
                part.identifier,
            ),
        })
    })
    .collect()
}

fn texts(sent: &[(String, Identifier)]) -> Vec<&str> {
    sent.iter().map(|(text, _)| text.as_str()).collect()
}

#[test]
fn three_are_unacknowledged_at_a_time_and_acknowledged_in_order() {
    let (mut outbox, tally) = (Outbox::default(), Tally::new());
    for body in [&b"a"[..], b"b", b"c", b"d"] {
        outbox.push(&message("t", body), &tally).unwrap();
    }
    let sent = drain(&mut outbox, 100);
    assert_eq!(texts(&sent), ["0 b\"a\"", "0 b\"b\"", "0 b\"c\""]);
    outbox
        .acknowledge(&sent[0].1, Acknowledged::Message(1))
        .unwrap();
    assert_eq!(tally.subscribers(), 1);
    assert_eq!(texts(&drain(&mut outbox, 100)), ["0 b\"d\""]);
    assert_eq!(
        outbox.acknowledge(&sent[2].1, Acknowledged::Message(1)),
        Err(Unexpected)
    );
}

#[test]
fn a_message_in_parts_is_acknowledged_part_by_part() {
    let (mut outbox, tally) = (Outbox::default(), Tally::new());
    outbox.push(&message("t", b"hello, world"), &tally).unwrap();
    outbox.push(&message("t", b""), &tally).unwrap();
    let sent = drain(&mut outbox, 4);
    assert_eq!(
        texts(&sent),
        ["0 b\"hell\"", "1 b\"o, w\"", "2 b\"orld\""],
        "the next message waits"
    );
    let id = &sent[0].1;
    outbox.acknowledge(id, Acknowledged::Part(0)).unwrap();
    outbox.acknowledge(id, Acknowledged::Part(1)).unwrap();
    assert_eq!(tally.subscribers(), 0);
    outbox.acknowledge(id, Acknowledged::Message(2)).unwrap();
    assert_eq!(tally.subscribers(), 2);
    assert_eq!(texts(&drain(&mut outbox, 4)), ["0 b\"\""]);
    assert_eq!(
        outbox.acknowledge(id, Acknowledged::Part(2)),
        Err(Unexpected)
    );
}

#[test]
fn what_is_late_is_missed_unless_it_was_sent() {
    let (mut outbox, tally) = (Outbox::default(), Tally::new());
    let numbers: Vec<_> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|topic| outbox.push(&message(topic, b"x"), &tally).unwrap())
        .collect();
    drain(&mut outbox, 100);
    assert!(!outbox.expire(numbers[0]), "it was sent");
    assert!(outbox.expire(numbers[3]));
    assert_eq!(texts(&drain(&mut outbox, 100)), ["missed d"]);
    assert_eq!(outbox.loss(), None);
}

#[test]
fn a_connection_that_is_late_in_the_middle_of_a_message_is_lost() {
    let (mut outbox, tally) = (Outbox::default(), Tally::new());
    let late = message("t", b"hello, world, hello");
    let number = outbox.push(&late, &tally).unwrap();
    drain(&mut outbox, 4);
    assert!(outbox.expire(number));
    assert_eq!(outbox.loss(), Some(Loss::Slow));
}

#[test]
fn what_waits_is_bounded_and_what_is_more_is_missed() {
    let (mut outbox, tally) = (Outbox::default(), Tally::new());
    let one = message("t", b"x");
    for _ in 0..MAX_WAITING {
        assert!(outbox.push(&one, &tally).is_some());
    }
    assert!(outbox.push(&one, &tally).is_none());
    assert_eq!(
        texts(&drain(&mut outbox, 100)),
        ["missed t", "0 b\"x\"", "0 b\"x\"", "0 b\"x\""]
    );
    for topic in 0..=MAX_WAITING {
        assert_eq!(outbox.loss(), None, "{topic}");
        while outbox.waiting.len() < MAX_WAITING {
            outbox.push(&one, &tally);
        }
        outbox.push(&message(&topic.to_string(), b"x"), &tally);
    }
    assert_eq!(outbox.loss(), Some(Loss::Slow));
}

#[test]
fn answers_keep_their_order() {
    let missed = |topic: &str| FromBroadcaster::Missed {
        authorization: None,
        tracing: gripware_topics::Tracing::default(),
        topic: Topic::try_from(topic).unwrap(),
    };
    let mut outbox = Outbox::default();
    let (first, second) = (outbox.reserve().unwrap(), outbox.reserve().unwrap());
    outbox.answer(second, missed("2"));
    assert!(drain(&mut outbox, 100).is_empty());
    outbox.answer(first, missed("1"));
    assert_eq!(drain(&mut outbox, 100).len(), 2);
    for _ in 0..MAX_UNANSWERED {
        outbox.reserve().unwrap();
    }
    assert_eq!(outbox.reserve(), None);
}

#[tokio::test(start_paused = true)]
async fn what_comes_for_a_connection_that_is_closed_is_not_waited_for() {
    let (mut outbox, tally) = (Outbox::default(), Tally::new());
    outbox.push(&message("t", b"sent"), &tally).unwrap();
    drain(&mut outbox, 100);
    outbox.push(&message("t", b"waits"), &tally).unwrap();
    outbox.close();
    assert!(outbox.push(&message("t", b"late"), &tally).is_none());
    outbox.note_missed(Topic::try_from("t").unwrap());
    assert!(drain(&mut outbox, 100).is_empty());
    assert!(tally.closed(Duration::from_secs(3600)).await);
}
