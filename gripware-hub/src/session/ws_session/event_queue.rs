//! What is waiting to be told to the origin (GRIP 2.4).

use std::{collections::VecDeque, io::Write};

use bytes::{Buf, Bytes};
use gripware_core::{Limits, ws::EventKind};

/// The events that the origin has not accepted yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    events: VecDeque<(EventKind, Bytes)>,
    /// How many content bytes the events have.
    bytes: usize,
    /// How many events, from the first on, are in the request that is under way.
    offered: usize,
    /// How many events, from the first on, were offered and not accepted, and wait for something
    /// new to be offered again with.
    stale: usize,
    /// How many content bytes, from the first on, were offered before.
    replayed: usize,
}

/// What an origin took of what it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whether it took anything.
    pub(super) is_some: bool,
    /// Whether the client's close was among what was offered, and is still there.
    pub(super) leaves_close: bool,
}

impl EventQueue {
    pub(super) fn push(&mut self, kind: EventKind, content: Bytes) {
        self.bytes += content.len();
        self.events.push_back((kind, content));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many content bytes and events there are.
    #[cfg(any(test, fuzzing))]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.bytes, self.events.len())
    }

    /// Whether there is something that is worth a request.
    pub(super) fn is_due(&self) -> bool {
        self.events.len() > self.stale
    }

    pub(super) fn is_full(&self, max_bytes: usize, max_events: usize) -> bool {
        self.bytes >= max_bytes || self.events.len() >= max_events
    }

    /// The body of a request with as many of the events as fit, one at least, and how many of its
    /// content bytes were offered before.
    pub(super) fn offer(&mut self, limits: &Limits) -> (Bytes, usize) {
        let mut body = Vec::new();
        let mut content_bytes = 0;
        self.offered = 0;
        for (kind, content) in &self.events {
            let length = body.len() + content.len() + MAX_FRAMING;
            let has_room =
                length <= limits.websocket_body && self.offered < limits.websocket_events;
            if !has_room && self.offered > 0 {
                break;
            }
            write_event(&mut body, *kind, content);
            content_bytes += content.len();
            self.offered += 1;
        }
        (body.into(), self.replayed.min(content_bytes))
    }

    /// The request did not reach the origin.
    pub(super) fn offer_again(&mut self) {
        self.offered = 0;
    }

    /// The origin took everything it was offered.
    pub(super) fn take_all(&mut self) {
        self.events.drain(..self.offered.min(self.events.len()));
        self.settle(0);
    }

    /// The origin took this many content bytes of what it was offered. An event that it took
    /// completely is gone; so is one without content whose turn it was.
    pub(super) fn take(&mut self, count: usize) -> Result<Taken, &'static str> {
        let offered = self.events.iter().take(self.offered);
        let total: usize = offered.map(|(_, content)| content.len()).sum();
        if count > total {
            return Err("the origin accepts more content bytes than it was offered");
        }
        let (mut count, mut left) = (count, self.offered);
        let mut taken = Taken {
            is_some: count > 0,
            leaves_close: false,
        };
        while left > 0
            && let Some((kind, mut content)) = self.events.pop_front()
        {
            if content.len() > count {
                if kind == EventKind::Close {
                    return Err("the origin accepts everything but the close");
                }
                content.advance(count);
                self.events.push_front((kind, content));
                break;
            }
            count -= content.len();
            left -= 1;
            taken.is_some = true;
        }
        let last = left.checked_sub(1).and_then(|last| self.events.get(last));
        taken.leaves_close = last.is_some_and(|(kind, _)| *kind == EventKind::Close);
        self.settle(left);
        Ok(taken)
    }

    /// Takes out the oldest event. An origin that has them one by one has no turns, and accepts all.
    pub(super) fn pop(&mut self) -> Option<(EventKind, Bytes)> {
        let (kind, content) = self.events.pop_front()?;
        self.bytes -= content.len();
        Some((kind, content))
    }

    /// Offers what was not accepted again, although there is nothing new.
    pub(super) fn refresh(&mut self) {
        self.stale = 0;
    }

    /// Forgets everything but the client's close.
    pub(super) fn keep_close(&mut self) {
        self.events.retain(|(kind, _)| *kind == EventKind::Close);
        self.offered = 0;
        self.settle(0);
    }

    /// Counts anew. `left` is how many events were offered and not accepted.
    fn settle(&mut self, left: usize) {
        let lengths = || self.events.iter().map(|(_, content)| content.len());
        self.bytes = lengths().sum();
        self.replayed = lengths().take(left).sum();
        self.stale = left;
        self.offered = 0;
    }
}

