//! Obeying the origin's answers (GRIP 2.3 to 2.5).

use std::{borrow::Cow, time::Instant};

use bytes::Bytes;
use gripware_core::{
    header::CONTENT_BYTES_ACCEPTED,
    ws::{CONTROL_PREFIX, Close, Event, EventKind, Events, MAX_PING_LEN, scan},
};
use http::{HeaderMap, Response};

use super::{Conversation, InFlight, Stage};
use crate::ws::{
    Action, Opcode, TurnError, append,
    opening::{interval, is_events, poll},
    queue::Taken,
};

/// What goes to the client and its owner because of one answer. Frames that follow each other are
/// written together.
pub(super) struct Output<'a> {
    frames: Vec<u8>,
    actions: &'a mut Vec<Action>,
}

impl<'a> Output<'a> {
    fn new(actions: &'a mut Vec<Action>) -> Self {
        Self {
            frames: Vec::new(),
            actions,
        }
    }

    /// An encoded frame.
    pub(super) fn frame(&mut self, frame: &[u8]) {
        self.frames.extend_from_slice(frame);
    }

    pub(super) fn act(&mut self, action: Action) {
        self.flush();
        self.actions.push(action);
    }

    pub(super) fn note(&mut self, why: impl Into<Cow<'static, str>>) {
        self.actions.push(Action::Note(why.into()));
    }

    fn flush(&mut self) {
        if !self.frames.is_empty() {
            let frames = std::mem::take(&mut self.frames);
            self.actions.push(Action::Send(frames.into()));
        }
    }
}

/// How the events of an answer end a conversation.
enum Ending {
    Close(Close),
    Drop,
}

impl Conversation {
    /// Takes the outcome of the turn under way. Another one may follow at once.
    pub(crate) fn answered(
        &mut self,
        answer: Result<Response<Bytes>, TurnError>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        let asked = std::mem::replace(&mut self.in_flight, InFlight::Nothing);
        if asked == InFlight::Nothing || self.is_over() {
            return;
        }
        if let Err(TurnError::Unreached { jitter }) = answer
            && self.attempts < self.settings.retries
        {
            let delay = std::time::Duration::from_secs(1 << self.attempts.min(16));
            self.timers_mut().retry_at = Some(now + delay + jitter);
            self.attempts += 1;
            match &mut self.queue {
                Some(queue) if asked == InFlight::Events => queue.take_back(),
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
            Ok(answer) => self.take_answer(asked, &answer, now, actions),
            Err(TurnError::Unreached { .. }) => Err("the origin is not reached".into()),
            Err(TurnError::Failed) => Err("the origin does not answer".into()),
        };
        if let Err(why) = obeyed {
            self.broken(why, now, actions);
        }
        self.tidy();
        self.arm_poll(now);
    }

    /// Obeys what stands behind `OPEN` in the first answer.
    pub(super) fn opened(&mut self, body: &Bytes, now: Instant, actions: &mut Vec<Action>) {
        let obeyed = match self.take_events(body, true, now, actions) {
            Ok(ending) => self.take_ending(ending, None, now, actions),
            Err(why) => Err(why),
        };
        if let Err(why) = obeyed {
            self.broken(why, now, actions);
        }
        self.arm_poll(now);
    }

    fn take_answer(
        &mut self,
        asked: InFlight,
        answer: &Response<Bytes>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Result<(), Cow<'static, str>> {
        if !is_events(answer) {
            let status = answer.status();
            return Err(format!("the origin answers {status} without events").into());
        }
        let limits = self.settings.limits_of_answers();
        if let Some(Err(error)) = scan(answer.body(), &limits).find(Result::is_err) {
            return Err(format!("the origin's answer is not a list of events: {error}").into());
        }
        if !self.memory.take(answer.headers(), &limits) {
            let note = "meta that is over a limit is not kept";
            actions.push(Action::Note(note.into()));
        }
        if self.reaches_client()
            && let Some(poll) = poll(answer.headers())
        {
            self.poll = poll;
        }
        let taken = self.take_acceptance(asked, answer.headers())?;
        let ending = self.take_events(answer.body(), false, now, actions)?;
        self.take_ending(ending, taken, now, actions)
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
        actions: &mut Vec<Action>,
    ) -> Result<(), Cow<'static, str>> {
        self.tidy();
        let leaves_close = taken.is_some_and(|taken| taken.leaves_close);
        match ending {
            Some(Ending::Close(close)) if leaves_close => {
                // It answers the close that it says it did not take.
                self.queue = None;
                self.closed_by_origin(close, now, actions);
            }
            Some(Ending::Close(close)) => self.closed_by_origin(close, now, actions),
            Some(Ending::Drop) => self.dropped_by_origin(actions),
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
                        let note = "the origin does not answer the client's close";
                        actions.push(Action::Note(note.into()));
                        self.answer_close(actions);
                    }
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Obeys events up to the one that ends the conversation.
    fn take_events(
        &mut self,
        body: &Bytes,
        is_opening: bool,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Result<Option<Ending>, Cow<'static, str>> {
        let limits = self.settings.limits_of_answers();
        let events = Events::new(body.clone(), &limits).skip(is_opening.into());
        let mut output = Output::new(actions);
        let mut result = Ok(None);
        for event in events {
            result = match event {
                Ok(event) => self.take_event(&event, now, &mut output),
                Err(error) => Err(error.to_string().into()),
            };
            if !matches!(result, Ok(None)) {
                break;
            }
        }
        if !output.frames.is_empty() {
            self.sent(now);
        }
        output.flush();
        result
    }

    fn take_event(
        &mut self,
        event: &Event,
        now: Instant,
        output: &mut Output<'_>,
    ) -> Result<Option<Ending>, Cow<'static, str>> {
        let content = event.content();
        match event.kind() {
            EventKind::Close => return Ok(event.to_close().map(Ending::Close)),
            EventKind::Disconnect => return Ok(Some(Ending::Drop)),
            _ if !self.reaches_client() => {}
            EventKind::Text => self.take_message(Opcode::Text, content, now, output)?,
            EventKind::Binary => self.take_message(Opcode::Binary, content, now, output)?,
            EventKind::Ping | EventKind::Pong if content.len() > MAX_PING_LEN => {
                output.note("a ping or pong over 125 bytes is dropped");
            }
            EventKind::Ping => append(&mut output.frames, Opcode::Ping, content),
            EventKind::Pong => append(&mut output.frames, Opcode::Pong, content),
            _ => output.note("an event that has no meaning here is ignored"),
        }
        Ok(None)
    }

