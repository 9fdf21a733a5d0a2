//! What a connection is made of once CONFIGURE was there, as it is kept in its meta.

use std::fmt::Write as _;

use gripware_topics::ws::{Counter, Side};

/// What the counters of a connection are made of.
pub(super) struct Configured {
    nonce: String,
    pub(super) subscriber: Counter,
    pub(super) broadcaster: Counter,
    /// Whether both ends compress.
    pub(super) is_compressed: bool,
}

/// What stands for compression in the meta.
const COMPRESSED: &str = "zstd";

/// How long the rest of the meta is, most times.
const NUMBERS: usize = 32;

impl Configured {
    pub(super) fn new(
        nonce: String,
        subscriber: u64,
        broadcaster: u64,
        is_compressed: bool,
    ) -> Self {
        Self {
            subscriber: Counter::resume(&nonce, Side::Subscriber, subscriber),
            broadcaster: Counter::resume(&nonce, Side::Broadcaster, broadcaster),
            nonce,
            is_compressed,
        }
    }

    /// Takes back the numbers of what was not sent: this one comes next.
    pub(super) fn go_back_to(&mut self, broadcaster: u64) {
        self.broadcaster = Counter::resume(&self.nonce, Side::Broadcaster, broadcaster);
    }

    /// Reads what [`to_meta`](Self::to_meta) has written; `None` if it is none.
    pub(super) fn from_meta(meta: &str) -> Option<Self> {
        let mut fields = meta.split(' ');
        let nonce = fields.next()?.to_owned();
        let mut number = || u64::from_str_radix(fields.next()?, 16).ok();
        let (subscriber, broadcaster) = (number()?, number()?);
        let is_compressed = fields.next() == Some(COMPRESSED);
        Some(Self::new(nonce, subscriber, broadcaster, is_compressed))
    }

    pub(super) fn to_meta(&self) -> String {
        let (subscriber, broadcaster) = (self.subscriber.peek(), self.broadcaster.peek());
        let mut meta = String::with_capacity(self.nonce.len() + NUMBERS);
        meta.push_str(&self.nonce);
        // Writing to a string does not fail.
        let _ = write!(meta, " {subscriber:x} {broadcaster:x}");
        if self.is_compressed {
            meta.push(' ');
            meta.push_str(COMPRESSED);
        }
        meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_in_the_meta_is_read_as_it_was() {
        for is_compressed in [false, true] {
            let mut configured = Configured::new("bm9uY2U=".to_owned(), 1, 26, is_compressed);
            configured.subscriber.next_url();
            let meta = configured.to_meta();
            assert_eq!(meta.trim_ascii(), meta, "a header has no blanks around it");
            let read = Configured::from_meta(&meta).unwrap();
            assert_eq!(read.to_meta(), meta);
            assert_eq!(read.is_compressed, is_compressed);
            assert_eq!((read.subscriber.peek(), read.broadcaster.peek()), (2, 26));
        }
        for broken in ["", "n", "n 1", "n 1 x"] {
            assert!(Configured::from_meta(broken).is_none(), "{broken}");
        }
    }
}
