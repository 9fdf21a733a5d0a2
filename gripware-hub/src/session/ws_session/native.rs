//! A session whose origin speaks WebSocket itself (GRIP 2.8). There are no turns: what the origin says
//! comes by frames, and so goes what it is told.

use std::time::Instant;

use bytes::Bytes;
use gripware_core::ws::EventKind;

use super::{
    Stage, WsSession,
    events::{Ending, Output},
};
use crate::{session::Effect, ws::FrameDecoder};

impl WsSession {
    /// Takes what the origin has sent, all of it.
    ///
    /// It goes to the client whether there is room for it or not: the origin is read only while nothing
    /// else waits for the client (backpressure).
    pub(crate) fn heard(
        &mut self,
        decoder: &mut FrameDecoder,
        mut bytes: &[u8],
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let mut output = Output::owed(effects);
        let mut outcome = Ok(None);
        while !self.is_detached && matches!(outcome, Ok(None)) {
            outcome = match decoder.read(&mut bytes, self.settings.limits.websocket_body) {
                Ok(Some(message)) => {
                    let (kind, content) = message.into_event();
                    self.take_event(kind, &content, now, &mut output)
                }
                Ok(None) => break,
                Err(error) => {
                    let reason = error.reason();
                    Err(format!("the origin breaks the WebSocket protocol: {reason}").into())
                }
            };
        }
        if output.finish() {
            self.sent(now);
        }
        match outcome {
            Ok(Some(Ending::Close(close))) => self.closed_by_origin(close, now, effects),
            Ok(Some(Ending::Drop)) => self.dropped_by_origin(effects),
            Ok(None) if self.is_detached && self.stage == Stage::ClientClosed => {
                self.answer_close(effects);
            }
            Ok(None) => {}
            Err(why) => self.broken(why, now, effects),
        }
    }

    /// Returns what the origin is told next.
    pub(crate) fn next_told(&mut self, now: Instant) -> Option<(EventKind, Bytes)> {
        if !self.is_native {
            return None;
        }
        let told = self.queue.as_mut()?.pop();
        self.tidy();
        let is_close = matches!(told, Some((EventKind::Close, _)));
        if is_close && self.stage == Stage::ClientClosed {
            self.timers_mut().close_at = Some(now + self.settings.close_timeout);
        }
        told
    }

    /// Whether the origin speaks WebSocket, and nothing passes between it and the client from now on,
    /// once it has what waits for it.
    pub(crate) fn leaves_origin(&self) -> bool {
        let is_heard = match self.stage {
            Stage::Open | Stage::ClientClosed => true,
            Stage::Closing { is_told } => is_told,
            Stage::Telling | Stage::Over => false,
        };
        self.is_native && self.queue.is_none() && (self.is_detached || !is_heard)
    }

    /// The origin has got all that it is told.
    pub(crate) fn has_told_all(&mut self) {
        if self.stage == Stage::Telling {
            self.stage = Stage::Over;
        }
    }

    /// The origin's socket is gone without a close; `why` says that it is given up. A client that is
    /// detached does not need it.
    pub(crate) fn origin_ended(
        &mut self,
        why: Option<&'static str>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.queue = None;
        match (self.stage, why) {
            (Stage::Open, _) if self.is_detached => {}
            (Stage::Open, Some(why)) => self.broken(why, now, effects),
            (Stage::Open, None) => self.dropped_by_origin(effects),
            (Stage::ClientClosed, _) => self.leave_close(effects),
            (Stage::Closing { .. }, _) => self.stage = Stage::Closing { is_told: false },
            (Stage::Telling | Stage::Over, _) => {}
        }
        self.has_told_all();
    }

    /// The origin wants to hear no more of the client, and is left.
    pub(super) fn detach(&mut self) {
        // What has not been told yet no longer is, but for a close.
        if let Some(queue) = &mut self.queue {
            queue.keep_close();
        }
        self.tidy();
        if self.is_native && self.stage == Stage::Open && !self.is_detached {
            self.tell(EventKind::Close, Bytes::new());
        }
        self.is_detached = true;
    }
}
