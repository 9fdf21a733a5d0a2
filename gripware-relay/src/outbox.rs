//! What this node has to send, in order, until the broker has accepted it (go-back-N).
//!
//! An item gets its number when it is first sent. Until what was sent is accepted, nothing later is
//! sent, and after a failure the same messages go out again with the same numbers. Whoever got them
//! the first time drops them by their numbers: sent at least once, delivered once.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{Envelope, PublishError};

/// The most items of a batch. More wait for the next, which leaves when this one is accepted.
pub(crate) const MAX_BATCH: usize = 512;

/// The same in bytes; one item may be larger.
pub(crate) const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// What an item costs beside its bytes.
const OVERHEAD: usize = 256;

pub(crate) type Outcome = Result<(), PublishError>;

#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
    in_flight: VecDeque<InFlight>,
    /// The number of the last item that was sent.
    last: u64,
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Waiting {
    envelope: Envelope,
    cost: usize,
    waiter: Waiter,
}

#[derive(Debug)]
struct InFlight {
    number: u64,
    message: Bytes,
    cost: usize,
    waiter: Option<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    deadline: Instant,
    told: oneshot::Sender<Outcome>,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            last: 0,
            bytes: 0,
            limit,
        }
    }

    /// Takes an item, and tells what became of it through `told`. An empty outbox takes any.
    pub(crate) fn push(
        &mut self,
        envelope: Envelope,
        now: Instant,
        timeout: Duration,
    ) -> Result<oneshot::Receiver<Outcome>, PublishError> {
        if !self.has_room() {
            return Err(PublishError::Full { limit: self.limit });
        }
        let names = [
            Some(&envelope.channel),
            envelope.id.as_ref(),
            envelope.prev_id.as_ref(),
        ];
        let names: usize = names.into_iter().flatten().map(String::len).sum();
        let cost = OVERHEAD + names + envelope.body.len();
        let (told, outcome) = oneshot::channel();
        self.bytes += cost;
        self.waiting.push_back(Waiting {
            envelope,
            cost,
            waiter: Waiter {
                deadline: now + timeout,
                told,
            },
        });
        Ok(outcome)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes < self.limit
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// How many bytes wait to be accepted.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the last item that was sent; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Whether something that was sent is not known to be accepted.
    pub(crate) fn is_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The messages to send now: what was sent and not accepted, or else the next ones.
    pub(crate) fn batch(&mut self, is_again: &mut bool) -> Vec<Bytes> {
        *is_again = !self.in_flight.is_empty();
        if *is_again {
            return self.in_flight.iter().map(|it| it.message.clone()).collect();
        }
        let mut batch_bytes = 0;
        while self.in_flight.len() < MAX_BATCH {
            let Some(next) = self.waiting.pop_front() else {
                break;
            };
            if batch_bytes > 0 && batch_bytes + next.cost > MAX_BATCH_BYTES {
                self.waiting.push_front(next);
                break;
            }
            batch_bytes += next.cost;
            self.last += 1;
            let mut envelope = next.envelope;
            envelope.number = self.last;
            self.in_flight.push_back(InFlight {
                number: self.last,
                message: envelope.encode(),
                cost: next.cost,
                waiter: Some(next.waiter),
            });
        }
        self.in_flight.iter().map(|it| it.message.clone()).collect()
    }

    /// Notes that everything up to a number was accepted.
    pub(crate) fn accepted(&mut self, number: u64) {
        while let Some(first) = self.in_flight.front()
            && first.number <= number
            && let Some(first) = self.in_flight.pop_front()
        {
            self.bytes -= first.cost;
            if let Some(waiter) = first.waiter {
                let _ = waiter.told.send(Ok(()));
            }
        }
    }

    /// Notes that items from one number on and up to another one, that one not included, were
    /// skipped, as those after them came back. Nobody takes them any more.
    pub(crate) fn lost(&mut self, from: u64, to: u64) {
        let mut freed = 0;
        self.in_flight.retain_mut(|it| {
            if !(from..to).contains(&it.number) {
                return true;
            }
            freed += it.cost;
            if let Some(waiter) = it.waiter.take() {
                let _ = waiter.told.send(Err(PublishError::Unknown));
            }
            false
        });
        self.bytes -= freed;
    }

    /// Gives up those in flight that the broker will never take.
    pub(crate) fn drop_larger_than(&mut self, limit: usize) {
        let mut freed = 0;
        self.in_flight.retain_mut(|it| {
            let length = it.message.len();
            if length <= limit {
                return true;
            }
            freed += it.cost;
            if let Some(waiter) = it.waiter.take() {
                let _ = waiter
                    .told
                    .send(Err(PublishError::TooLarge { length, limit }));
            }
            false
        });
        self.bytes -= freed;
    }

    /// Tells those whose time is over. What was not sent yet is dropped; what was sent stays, as
    /// others would miss its number.
    pub(crate) fn expire(&mut self, now: Instant) -> usize {
        let mut expired = 0;
        let mut freed = 0;
        // All have the same time, so the earliest deadline stands first.
        while let Some(first) = self.waiting.front()
            && first.waiter.deadline <= now
            && let Some(first) = self.waiting.pop_front()
        {
            freed += first.cost;
            expired += 1;
            let _ = first.waiter.told.send(Err(PublishError::NotSent));
        }
        self.bytes -= freed;
        for it in &mut self.in_flight {
            if let Some(waiter) = it.waiter.take_if(|waiter| waiter.deadline <= now) {
                expired += 1;
                let _ = waiter.told.send(Err(PublishError::Unknown));
            }
        }
        expired
    }

    /// Drops everything.
    pub(crate) fn close(&mut self) {
        for it in self.waiting.drain(..) {
            let _ = it.waiter.told.send(Err(PublishError::Closed));
        }
        for it in self.in_flight.drain(..) {
            if let Some(waiter) = it.waiter {
                let _ = waiter.told.send(Err(PublishError::Unknown));
            }
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, NodeId};

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn item(body: &str) -> Envelope {
        Envelope {
            node: NodeId::try_from("a").unwrap(),
            incarnation: 1,
            number: 0,
            kind: Kind::Item,
            channel: "room".to_owned(),
            id: None,
            prev_id: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn numbers(batch: &[Bytes]) -> Vec<u64> {
        let read = |message| Envelope::decode(message).unwrap().number;
        batch.iter().map(read).collect()
    }

    #[test]
    fn what_was_not_accepted_goes_out_again_with_the_same_numbers() {
        let now = Instant::now();
        let (mut outbox, mut is_again) = (Outbox::new(10_000), false);
        let mut first = outbox.push(item("1"), now, TIMEOUT).unwrap();
        let _second = outbox.push(item("2"), now, TIMEOUT).unwrap();
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [1, 2]);
        assert!(!is_again);

        let _third = outbox.push(item("3"), now, TIMEOUT).unwrap();
        outbox.accepted(1);
        assert_eq!(first.try_recv(), Ok(Ok(())));
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [2]);
        assert!(is_again);

        outbox.accepted(2);
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [3]);
        outbox.accepted(3);
        assert!(outbox.is_empty());
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn whoever_waits_too_long_is_told_whether_it_may_have_been_delivered() {
        let now = Instant::now();
        let (mut outbox, mut is_again) = (Outbox::new(10_000), false);
        let mut sent = outbox.push(item("1"), now, TIMEOUT).unwrap();
        outbox.batch(&mut is_again);
        let mut waiting = outbox.push(item("2"), now, TIMEOUT).unwrap();
        assert_eq!(outbox.expire(now + TIMEOUT / 2), 0);
        assert_eq!(outbox.expire(now + TIMEOUT), 2);
        assert_eq!(sent.try_recv(), Ok(Err(PublishError::Unknown)));
        assert_eq!(waiting.try_recv(), Ok(Err(PublishError::NotSent)));
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [1]);
        outbox.accepted(1);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn a_full_outbox_refuses_and_an_empty_one_takes_any() {
        let now = Instant::now();
        let mut outbox = Outbox::new(100);
        let _large = outbox.push(item(&"x".repeat(1000)), now, TIMEOUT).unwrap();
        assert_eq!(
            outbox.push(item("2"), now, TIMEOUT).unwrap_err(),
            PublishError::Full { limit: 100 }
        );
    }

    #[test]
    fn batches_are_bounded() {
        let now = Instant::now();
        let (mut outbox, mut is_again) = (Outbox::new(usize::MAX), false);
        let large = "x".repeat(MAX_BATCH_BYTES / 2);
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            outcomes.push(outbox.push(item(&large), now, TIMEOUT).unwrap());
        }
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [1]);
        outbox.accepted(1);
        for _ in 0..MAX_BATCH {
            outcomes.push(outbox.push(item("x"), now, TIMEOUT).unwrap());
        }
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [2]);
        outbox.accepted(2);
        assert_eq!(outbox.batch(&mut is_again).len(), MAX_BATCH);
    }

    #[test]
    fn what_became_too_large_does_not_hold_up_the_rest() {
        let now = Instant::now();
        let (mut outbox, mut is_again) = (Outbox::new(usize::MAX), false);
        let mut large = outbox.push(item(&"x".repeat(500)), now, TIMEOUT).unwrap();
        let _small = outbox.push(item("x"), now, TIMEOUT).unwrap();
        outbox.batch(&mut is_again);
        outbox.drop_larger_than(200);
        assert!(matches!(
            large.try_recv(),
            Ok(Err(PublishError::TooLarge { limit: 200, .. }))
        ));
        assert_eq!(numbers(&outbox.batch(&mut is_again)), [2]);
    }
}