/// The most bytes of an event beside its content: the longest name, a length, and line ends.
const MAX_FRAMING: usize = 32;

fn write_event(body: &mut Vec<u8>, kind: EventKind, content: &[u8]) {
    body.reserve(content.len() + MAX_FRAMING);
    // Writing to a vector does not fail.
    let _ = if content.is_empty() {
        write!(body, "{kind}\r\n")
    } else {
        write!(body, "{kind} {:x}\r\n", content.len())
    };
    if !content.is_empty() {
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(events: &[(EventKind, &'static str)]) -> EventQueue {
        let mut queue = EventQueue::default();
        for (kind, content) in events {
            queue.push(*kind, Bytes::from_static(content.as_bytes()));
        }
        queue
    }

    fn offered(queue: &mut EventQueue) -> (String, usize) {
        let (body, replayed) = queue.offer(&Limits::default());
        (String::from_utf8(body.to_vec()).unwrap(), replayed)
    }

    const TEXT: EventKind = EventKind::Text;

    #[test]
    fn the_example_of_the_reference_is_replayed_as_it_says() {
        let mut queue = queue(&[(TEXT, "abc"), (TEXT, "def")]);
        assert_eq!(
            offered(&mut queue),
            ("TEXT 3\r\nabc\r\nTEXT 3\r\ndef\r\n".into(), 0)
        );
        assert!(queue.take(4).unwrap().is_some);
        assert!(!queue.is_due());
        queue.push(TEXT, "g".into());
        assert!(queue.is_due());
        assert_eq!(
            offered(&mut queue),
            ("TEXT 2\r\nef\r\nTEXT 1\r\ng\r\n".into(), 2)
        );
        queue.take_all();
        assert!(queue.is_empty());
    }

    #[test]
    fn an_event_without_content_goes_with_what_is_before_it_and_never_alone_ahead() {
        let mut queue = queue(&[(TEXT, "ab"), (TEXT, ""), (TEXT, "c"), (TEXT, "")]);
        offered(&mut queue);
        queue.take(2).unwrap();
        assert_eq!(offered(&mut queue).0, "TEXT 1\r\nc\r\nTEXT\r\n");
        assert!(!queue.take(0).unwrap().is_some);
        assert_eq!(offered(&mut queue), ("TEXT 1\r\nc\r\nTEXT\r\n".into(), 1));
        queue.take(1).unwrap();
        assert!(queue.is_empty());
    }

    #[test]
    fn more_than_was_offered_and_all_but_the_close_cannot_be_accepted() {
        let closing = [(TEXT, "abc"), (EventKind::Close, "\x03.")];
        for wrong in [3, 4, 6] {
            let mut queue = queue(&closing);
            offered(&mut queue);
            assert!(queue.take(wrong).is_err(), "{wrong}");
        }
        let mut queue = queue(&closing);
        offered(&mut queue);
        let taken = queue.take(1).unwrap();
        assert!(taken.is_some && taken.leaves_close);
    }

    #[test]
    fn what_comes_while_a_request_is_under_way_is_not_accepted_with_it() {
        let mut queue = queue(&[(TEXT, "a")]);
        offered(&mut queue);
        queue.push(TEXT, "b".into());
        assert!(queue.take(2).is_err());
        queue.take_all();
        assert_eq!(offered(&mut queue), ("TEXT 1\r\nb\r\n".into(), 0));
    }

    #[test]
    fn a_body_has_as_much_as_fits_and_one_event_at_least() {
        let mut limits = Limits::default();
        limits.websocket_body = 100;
        let mut queue = EventQueue::default();
        for length in [200, 30, 30, 30] {
            queue.push(EventKind::Binary, vec![b'x'; length].into());
        }
        let bodies: Vec<_> = std::iter::from_fn(|| {
            let (body, _) = queue.is_due().then(|| queue.offer(&limits))?;
            queue.take_all();
            Some(body.len())
        })
        .collect();
        assert_eq!(bodies, [213, 43, 43, 43]);
    }
}
