//! What waits to be sent over one connection, and what was sent and is not acknowledged.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use gripware_topics::{
    Identifier, Topic,
    ws::{FromBroadcaster, MAX_MESSAGE},
};
use tokio::sync::oneshot;

use crate::deliver::Message;

/// Most sends that are not acknowledged, as in the original. They come to no more than
/// [`MAX_MESSAGE`] bytes, or are one.
const MAX_UNACKNOWLEDGED: usize = 3;

/// Most messages that wait for one connection (slow consumer), and most topics that it has missed
/// messages of; the original's bound.
const MAX_WAITING: usize = 255;

/// Most messages of a client that are not answered, which is the original's bound too.
pub(super) const MAX_UNANSWERED: usize = 255;

/// What goes out next.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// The answer to a message of the client. They have the order of its messages.
    Answer(FromBroadcaster),
    /// Messages of a topic were missed.
    Missed(Topic),
    /// A message, or a part of one.
    Part(Part),
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) identifier: Identifier,
    /// From 0.
    pub(super) number: u64,
    pub(super) payload: Bytes,
    pub(super) message: Arc<Message>,
}

/// A message that is not sent completely.
#[derive(Debug)]
struct Waiting {
    number: u64,
    message: Arc<Message>,
    /// How many parts and bytes of it are sent.
    parts: u64,
    sent: usize,
    done: oneshot::Sender<u32>,
}

/// What has to be acknowledged, in the order in which it was sent.
#[derive(Debug)]
struct Expected {
    identifier: Identifier,
    length: usize,
    ack: Ack,
}

#[derive(Debug)]
enum Ack {
    /// Of a part that is not the last one.
    Part(u64),
    /// Of a message.
    Message(oneshot::Sender<u32>),
}

/// A client acknowledges what was not sent, or not next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unexpected;

/// Of one connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Those that are not there yet hold up those behind them.
    answers: VecDeque<(u64, Option<FromBroadcaster>)>,
    missed: BTreeSet<Topic>,
    waiting: VecDeque<Waiting>,
    expected: VecDeque<Expected>,
    next: u64,
    is_lost: bool,
}

impl Outbox {
    /// Adds a message for the client. Its number, and what comes when it is confirmed: for how many
    /// subscribers. `None` where as many wait as may: it is missed then.
    pub(super) fn push(&mut self, message: &Arc<Message>) -> Option<(u64, oneshot::Receiver<u32>)> {
        if self.waiting.len() >= MAX_WAITING {
            self.note_missed(message.topic.clone());
            return None;
        }
        let (done, confirmed) = oneshot::channel();
        let number = self.number();
        self.waiting.push_back(Waiting {
            number,
            message: Arc::clone(message),
            parts: 0,
            sent: 0,
            done,
        });
        Some((number, confirmed))
    }

    /// The time for a message is over. One that was not sent is missed, and one that is half sent
    /// makes the connection useless. Whether either is so.
    pub(super) fn expire(&mut self, number: u64) -> bool {
        let at = self.waiting.iter().position(|one| one.number == number);
        let Some(late) = at.and_then(|at| self.waiting.remove(at)) else {
            return false;
        };
        match late.sent {
            0 => self.note_missed(late.message.topic.clone()),
            _ => self.is_lost = true,
        }
        true
    }

    /// Takes a place among the answers, or returns `None` where too many are not there yet.
    pub(super) fn reserve(&mut self) -> Option<u64> {
        if self.answers.len() >= MAX_UNANSWERED {
            return None;
        }
        let number = self.number();
        self.answers.push_back((number, None));
        Some(number)
    }

    /// Puts an answer into its place.
    pub(super) fn answer(&mut self, place: u64, answer: FromBroadcaster) {
        if let Some(one) = self.answers.iter_mut().find(|(number, _)| *number == place) {
            one.1 = Some(answer);
        }
    }

    /// Whether the client is so slow that the connection has to end.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Returns what goes out next, in parts of at most so many bytes, and leaves it here until
    /// [`pop`](Self::pop).
    pub(super) fn peek(&self, most: usize) -> Option<Next> {
        if let Some((_, Some(answer))) = self.answers.front() {
            return Some(Next::Answer(answer.clone()));
        }
        let waiting = self.waiting.front();
        // Not in the middle of a message: parts are followed by parts.
        if waiting.is_none_or(|waiting| waiting.parts == 0)
            && let Some(topic) = self.missed.first()
        {
            return Some(Next::Missed(topic.clone()));
        }
        let waiting = waiting?;
        let body = &waiting.message.body;
        let end = body.len().min(waiting.sent.saturating_add(most.max(1)));
        let payload = body.slice(waiting.sent..end);
        let unacknowledged: usize = self.expected.iter().map(|one| one.length).sum();
        let has_room = self.expected.is_empty()
            || (self.expected.len() < MAX_UNACKNOWLEDGED
                && unacknowledged + payload.len() <= MAX_MESSAGE);
        has_room.then(|| {
            Next::Part(Part {
                identifier: identifier(waiting.number),
                number: waiting.parts,
                payload,
                message: Arc::clone(&waiting.message),
            })
        })
    }

    /// What [`peek`](Self::peek) returned was sent.
    pub(super) fn pop(&mut self, sent: &Next) {
        match sent {
            Next::Answer(_) => drop(self.answers.pop_front()),
            Next::Missed(topic) => drop(self.missed.remove(topic)),
            Next::Part(part) => self.pop_part(part),
        }
    }

