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

use super::tally::{Receipt, Tally};
use crate::deliver::{Encoded, Message};

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
    /// What is sent in all parts.
    pub(super) whole: Encoded,
}

/// A message that is not sent completely.
#[derive(Debug)]
struct Waiting {
    number: u64,
    message: Arc<Message>,
    whole: Encoded,
    /// How many parts and bytes of it are sent.
    parts: u64,
    sent: usize,
    receipt: Receipt,
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
    Message(Receipt),
}

/// What a client acknowledges.
#[derive(Clone, Copy, Debug)]
pub(super) enum Acknowledged {
    /// A part: it wants the next one.
    Part(u64),
    /// A message, for so many subscribers.
    Message(u32),
}

/// A client acknowledges what was not sent, or not next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unexpected;

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The client is too slow.
    Slow,
    /// It has missed messages, and cannot be told of which topics. Whoever connects anew knows that
    /// anything may be missing.
    Unknown,
}

/// Of one connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Those that are not there yet hold up those behind them.
    answers: VecDeque<(u64, Option<FromBroadcaster>)>,
    missed: BTreeSet<Topic>,
    waiting: VecDeque<Waiting>,
    expected: VecDeque<Expected>,
    next: u64,
    loss: Option<Loss>,
    is_compressed: bool,
    is_closed: bool,
}

impl Outbox {
    /// Messages that are added from now on go out compressed, where they were.
    pub(super) fn enable_compression(&mut self) {
        self.is_compressed = true;
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Drops all that waits or is to be acknowledged, and takes nothing more: nobody would come for it.
    pub(super) fn close(&mut self) {
        *self = Self {
            is_closed: true,
            ..Self::default()
        };
    }

    /// Adds a message for the client, whose confirmation is counted. Its number, or `None` where the
    /// connection is closed, or as many wait as may: it is missed then.
    pub(super) fn push(&mut self, message: &Arc<Message>, tally: &Tally) -> Option<u64> {
        if self.is_closed {
            return None;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.note_missed(message.topic.clone());
            return None;
        }
        let number = self.number();
        self.waiting.push_back(Waiting {
            number,
            message: Arc::clone(message),
            whole: message.encoded(self.is_compressed),
            parts: 0,
            sent: 0,
            receipt: tally.receipt(),
        });
        Some(number)
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
            _ => self.loss = Some(Loss::Slow),
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

    /// Whether the connection has to end.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Messages of any topics were missed.
    pub(super) fn lose(&mut self) {
        self.loss.get_or_insert(Loss::Unknown);
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
        let body = &waiting.whole.body;
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
                whole: waiting.whole.clone(),
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
        if waiting.sent < waiting.whole.body.len() {
            self.waiting.push_front(waiting);
        } else {
            expected.ack = Ack::Message(waiting.receipt);
        }
        self.expected.push_back(expected);
    }

    /// The client acknowledges what was sent, strictly in order.
    pub(super) fn acknowledge(
        &mut self,
        identifier: &Identifier,
        what: Acknowledged,
    ) -> Result<(), Unexpected> {
        let expected = self.expected.pop_front();
        let expected = expected.filter(|expected| expected.identifier == *identifier);
        match (expected.ok_or(Unexpected)?.ack, what) {
            (Ack::Message(receipt), Acknowledged::Message(subscribers)) => {
                receipt.confirm(subscribers);
                Ok(())
            }
            (Ack::Part(number), Acknowledged::Part(part)) if number == part => Ok(()),
            _ => Err(Unexpected),
        }
    }

    /// Messages of a topic were missed, which the client is told.
    pub(super) fn note_missed(&mut self, topic: Topic) {
        if self.is_closed {
            return;
        }
        self.missed.insert(topic);
        if self.missed.len() > MAX_WAITING {
            self.loss = Some(Loss::Slow);
        }
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
mod tests;
