//! Obeying the events of an answer (GRIP 2.1, 2.5).

use std::{borrow::Cow, time::Instant};

use bytes::Bytes;
use gripware_core::ws::{CONTROL_PREFIX, Close, EventKind, Events, MAX_PING_LEN};

use super::WsSession;
use crate::{
    session::Effect,
    ws::{Opcode, append, append_for},
};

/// What goes to the client and its owner because of one answer. Frames that follow each other are
/// written together.
pub(super) struct Output<'a> {
    frames: Vec<u8>,
    has_frames: bool,
    /// Whether the client gets it although there is no room.
    is_owed: bool,
    effects: &'a mut Vec<Effect>,
}

impl<'a> Output<'a> {
    fn new(effects: &'a mut Vec<Effect>) -> Self {
        Self {
            frames: Vec::new(),
            has_frames: false,
            is_owed: false,
            effects,
        }
    }

    pub(super) fn owed(effects: &'a mut Vec<Effect>) -> Self {
        Self {
            is_owed: true,
            ..Self::new(effects)
        }
    }

    /// An encoded frame.
    pub(super) fn frame(&mut self, frame: &[u8]) {
        self.frames.extend_from_slice(frame);
    }

    pub(super) fn act(&mut self, effect: Effect) {
        self.flush();
        self.effects.push(effect);
    }

    /// Says something in the log, but not the same again and again.
    pub(super) fn note(&mut self, why: impl Into<Cow<'static, str>>) {
        let why = why.into();
        let is_known = |last: &Effect| matches!(last, Effect::Note(last) if *last == why);
        if !self.effects.last().is_some_and(is_known) {
            self.effects.push(Effect::Note(why));
        }
    }

    fn flush(&mut self) {
        if !self.frames.is_empty() {
            let frames = std::mem::take(&mut self.frames);
            self.has_frames = true;
            let (bytes, messages) = (frames.into(), 1);
            self.effects.push(match self.is_owed {
                true => Effect::Write { bytes, messages },
                false => Effect::Send(bytes),
            });
        }
    }

    /// Ends it. Returns whether there was something for the client.
    pub(super) fn finish(mut self) -> bool {
        self.flush();
        self.has_frames
    }
}

/// How the events of an answer end a session.
pub(super) enum Ending {
    Close(Close),
    Drop,
}

impl WsSession {
    /// Obeys events up to the one that ends the session.
    pub(super) fn take_events(
        &mut self,
        body: &Bytes,
        is_opening: bool,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Ending>, Cow<'static, str>> {
        let limits = self.settings.limits_of_answers();
        let events = Events::new(body.clone(), &limits).skip(is_opening.into());
        let mut output = Output::new(effects);
        let mut result = Ok(None);
        for event in events {
            result = match event {
                Ok(event) => self.take_event(event.kind(), event.content(), now, &mut output),
                Err(error) => Err(error.to_string().into()),
            };
            if !matches!(result, Ok(None)) {
                break;
            }
        }
        if output.finish() {
            self.sent(now);
        }
        result
    }

    pub(super) fn take_event(
        &mut self,
        kind: EventKind,
        content: &Bytes,
        now: Instant,
        output: &mut Output<'_>,
    ) -> Result<Option<Ending>, Cow<'static, str>> {
        match kind {
            EventKind::Close => return Ok(Some(Ending::Close(Close::parse(content)))),
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
        let Some(prefix) = self.mode.prefix() else {
            return self.put(opcode, content, output);
        };
        if opcode == Opcode::Text && content.starts_with(CONTROL_PREFIX.as_bytes()) {
            self.control(content, now, output);
            return Ok(());
        }
        if let Some(content) = content.strip_prefix(prefix) {
            return self.put(opcode, content, output);
        }
        output.note("a message without the message prefix is dropped");
        Ok(())
    }
    /// A message that the client gets. A client would fail on a text that is not UTF-8 and blame the
    /// proxy.
    fn put(
        &self,
        opcode: Opcode,
        content: &[u8],
        output: &mut Output<'_>,
    ) -> Result<(), Cow<'static, str>> {
        if opcode == Opcode::Text && str::from_utf8(content).is_err() {
            return Err("a text of the origin is not UTF-8".into());
        }
        append_for(self.window, &mut output.frames, opcode, content);
        Ok(())
    }
}
