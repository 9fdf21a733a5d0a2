//! What waits for a client to read it: the queue whose bound makes a slow consumer of a client.

use std::{collections::VecDeque, io::IoSlice, mem, sync::Arc};

use bytes::{Buf, Bytes};

use crate::metrics::Gauge;

/// How many pieces are gathered into one write.
const MAX_SLICES: usize = 64;

/// The queue of one client. Empty, and with one piece, it has no memory of its own.
#[derive(Debug)]
pub(super) struct Outbox {
    pieces: Pieces,
    bytes: usize,
    messages: usize,
    /// The bytes of all queues of the shard.
    total: Arc<Gauge>,
}

/// Most clients get one piece and have taken it before the next comes.
#[derive(Debug)]
enum Pieces {
    None,
    One(Piece),
    /// At least one.
    Many(VecDeque<Piece>),
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        *self = match mem::replace(self, Self::None) {
            Self::None => Self::One(piece),
            Self::One(first) => Self::Many([first, piece].into()),
            Self::Many(mut all) => {
                all.push_back(piece);
                Self::Many(all)
            }
        };
    }

    fn first_mut(&mut self) -> Option<&mut Piece> {
        match self {
            Self::None => None,
            Self::One(piece) => Some(piece),
            Self::Many(all) => all.front_mut(),
        }
    }

    fn pop(&mut self) -> Option<Piece> {
        match mem::replace(self, Self::None) {
            Self::None => None,
            Self::One(piece) => Some(piece),
            Self::Many(mut all) => {
                let first = all.pop_front();
                if !all.is_empty() {
                    *self = Self::Many(all);
                }
                first
            }
        }
    }
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    messages: u32,
    /// Whether some of it has been written, so that the rest has to follow.
    is_begun: bool,
}

impl Outbox {
    /// An empty queue, whose bytes are counted in `total` too.
    pub(super) fn new(total: Arc<Gauge>) -> Self {
        Self {
            pieces: Pieces::None,
            bytes: 0,
            messages: 0,
            total,
        }
    }

    pub(super) fn push(&mut self, bytes: Bytes, messages: u32) {
        if bytes.is_empty() {
            return;
        }
        self.total.add(bytes.len());
        self.bytes += bytes.len();
        self.messages += messages as usize;
        self.pieces.push(Piece {
            bytes,
            messages,
            is_begun: false,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self.pieces, Pieces::None)
    }

    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages wait.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Gathers the next pieces for one write.
    pub(super) fn gather<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let all = match &self.pieces {
            Pieces::None => return write(&[]),
            Pieces::One(piece) => return write(&[IoSlice::new(&piece.bytes)]),
            Pieces::Many(all) => all,
        };
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let pairs = slices.iter_mut().zip(all);
        let count = pairs
            .map(|(slice, piece)| *slice = IoSlice::new(&piece.bytes))
            .count();
        write(slices.get(..count).unwrap_or_default())
    }

    /// Forgets what has been written.
    pub(super) fn written(&mut self, mut count: usize) {
        let written = count.min(self.bytes);
        self.total.sub(written);
        self.bytes -= written;
        while let Some(piece) = self.pieces.first_mut() {
            if count < piece.bytes.len() {
                piece.bytes.advance(count);
                piece.is_begun |= count > 0;
                return;
            }
            count -= piece.bytes.len();
            self.messages = self.messages.saturating_sub(piece.messages as usize);
            self.pieces.pop();
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.total.sub(self.bytes);
        (self.bytes, self.messages) = (0, 0);
        self.pieces = Pieces::None;
    }

    /// Drops what has not been begun. Returns the number of messages dropped.
    pub(super) fn clear_unbegun(&mut self) -> usize {
        let before = self.messages;
        let begun = self.pieces.pop().filter(|piece| piece.is_begun);
        self.clear();
        if let Some(piece) = begun {
            self.push(piece.bytes, piece.messages);
            if let Some(piece) = self.pieces.first_mut() {
                piece.is_begun = true;
            }
        }
        before - self.messages
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(outbox: &Outbox) -> String {
        let all: Vec<u8> =
            outbox.gather(|slices| slices.iter().flat_map(|it| it.to_vec()).collect());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn what_was_written_in_part_goes_on_where_it_was() {
        let mut outbox = Outbox::new(Arc::default());
        for text in ["one ", "", "two ", "three"] {
            outbox.push(Bytes::from(text), 1);
        }
        assert_eq!((outbox.bytes(), outbox.messages()), (13, 3));
        outbox.written(6);
        assert_eq!(
            (gathered(&outbox).as_str(), outbox.messages()),
            ("o three", 2)
        );
        outbox.written(7);
        assert!(outbox.is_empty());
        assert_eq!((outbox.bytes(), outbox.messages()), (0, 0));
    }

    #[test]
    fn what_has_been_begun_is_not_dropped() {
        let mut outbox = Outbox::new(Arc::default());
        outbox.push(Bytes::from("one"), 1);
        outbox.push(Bytes::from("two"), 2);
        assert_eq!(outbox.clear_unbegun(), 3);
        assert!(outbox.is_empty());

        outbox.push(Bytes::from("one"), 1);
        outbox.push(Bytes::from("two"), 2);
        outbox.written(1);
        assert_eq!(outbox.clear_unbegun(), 2);
        assert_eq!((gathered(&outbox).as_str(), outbox.bytes()), ("ne", 2));
        assert_eq!(outbox.clear_unbegun(), 0);
        assert_eq!(gathered(&outbox), "ne");
    }

    #[test]
    fn what_waits_is_counted_until_it_is_written_or_dropped() {
        let total = Arc::new(Gauge::default());
        let mut one = Outbox::new(Arc::clone(&total));
        let mut other = Outbox::new(Arc::clone(&total));
        one.push(Bytes::from("12345"), 1);
        one.push(Bytes::from("678"), 1);
        other.push(Bytes::from("9"), 1);
        assert_eq!(total.value(), 9);
        one.written(2);
        assert_eq!(total.value(), 7);
        one.clear_unbegun();
        assert_eq!(total.value(), 4);
        drop(one);
        assert_eq!(total.value(), 1);
        other.clear();
        assert_eq!(total.value(), 0);
    }

    #[test]
    fn one_write_gathers_many_pieces() {
        let mut outbox = Outbox::new(Arc::default());
        for _ in 0..=MAX_SLICES {
            outbox.push(Bytes::from("x"), 1);
        }
        assert_eq!(gathered(&outbox).len(), MAX_SLICES);
        outbox.written(MAX_SLICES);
        assert_eq!(gathered(&outbox), "x");
    }
}
