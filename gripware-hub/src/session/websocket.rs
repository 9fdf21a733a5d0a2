//! A WebSocket that the application has accepted: what the client sends is decoded here and told to
//! the origin by a [`WsSession`], and items come as messages (GRIP 2).

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gripware_core::{proxy::Verdict, ws::CloseCode};

use super::{
    ClientState, Effect, Input,
    heartbeat::{self, Beat, Heartbeat},
    ws_session::WsSession,
};
use crate::{
    channels::encoded_item::{EncodedItem, SocketPart},
    ws::{
        FrameDecoder, Opcode, PeerMessage, ProtocolError, Sender, append_masked, encode,
        encode_for, random_mask,
    },
};

/// How many messages and control frames of one client are taken before others have their turn.
/// Frames that end nothing are bounded by what is read at once, as each has six bytes.
const MAX_MESSAGES: usize = 128;

/// A WebSocket that the application has accepted.
#[derive(Debug)]
pub(crate) struct WebSocketSession {
    decoder: FrameDecoder,
    pub(crate) session: WsSession,
    /// The payload of the ping that is answered when all before is written. Of several only the
    /// latest is (RFC 6455, section 5.5.3), so that pings cost no queue.
    pong: Option<Box<[u8]>>,
    /// When it is looked whether the client is still there, while it is not read from.
    look_at: Option<Instant>,
    heartbeat: Heartbeat,
}

impl WebSocketSession {
    pub(crate) fn new(session: WsSession, now: Instant) -> Self {
        Self {
            heartbeat: Heartbeat::new(session.settings().heartbeat, now),
            decoder: FrameDecoder::of(match session.window() {
                Some(_) => Sender::DeflatingClient,
                None => Sender::Client,
            }),
            session,
            pong: None,
            look_at: None,
        }
    }

    pub(super) fn handle(
        &mut self,
        client: &ClientState,
        input: Input<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        match input {
            Input::Item(item, index) => self.take(client, item, index, now, effects),
            Input::Answer(answer) => self.session.answered(answer, now, effects),
            Input::Elapsed => self.elapsed(now, effects),
            Input::Drained => effects.extend(self.pong.take().map(|payload| Effect::Write {
                bytes: encode(Opcode::Pong, &payload),
                messages: 0,
            })),
            Input::Overflow => self.session.end(CloseCode::TRY_AGAIN_LATER, now, effects),
            Input::TooManyChannels { limit } => {
                let why = format!(
                    "the origin subscribes it to more than {limit} channels (max_channels)"
                );
                self.session.broken(why, now, effects);
            }
            Input::Finish(code) => self.session.end(code, now, effects),
            Input::Gone => self.session.gone(),
            Input::Refresh => {
                self.session.refresh();
                effects.push(Effect::Ask);
            }
            Input::Begin(_) | Input::Subscribed { .. } | Input::Recover => {}
        }
    }

