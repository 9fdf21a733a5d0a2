//! When the proxy asks, and how much of what it offers is taken.

use std::time::Duration;

use super::*;
use crate::header::CONTENT_BYTES_REPLAYED;

/// The shortest keep-alive interval of common proxies, in seconds (GRIP 2.3).
pub const MIN_KEEP_ALIVE_INTERVAL: u64 = 20;

/// The longest interval that a proxy reads: some count in 32 bits.
const MAX_KEEP_ALIVE_INTERVAL: u64 = i32::MAX as u64;

impl WebSocketContext {
    /// Has the proxy send a request without events whenever there was none for this long, or
    /// never again where it is zero. It stays so until it is changed.
    ///
    /// A handler sees such a request as [`is_keep_alive`](Self::is_keep_alive).
    ///
    /// # Errors
    /// If it is neither zero nor whole seconds from [`MIN_KEEP_ALIVE_INTERVAL`] on: common
    /// proxies raise a shorter one to that without a word.
    pub fn keep_alive_interval(&mut self, interval: Duration) -> Result<(), WebSocketError> {
        self.set_keep_alive_interval(interval, MIN_KEEP_ALIVE_INTERVAL)
    }

    /// The same for proxies that keep intervals from one second on, as `gripware-hub` may be told
    /// to.
    ///
    /// # Errors
    /// If it is neither zero nor whole seconds.
    pub fn short_keep_alive_interval(&mut self, interval: Duration) -> Result<(), WebSocketError> {
        self.set_keep_alive_interval(interval, 1)
    }

    /// Takes only the first `count` content bytes of the request. The proxy offers the rest
    /// again, together with what comes next; a message that is cut in two goes on as one of the
    /// same kind.
    ///
    /// Content is what stands in the events, without their heads. Pings behind it are not
    /// answered and a close is not echoed: both come again. To take what has been received so
    /// far, pass [`received_bytes`](Self::received_bytes).
    ///
    /// Proxies know this since Pushpin 1.41. Older ones take everything as accepted.
    ///
    /// # Errors
    /// If the connection is opening, there are fewer than `count` bytes, or they are all but
    /// those of the client's close: a proxy fails the connection then, because with the close
    /// nothing more can come.
    pub fn accept_bytes(&mut self, count: usize) -> Result<(), WebSocketError> {
        if self.is_opening() || self.incoming.is_wrong_to_accept(count) {
            return Err(self.error(WebSocketErrorKind::InvalidAcceptedBytes {
                accepted: count,
                offered: self.offered_bytes(),
            }));
        }
        self.accepted_bytes = Some(count);
        Ok(())
    }

    /// Returns how many content bytes the request has.
    #[must_use]
    pub const fn offered_bytes(&self) -> usize {
        self.incoming.offered()
    }

    /// Returns how many content bytes the request has up to the last message that was received, and
    /// all of them after [`receive`](Self::receive) has said that there are no more.
    #[must_use]
    pub const fn received_bytes(&self) -> usize {
        self.incoming.passed()
    }

    /// Returns how many content bytes at the start of the request had been offered before, and were
    /// not accepted.
    #[must_use]
    pub const fn replayed_bytes(&self) -> usize {
        self.replayed_bytes
    }

    pub(super) fn accepts_everything(&self) -> bool {
        self.accepted_bytes
            .is_none_or(|accepted| accepted == self.offered_bytes())
    }

    fn set_keep_alive_interval(
        &mut self,
        interval: Duration,
        minimum: u64,
    ) -> Result<(), WebSocketError> {
        let seconds = interval.as_secs();
        let is_kept = seconds == 0 || (minimum..=MAX_KEEP_ALIVE_INTERVAL).contains(&seconds);
        if interval.subsec_nanos() > 0 || !is_kept {
            return Err(self.error(WebSocketErrorKind::InvalidKeepAliveInterval { minimum }));
        }
        self.keep_alive_interval = Some(seconds);
        Ok(())
    }
}

pub(super) fn replayed_bytes(headers: &HeaderMap, offered: usize) -> Result<usize, WebSocketError> {
    let Some(count) = headers.get(CONTENT_BYTES_REPLAYED) else {
        return Ok(0);
    };
    // A sign is no digit, although `parse` takes one.
    let digits = count.to_str().ok();
    digits
        .filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|count| count.parse().ok())
        .filter(|count| *count <= offered)
        .ok_or_else(|| WebSocketErrorKind::InvalidReplayedBytes.into())
}