    /// A message to the client, or to the proxy.
    fn take_message(
        &mut self,
        opcode: Opcode,
        content: &Bytes,
        now: Instant,
        output: &mut Output<'_>,
    ) -> Result<(), Cow<'static, str>> {
        let content = match self.mode.prefix() {
            None => content,
            Some(_) if opcode == Opcode::Text && content.starts_with(CONTROL_PREFIX.as_bytes()) => {
                self.control(content, now, output);
                return Ok(());
            }
            Some(prefix) => match content.strip_prefix(prefix) {
                Some(content) => {
                    return put(opcode, content, output);
                }
                None => {
                    output.note("a message without the message prefix is dropped");
                    return Ok(());
                }
            },
        };
        put(opcode, content, output)
    }

    fn arm_poll(&mut self, now: Instant) {
        if self.poll > 0 && self.reaches_client() {
            self.poll_at = Some(now + interval(self.poll, &self.settings));
        }
    }
}

/// A message that the client gets. A client would fail on a text that is not UTF-8 and blame the
/// proxy.
fn put(opcode: Opcode, content: &[u8], output: &mut Output<'_>) -> Result<(), Cow<'static, str>> {
    if opcode == Opcode::Text && str::from_utf8(content).is_err() {
        return Err("a text of the origin is not UTF-8".into());
    }
    append(&mut output.frames, opcode, content);
    Ok(())
}

/// How many content bytes an answer accepts; none where it says nothing, which is all of them.
fn accepted(headers: &HeaderMap) -> Result<Option<usize>, Cow<'static, str>> {
    let Some(count) = headers.get(CONTENT_BYTES_ACCEPTED) else {
        return Ok(None);
    };
    let digits = count.to_str().ok().map(str::trim);
    digits
        .filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|count| count.parse().ok())
        .map(Some)
        .ok_or_else(|| "Content-Bytes-Accepted is no number".into())
}