    /// Takes whole messages from what the client has sent, as many as one turn may have and as the
    /// queue to the origin has room for: the bound is looked at before each. What is left in `rest`
    /// is to be handed in again.
    pub(crate) fn receive(&mut self, rest: &mut &[u8], now: Instant, effects: &mut Vec<Effect>) {
        let heartbeat = self.session.settings().heartbeat;
        self.heartbeat.heard(heartbeat, now);
        for _ in 0..MAX_MESSAGES {
            if !self.session.wants_more() {
                break;
            }
            match self.decoder.read(rest, self.session.settings().max_message) {
                Ok(Some(PeerMessage::Pong(payload))) if payload == heartbeat::PAYLOAD => {}
                Ok(Some(message)) => {
                    let is_close = matches!(message, PeerMessage::Close(_));
                    self.session.receive(message, effects);
                    if is_close {
                        *rest = &[];
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.fail(error, effects);
                    break;
                }
            }
        }
        let timeout = self.session.settings().message_timeout;
        self.decoder.note_progress(now, timeout);
    }

    /// Returns frames for an origin that speaks WebSocket itself, as many as come to this length.
    pub(crate) fn frames_for_origin(&mut self, length: usize, now: Instant) -> Bytes {
        let mut frames = Vec::new();
        while frames.len() < length
            && let Some((kind, content)) = self.session.next_told(now)
        {
            // A client that is gone without a close is told of by the end of the connection.
            if let Some(opcode) = Opcode::of_event(kind) {
                append_masked(&mut frames, opcode, &content, random_mask());
            }
        }
        frames.into()
    }

    /// Returns how many bytes are sure to be taken at once; `None` if the client is not to be read
    /// from now, since the origin is slower than it (backpressure).
    pub(crate) fn demand(&self) -> Option<usize> {
        self.session.wants_more().then(|| self.decoder.expects())
    }

    /// Answers a ping when all before it is written.
    pub(crate) fn pong_later(&mut self, payload: &[u8]) {
        self.pong = Some(payload.into());
    }

    /// Notes that the client was pinged on the hub's own behalf.
    pub(crate) fn pinged(&mut self, now: Instant) {
        let settings = self.session.settings().heartbeat;
        self.heartbeat.pinged(settings, now);
    }

    /// Notes that the client is not read from, and that it is to be looked at at that time.
    pub(crate) fn pause(&mut self, look_at: Instant) {
        self.look_at.get_or_insert(look_at);
    }

    /// Returns whether the client is not read from.
    pub(crate) fn is_paused(&self) -> bool {
        self.look_at.is_some()
    }

    /// Notes that the client is read from (again).
    pub(crate) fn resume(&mut self, now: Instant) {
        if self.look_at.take().is_some() {
            // The time in which it was not heard is not its fault.
            let timeout = self.session.settings().message_timeout;
            self.decoder.put_off(now, timeout);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        // While it is not read from, a message that it has begun cannot go on.
        let stalled = self.look_at.or_else(|| self.decoder.deadline());
        let session = self.session.next_deadline();
        // One that is about to end has times of its own.
        let is_open = self.session.is_open();
        let heartbeat = self.heartbeat.deadline().filter(|_| is_open);
        stalled.into_iter().chain(session).chain(heartbeat).min()
    }

    /// Does what is due.
    fn elapsed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let is_paused = self.look_at.is_some();
        self.look_at.take_if(|look_at| *look_at <= now);
        if !is_paused && let Some(error) = self.decoder.stalled(now) {
            self.fail(error, effects);
        }
        self.session.elapsed(now, effects);
        if self.session.is_open() {
            let settings = self.session.settings().heartbeat;
            // Within a frame there can be no pong: a message has a time of its own.
            let can_answer = !is_paused && self.decoder.deadline().is_none();
            match self.heartbeat.elapsed(settings, can_answer, now) {
                Beat::Nothing => {}
                Beat::Ping => effects.push(Effect::Ping),
                Beat::Lost => effects.push(Effect::Silent),
            }
        }
    }

    fn fail(&mut self, error: ProtocolError, effects: &mut Vec<Effect>) {
        effects.push(Effect::ClientFault {
            code: error.code(),
            reason: error.reason(),
        });
        self.session.failed(error, effects);
    }

    fn take(
        &mut self,
        client: &ClientState,
        item: &Arc<EncodedItem>,
        index: Option<usize>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(part) = &item.socket else {
            return;
        };
        if !self.session.takes_items() {
            return;
        }
        let (content, content_filters) = match part {
            SocketPart::Send(message) => (message.content.clone(), &*message.content_filters),
            _ => (Bytes::new(), &[][..]),
        };
        let Verdict::Send(filtered) = client.filtered(index, item, &content, content_filters)
        else {
            return;
        };
        match part {
            SocketPart::Send(message) => {
                let is_shared = filtered.as_ptr() == content.as_ptr();
                let window = self.session.window();
                effects.push(Effect::Send(if is_shared {
                    message.frame(window).clone()
                } else {
                    encode_for(window, message.opcode, &filtered)
                }));
            }
            SocketPart::Close { code, reason } => {
                let code = code.as_u16();
                self.session.close_from_item(code, reason, now, effects);
            }
            SocketPart::Refresh => {
                self.session.refresh();
                effects.push(Effect::Ask);
            }
        }
    }
}
