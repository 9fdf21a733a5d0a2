//! Slow clients of responses that are not held (slow-read attack): a client has to take so much in
//! each period.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// How much of an answer a client has to take in each period, in bytes. With the default period of
/// 60 s that is 273 bytes/s, a tenth of what the slowest mobile network carries. It is not more,
/// since TCP tells of a slow reader in steps: of up to half the buffer that the client's system has
/// for it, which is 64 KiB or more where the client reads nothing at all.
pub(super) const LEAST: usize = 16 * 1024;

/// Whether a client takes an answer: the slow-read attack keeps an answer, and what it was made
/// with at the origin, by reading a byte now and then.
///
/// Periods are counted only while something waits for the client. One ends early when the client
/// has taken all that waits, or at least [`LEAST`]; a client that lets one end late has stalled.
#[derive(Debug)]
pub(super) struct Progress {
    limit: Duration,
    /// When the period began, while something waits.
    since: Option<Instant>,
    taken: usize,
    /// When a client that sends no more has last shown that it is there.
    ended: Option<Instant>,
    /// Whether a client that sends no more has left, since it asks for a WebSocket or is held.
    is_two_way: bool,
}

impl Progress {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            taken: 0,
            ended: None,
            is_two_way: false,
        }
    }

    /// The client sends no more: it has either half-closed its connection, or left.
    pub(super) fn ends(&mut self) {
        self.ended.get_or_insert_with(Instant::now);
    }

    /// Notes whether a client has to send as well as to take.
    pub(super) fn begins(&mut self, is_two_way: bool) {
        self.is_two_way = is_two_way;
    }

    /// Begins a period, unless one has begun: something waits for the client.
    pub(super) fn waits(&mut self) {
        if self.since.is_none() {
            self.restart();
        }
    }

    /// Counts bytes that the client has taken, while others may wait.
    pub(super) fn takes(&mut self, bytes: usize) {
        if let Some(ended) = &mut self.ended {
            *ended = Instant::now();
        }
        if self.since.is_none() {
            return;
        }
        self.taken = self.taken.saturating_add(bytes);
        if self.taken >= LEAST {
            self.restart();
        }
    }

    /// Begins another period.
    pub(super) fn restart(&mut self) {
        self.since = Some(Instant::now());
        self.taken = 0;
    }

    /// Ends the period: nothing waits for the client.
    pub(super) fn settles(&mut self) {
        self.since = None;
        self.taken = 0;
    }

    /// Returns when the client has stalled; `None` while nothing waits for it and it may still send, or
    /// if the limit is longer than the clock goes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_two_way && self.ended.is_some() {
            return self.ended;
        }
        let since = self.since.into_iter().chain(self.ended).min();
        since?.checked_add(self.limit)
    }
}

/// Waits for a deadline that moves. It has no timer until it is waited for once.
#[derive(Debug, Default)]
pub(super) struct StallTimer(Option<Pin<Box<Sleep>>>);

impl StallTimer {
    /// Ready once the deadline has passed; never if there is none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_client_stalls_only_while_something_waits_for_it() {
        let mut progress = Progress::new(LIMIT);
        assert_eq!(progress.deadline(), None);
        progress.takes(LEAST);
        assert_eq!(progress.deadline(), None);
        progress.waits();
        let first = progress.deadline().unwrap();
        advance(LIMIT / 2).await;
        progress.waits();
        assert_eq!(progress.deadline(), Some(first));
        progress.settles();
        assert_eq!(progress.deadline(), None);
        progress.waits();
        assert_eq!(progress.deadline(), Some(first + LIMIT / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_no_more_has_to_take_something_now_and_then() {
        let mut progress = Progress::new(LIMIT);
        progress.ends();
        let first = progress.deadline().unwrap();
        advance(LIMIT / 2).await;
        progress.ends();
        assert_eq!(progress.deadline(), Some(first));
        progress.takes(1);
        progress.settles();
        assert_eq!(progress.deadline(), Some(first + LIMIT / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_no_progress_and_enough_is() {
        let mut progress = Progress::new(LIMIT);
        progress.waits();
        let first = progress.deadline().unwrap();
        for _ in 0..LEAST - 1 {
            advance(Duration::from_millis(1)).await;
            progress.takes(1);
        }
        assert_eq!(progress.deadline(), Some(first));
        progress.takes(1);
        assert!(progress.deadline() > Some(first));
    }
}