    fn pop_part(&mut self, part: &Part) {
        let Some(mut waiting) = self.waiting.pop_front() else {
            return;
        };
        let mut expected = Expected {
            identifier: part.identifier.clone(),
            length: part.payload.len(),
            ack: Ack::Part(part.number),
        };
        waiting.sent += part.payload.len();
        waiting.parts += 1;
        if waiting.sent < waiting.message.body.len() {
            self.waiting.push_front(waiting);
        } else {
            expected.ack = Ack::Message(waiting.done);
        }
        self.expected.push_back(expected);
    }

    /// The client has confirmed a message for so many subscribers.
    pub(super) fn confirm(
        &mut self,
        identifier: &Identifier,
        subscribers: u32,
    ) -> Result<(), Unexpected> {
        match self.acknowledge(identifier)? {
            // Who has sent it may have stopped waiting.
            Ack::Message(done) => drop(done.send(subscribers)),
            Ack::Part(_) => return Err(Unexpected),
        }
        Ok(())
    }

    /// The client wants the part behind this one.
    pub(super) fn proceed(&mut self, identifier: &Identifier, part: u64) -> Result<(), Unexpected> {
        match self.acknowledge(identifier)? {
            Ack::Part(number) if number == part => Ok(()),
            _ => Err(Unexpected),
        }
    }

    /// Acknowledgements come strictly in order.
    fn acknowledge(&mut self, identifier: &Identifier) -> Result<Ack, Unexpected> {
        match self.expected.pop_front() {
            Some(expected) if expected.identifier == *identifier => Ok(expected.ack),
            _ => Err(Unexpected),
        }
    }

    fn note_missed(&mut self, topic: Topic) {
        self.missed.insert(topic);
        self.is_lost |= self.missed.len() > MAX_WAITING;
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Numbers differ within a connection, which is all that an identifier has to do.
fn identifier(number: u64) -> Identifier {
    Identifier::try_from(&number.to_be_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use gripware_topics::Digest;

    use super::*;

    fn message(topic: &str, body: &'static [u8]) -> Arc<Message> {
        Arc::new(Message {
            topic: Topic::try_from(topic).unwrap(),
            digest: Digest::of(body),
            body: Bytes::from_static(body),
        })
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
        let mut outbox = Outbox::default();
        let mut confirmed: Vec<_> = [&b"a"[..], b"b", b"c", b"d"]
            .into_iter()
            .map(|body| outbox.push(&message("t", body)).unwrap().1)
            .collect();
        let sent = drain(&mut outbox, 100);
        assert_eq!(texts(&sent), ["0 b\"a\"", "0 b\"b\"", "0 b\"c\""]);
        outbox.confirm(&sent[0].1, 1).unwrap();
        assert_eq!(confirmed[0].try_recv(), Ok(1));
        assert_eq!(texts(&drain(&mut outbox, 100)), ["0 b\"d\""]);
        assert_eq!(outbox.confirm(&sent[2].1, 1), Err(Unexpected));
    }

    #[test]
    fn a_message_in_parts_is_acknowledged_part_by_part() {
        let mut outbox = Outbox::default();
        let (_, mut confirmed) = outbox.push(&message("t", b"hello, world")).unwrap();
        outbox.push(&message("t", b"")).unwrap();
        let sent = drain(&mut outbox, 4);
        assert_eq!(
            texts(&sent),
            ["0 b\"hell\"", "1 b\"o, w\"", "2 b\"orld\""],
            "the next message waits"
        );
        let id = &sent[0].1;
        outbox.proceed(id, 0).unwrap();
        outbox.proceed(id, 1).unwrap();
        assert!(confirmed.try_recv().is_err());
        outbox.confirm(id, 2).unwrap();
        assert_eq!(confirmed.try_recv(), Ok(2));
        assert_eq!(texts(&drain(&mut outbox, 4)), ["0 b\"\""]);
        assert_eq!(outbox.proceed(id, 2), Err(Unexpected));
    }

    #[test]
    fn what_is_late_is_missed_unless_it_was_sent() {
        let mut outbox = Outbox::default();
        let numbers: Vec<_> = ["a", "b", "c", "d", "e"]
            .into_iter()
            .map(|topic| outbox.push(&message(topic, b"x")).unwrap().0)
            .collect();
        drain(&mut outbox, 100);
        assert!(!outbox.expire(numbers[0]), "it was sent");
        assert!(outbox.expire(numbers[3]));
        assert_eq!(texts(&drain(&mut outbox, 100)), ["missed d"]);
        assert!(!outbox.is_lost());
    }

    #[test]
    fn a_connection_that_is_late_in_the_middle_of_a_message_is_lost() {
        let mut outbox = Outbox::default();
        let (number, _) = outbox.push(&message("t", b"hello, world, hello")).unwrap();
        drain(&mut outbox, 4);
        assert!(outbox.expire(number));
        assert!(outbox.is_lost());
    }

    #[test]
    fn what_waits_is_bounded_and_what_is_more_is_missed() {
        let mut outbox = Outbox::default();
        let one = message("t", b"x");
        for _ in 0..MAX_WAITING {
            assert!(outbox.push(&one).is_some());
        }
        assert!(outbox.push(&one).is_none());
        assert_eq!(
            texts(&drain(&mut outbox, 100)),
            ["missed t", "0 b\"x\"", "0 b\"x\"", "0 b\"x\""]
        );
        for topic in 0..=MAX_WAITING {
            assert!(!outbox.is_lost(), "{topic}");
            while outbox.waiting.len() < MAX_WAITING {
                outbox.push(&one);
            }
            outbox.push(&message(&topic.to_string(), b"x"));
        }
        assert!(outbox.is_lost());
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
}
