//! How a WebSocket ends, from either side (GRIP 2.4, 2.7).

use std::{borrow::Cow, time::Instant};

use bytes::Bytes;
use gripware_core::ws::{Close, CloseCode, EventKind};

use super::{InFlight, Stage, WsSession};
use crate::{
    session::Effect,
    ws::{ProtocolError, close::to_client, encode_close},
};

impl WsSession {
    /// Closes the client with the code and reason of an item. The origin is told how the client
    /// answers. No code, or one that must not be sent, is 1000.
    pub(crate) fn close_from_item(
        &mut self,
        code: u16,
        reason: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let content = [&code.to_be_bytes(), reason.as_bytes()].concat();
        self.close(Close::parse(&content), now, effects);
    }

    /// Closes the client because of the hub's own reasons, such as that it ends.
    pub(crate) fn end(&mut self, code: CloseCode, now: Instant, effects: &mut Vec<Effect>) {
        self.close(Close::new(code), now, effects);
    }

    /// The client's connection is gone, or is being ended without a close. The origin is told.
    pub(crate) fn gone(&mut self) {
        match self.stage {
            Stage::Open | Stage::Closing { is_told: true } => {
                let event = if self.is_detached {
                    EventKind::Close
                } else {
                    EventKind::Disconnect
                };
                self.client_has_ended(Some((event, Bytes::new())));
            }
            // The origin knows, or is being told, that the client has closed.
            Stage::ClientClosed | Stage::Closing { is_told: false } => self.client_has_ended(None),
            Stage::Telling | Stage::Over => {}
        }
    }

    /// The client breaks the protocol: it is told so, and nothing more is expected of it.
    pub(crate) fn failed(&mut self, error: ProtocolError, effects: &mut Vec<Effect>) {
        match self.stage {
            Stage::Open => {
                effects.push(Effect::Close(error.to_frame()));
                effects.push(Effect::End { is_reusable: false });
            }
            Stage::Closing { .. } => effects.push(Effect::End { is_reusable: false }),
            Stage::ClientClosed | Stage::Telling | Stage::Over => return,
        }
        self.gone();
    }

    /// Closes the client, or answers its close.
    pub(super) fn close(&mut self, close: Close, now: Instant, effects: &mut Vec<Effect>) {
        let close = to_client(close);
        match self.stage {
            Stage::Open => {
                effects.push(Effect::Close(encode_close(&close)));
                self.stage = Stage::Closing { is_told: true };
                self.stop_sending();
                self.timers_mut().close_at = Some(now + self.settings.close_timeout);
            }
            Stage::ClientClosed => {
                end_with(&close, effects);
                self.client_has_ended(None);
            }
            Stage::Closing { .. } | Stage::Telling | Stage::Over => {}
        }
    }

    /// The origin closes the client, or answers its close. What it has not been told yet is of no
    /// use to it, but for how the client closed.
    pub(super) fn closed_by_origin(
        &mut self,
        close: Close,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(queue) = &mut self.queue {
            queue.keep_close();
        }
        self.tidy();
        self.close(close, now, effects);
    }

    /// The origin drops the client without a close.
    pub(super) fn dropped_by_origin(&mut self, effects: &mut Vec<Effect>) {
        effects.push(Effect::End { is_reusable: false });
        self.queue = None;
        self.client_has_ended(None);
    }

    /// The origin fails, or says what cannot be obeyed. It is told nothing more, and the client
    /// gets what it is owed: an answer to its close, or a close with 1011.
    pub(crate) fn broken(
        &mut self,
        why: impl Into<Cow<'static, str>>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Note(why.into()));
        self.queue = None;
        match self.stage {
            Stage::Open => self.close(Close::new(CloseCode::INTERNAL_ERROR), now, effects),
            Stage::ClientClosed => self.answer_close(effects),
            Stage::Telling => self.stage = Stage::Over,
            Stage::Closing { .. } | Stage::Over => {}
        }
        if let Stage::Closing { is_told } = &mut self.stage {
            *is_told = false;
        }
    }

    /// Answers the client's close, which the origin does not.
    pub(super) fn leave_close(&mut self, effects: &mut Vec<Effect>) {
        let note = "the origin does not answer the client's close";
        effects.push(Effect::Note(note.into()));
        self.answer_close(effects);
    }

    /// Answers the client's close with its own code, since the origin does not.
    pub(super) fn answer_close(&mut self, effects: &mut Vec<Effect>) {
        let close = self.client_close.take().unwrap_or_default();
        end_with(&close, effects);
        self.client_has_ended(None);
    }

    /// Nothing more comes from the client or goes to it. The origin is told what it has not been
    /// told yet, and `last`.
    pub(super) fn client_has_ended(&mut self, last: Option<(EventKind, Bytes)>) {
        self.stop_sending();
        self.client_close = None;
        let is_left = self.is_native && self.is_detached;
        if let Some((kind, content)) = last.filter(|_| !is_left) {
            // What a detached client answers is its own affair.
            let content = if self.is_detached {
                Bytes::new()
            } else {
                content
            };
            self.tell(kind, content);
        }
        if let Some(queue) = &mut self.queue {
            queue.refresh();
        }
        self.stage = match self.queue {
            // Of what a socket has been told, something may not be written yet.
            None if !self.is_native => Stage::Over,
            _ => Stage::Telling,
        };
    }

    /// Takes the outcome of an events request that told how the client ended. Whatever it is, nobody
    /// is left to whom it would matter.
    pub(super) fn told(&mut self, told: InFlight) {
        if let Some(queue) = &mut self.queue
            && told == InFlight::Events
        {
            queue.take_all();
        }
        self.tidy();
        if self.queue.is_none() {
            self.stage = Stage::Over;
        }
    }

    /// Forgets all that would send something to the client, or ask the origin for it.
    fn stop_sending(&mut self) {
        self.poll = 0;
        self.poll_at = None;
        self.is_asking = false;
        let retry_at = self.retry_at();
        self.timers = None;
        if retry_at.is_some() {
            self.timers_mut().retry_at = retry_at;
        }
    }
}

/// Says `close` to the client, and nothing more.
pub(super) fn end_with(close: &Close, effects: &mut Vec<Effect>) {
    effects.push(Effect::Close(encode_close(close)));
    effects.push(Effect::End { is_reusable: false });
}
