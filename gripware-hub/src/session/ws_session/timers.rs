//! What a session does when time has passed (GRIP 2.4, 2.5).

use std::time::{Duration, Instant};

use bytes::Bytes;
use gripware_core::ws::{Frame, WsKeepAlive};

use super::{Stage, WsSession};
use crate::{session::Effect, ws::encode_for};

/// What waits for its time beside the next poll. Few sessions have any of it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    keep_alive: Option<KeepAlive>,
    delayed: Option<Delayed>,
    /// When a side is given up that does not answer a close.
    pub(super) close_at: Option<Instant>,
    /// When a request that did not reach the origin is sent again.
    pub(super) retry_at: Option<Instant>,
}

/// What is sent to the client again and again.
#[derive(Debug)]
struct KeepAlive {
    frame: Bytes,
    every: Duration,
    /// Whether it is sent whatever else is.
    is_interval: bool,
    at: Instant,
}

/// What is sent to the client later.
#[derive(Debug)]
struct Delayed {
    frame: Bytes,
    at: Instant,
}

impl Timers {
    fn next(&self) -> Option<Instant> {
        let keep_alive = self.keep_alive.as_ref().map(|keep_alive| keep_alive.at);
        let delayed = self.delayed.as_ref().map(|delayed| delayed.at);
        [keep_alive, delayed, self.close_at, self.retry_at]
            .into_iter()
            .flatten()
            .min()
    }
}

impl WsSession {
    /// When [`elapsed`](Self::elapsed) has something to do at the earliest. It changes with every
    /// call of the session; a timer that is left at an earlier time does no harm.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let timers = self.timers.as_ref().and_then(|timers| timers.next());
        [timers, self.poll_at].into_iter().flatten().min()
    }

    /// Something was written to the client, whoever had it written.
    pub(crate) fn sent(&mut self, now: Instant) {
        if let Some(timers) = &mut self.timers
            && let Some(keep_alive) = &mut timers.keep_alive
            && !keep_alive.is_interval
        {
            keep_alive.at = now + keep_alive.every;
        }
    }

    /// Does what is due at `now`. There may be an events request afterwards.
    pub(crate) fn elapsed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let is_due = |at: &mut Instant| *at <= now;
        if self.poll_at.take_if(is_due).is_some() {
            self.is_asking = true;
        }
        let Some(timers) = &mut self.timers else {
            return;
        };
        timers.retry_at.take_if(is_due);
        if let Some(delayed) = timers.delayed.take_if(|delayed| delayed.at <= now) {
            effects.push(Effect::Send(delayed.frame));
            self.sent(now);
        }
        let Some(timers) = &mut self.timers else {
            return;
        };
        if let Some(keep_alive) = &mut timers.keep_alive
            && keep_alive.at <= now
        {
            effects.push(Effect::Send(keep_alive.frame.clone()));
            keep_alive.at = now + keep_alive.every;
        }
        if timers.close_at.take_if(is_due).is_some() {
            match self.stage {
                Stage::ClientClosed => self.leave_close(effects),
                _ => {
                    effects.push(Effect::End { is_reusable: false });
                    self.gone();
                }
            }
        }
        self.tidy_timers();
    }

    pub(super) fn keep_client_alive(&mut self, keep_alive: Option<&WsKeepAlive>, now: Instant) {
        let default = self.settings.client_keep_alive;
        let keep_alive = keep_alive.map(|keep_alive| {
            let every = keep_alive.timeout().unwrap_or(default);
            KeepAlive {
                frame: self.encoded(keep_alive.frame()),
                every,
                is_interval: keep_alive.is_interval(),
                at: now + every,
            }
        });
        if keep_alive.is_some() || self.timers.is_some() {
            self.timers_mut().keep_alive = keep_alive;
        }
        self.tidy_timers();
    }

    /// Sends something later, and gives what waited in its place.
    pub(super) fn delay(
        &mut self,
        frame: &Frame,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Option<Bytes> {
        let delayed = Delayed {
            frame: self.encoded(frame),
            at: now + timeout.unwrap_or(self.settings.delay),
        };
        let earlier = self.timers_mut().delayed.replace(delayed)?;
        Some(earlier.frame)
    }

    /// What waits to be sent later.
    pub(super) fn take_delayed(&mut self) -> Option<Bytes> {
        let delayed = self.timers.as_mut()?.delayed.take();
        self.tidy_timers();
        Some(delayed?.frame)
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.timers.as_ref()?.retry_at
    }

    pub(super) fn timers_mut(&mut self) -> &mut Timers {
        self.timers.get_or_insert_default()
    }

    fn tidy_timers(&mut self) {
        if self
            .timers
            .as_ref()
            .is_some_and(|timers| timers.next().is_none())
        {
            self.timers = None;
        }
    }
    fn encoded(&self, frame: &Frame) -> Bytes {
        encode_for(self.window, frame.kind().into(), frame.content())
    }
}
