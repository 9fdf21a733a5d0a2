//! What stands for a URL in what is signed over a WebSocket: `websocket:NONCE:COUNTER`.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// Returns the nonce of a connection, to which both ends have given half: the SHA-256 of both, in
/// base64 of the standard alphabet (which the original's documentation has otherwise).
#[must_use]
pub fn nonce(subscriber: &[u8; 32], broadcaster: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(subscriber)
        .chain_update(broadcaster)
        .finalize();
    STANDARD.encode(digest)
}

/// The most that stands around the nonce: the scheme, a sign and sixteen digits.
const AROUND: usize = 28;

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The subscriber counts down from -1: each (un)subscribe, `CONFIRM_RECEIVE` and
    /// `CONTINUE_RECEIVE`.
    Subscriber,
    /// The broadcaster counts up from 1: each part of `RECEIVE_STREAM`, `MISSED`, and each change of
    /// a compressor.
    Broadcaster,
}

/// The counter of one side of one connection: no signature of a connection is good a second time,
/// or in another order.
///
/// ```
/// use gripware_topics::ws::{Counter, Side};
///
/// let mut counter = Counter::new("bm9uY2U=", Side::Subscriber);
/// assert_eq!(counter.next_url(), "websocket:bm9uY2U=:-1");
/// for _ in 2..26 {
///     counter.next_url();
/// }
/// assert_eq!(counter.next_url(), "websocket:bm9uY2U=:-1a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    nonce: Box<str>,
    side: Side,
    next: u64,
}

impl Counter {
    /// Starts at one.
    #[must_use]
    pub fn new(nonce: &str, side: Side) -> Self {
        Self::resume(nonce, side, 1)
    }

    /// Goes on at a number, for who has kept it in the meta of a connection.
    #[must_use]
    pub fn resume(nonce: &str, side: Side, next: u64) -> Self {
        Self {
            nonce: nonce.into(),
            side,
            next,
        }
    }

    /// Returns the number that comes next, without its sign.
    #[must_use]
    pub fn peek(&self) -> u64 {
        self.next
    }

    /// Returns the URL for the next message.
    pub fn next_url(&mut self) -> String {
        let sign = match self.side {
            Side::Subscriber => "-",
            Side::Broadcaster => "",
        };
        let mut url = String::with_capacity(self.nonce.len() + AROUND);
        // Writing to a string does not fail.
        let _ = write!(url, "websocket:{}:{sign}{:x}", self.nonce, self.next);
        self.next = self.next.wrapping_add(1);
        url
    }
}
