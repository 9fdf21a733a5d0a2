//! Obeying the origin's answers (GRIP 2.3 to 2.5).

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{
    header::{CONTENT_BYTES_ACCEPTED, trim_ows},
    ws::scan,
};
use http::{HeaderMap, Response, StatusCode};

use super::{FORGETFUL, InFlight, Stage, WsSession, event_queue::Taken, events::Ending};
use crate::{
    session::{Effect, OriginFailure},
    ws::{interval, is_events, poll},
};

impl WsSession {
    /// Takes the outcome of the events request under way. Another one may follow at once.
    pub(crate) fn answered(
        &mut self,
        answer: Result<&Response<Bytes>, OriginFailure>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let asked = std::mem::replace(&mut self.in_flight, InFlight::Nothing);
        if asked == InFlight::Nothing || self.is_over() {
            return;
        }
        if let Err(OriginFailure::Unreached { jitter }) = answer
            && self.attempts < self.settings.retries
        {
            let delay = Duration::from_secs(1 << self.attempts.min(16));
            self.timers_mut().retry_at = Some(now + delay + jitter);
            self.attempts += 1;
            match &mut self.queue {
                Some(queue) if asked == InFlight::Events => queue.offer_again(),
                _ => self.is_asking = true,
            }
            return;
        }
        self.attempts = 0;
        if self.stage == Stage::Telling {
            self.told(asked);
            return;
        }
        let obeyed = match answer {
            Ok(answer) => self.take_answer(asked, answer, now, effects),
            Err(OriginFailure::Unreached { .. }) => Err("the origin is not reached".into()),
            Err(OriginFailure::Failed) => Err("the origin does not answer".into()),
        };
        if let Err(why) = obeyed {
            self.broken(why, now, effects);
        }
        self.tidy();
        self.arm_poll(now);
    }

    /// Obeys what stands behind `OPEN` in the first answer.
    pub(super) fn opened(&mut self, body: &Bytes, now: Instant, effects: &mut Vec<Effect>) {
        let obeyed = match self.take_events(body, true, now, effects) {
            Ok(ending) => self.take_ending(ending, None, now, effects),
            Err(why) => Err(why),
        };
        if let Err(why) = obeyed {
            self.broken(why, now, effects);
        }
        self.arm_poll(now);
    }

    fn take_answer(
        &mut self,
        asked: InFlight,
        answer: &Response<Bytes>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Cow<'static, str>> {
        if !is_events(answer) {
            let status = answer.status();
            let hint = match status {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                    ": if its route takes GET alone, it has to take POST too, as websocket(handler) \
                     makes it"
                }
                _ => "",
            };
            return Err(format!("the origin answers {status} without events{hint}").into());
        }
        let limits = self.settings.limits_of_answers();
        if let Some(Err(error)) = scan(answer.body(), &limits).find(Result::is_err) {
            return Err(format!("the origin's answer is not a list of events: {error}").into());
        }
        if !self.meta.take(answer.headers(), &limits) {
            effects.push(Effect::Note(FORGETFUL.into()));
        }
        if self.reaches_client()
            && let Some(poll) = poll(answer.headers())
        {
            self.poll = poll;
        }
        let taken = self.take_acceptance(asked, answer.headers())?;
        let ending = self.take_events(answer.body(), false, now, effects)?;
        self.take_ending(ending, taken, now, effects)
    }

    /// Forgets what the origin has accepted.
    fn take_acceptance(
        &mut self,
        asked: InFlight,
        headers: &HeaderMap,
    ) -> Result<Option<Taken>, Cow<'static, str>> {
        let count = accepted(headers)?;
        let Some(queue) = self.queue.as_mut().filter(|_| asked == InFlight::Events) else {
            return match count {
                None | Some(0) => Ok(None),
                Some(_) => Err("the origin accepts content where none was offered".into()),
            };
        };
        let Some(count) = count else {
            queue.take_all();
            return Ok(None);
        };
        let taken = queue.take(count)?;
        if queue.is_full(self.settings.queue_bytes, self.settings.queue_events) {
            // The client is not read from, so nothing new would ever come.
            if !taken.is_some {
                return Err("the origin accepts nothing, and there is no room for more".into());
            }
            queue.refresh();
        }
        Ok(Some(taken))
    }

    fn take_ending(
        &mut self,
        ending: Option<Ending>,
        taken: Option<Taken>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Cow<'static, str>> {
        self.tidy();
        let leaves_close = taken.is_some_and(|taken| taken.leaves_close);
        match ending {
            Some(Ending::Close(close)) if leaves_close => {
                // It answers the close that it says it did not take.
                self.queue = None;
                self.closed_by_origin(close, now, effects);
            }
            Some(Ending::Close(close)) => self.closed_by_origin(close, now, effects),
            Some(Ending::Drop) => self.dropped_by_origin(effects),
            None if self.stage == Stage::ClientClosed => {
                match &mut self.queue {
                    Some(queue) if leaves_close && taken.is_some_and(|taken| taken.is_some) => {
                        queue.refresh();
                    }
                    Some(_) if leaves_close => {
                        return Err("the origin does not accept the client's close".into());
                    }
                    Some(_) => {}
                    // A poll may still bring the answer.
                    None if self.poll > 0 => {}
                    None => {
                        self.leave_close(effects);
                    }
                }
            }
            None => {}
        }
        Ok(())
    }

    fn arm_poll(&mut self, now: Instant) {
        if self.poll > 0 && self.reaches_client() {
            self.poll_at = Some(now + interval(self.poll, &self.settings));
        }
    }
}

/// Returns how many content bytes an answer accepts, or `None` if it says nothing, which is all of
/// them.
fn accepted(headers: &HeaderMap) -> Result<Option<usize>, Cow<'static, str>> {
    let Some(count) = headers.get(CONTENT_BYTES_ACCEPTED) else {
        return Ok(None);
    };
    let digits = count.to_str().ok().map(trim_ows);
    digits
        .filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|count| count.parse().ok())
        .map(Some)
        .ok_or_else(|| "Content-Bytes-Accepted is no number".into())
}
