use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gripware_core::proxy::Verdict;

use super::{
    Effect,
    subscription::{Meta, Subscription, filtered},
};
use crate::{
    channels::encoded_item::{EncodedItem, SocketPart},
    ws::{Action, FrameDecoder, WsSession, encode},
};

/// What comes of an item for a WebSocket.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// Whole frames.
    pub(crate) write: Vec<Bytes>,
    pub(crate) actions: Vec<Action>,
}

/// A WebSocket that the application has accepted.
#[derive(Debug)]
pub(crate) struct WebSocketSession {
    pub(crate) decoder: FrameDecoder,
    pub(crate) session: WsSession,
    /// The payload of the ping that is answered when all before is written. Of several only the
    /// latest is (RFC 6455, section 5.5.3), so that pings cost no queue.
    pub(crate) pong: Option<Box<[u8]>>,
    /// When it is looked whether the client is still there, while it is not read from.
    pub(crate) look_at: Option<Instant>,
}

impl WebSocketSession {
    /// Returns when something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // While it is not read from, a message that it has begun cannot go on.
        let stalled = match self.look_at {
            Some(look_at) => Some(look_at),
            None => self.decoder.deadline(),
        };
        let session = self.session.next_deadline();
        stalled.into_iter().chain(session).min()
    }

    /// Does what is due.
    pub(crate) fn elapsed(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let is_paused = self.look_at.is_some();
        self.look_at.take_if(|look_at| *look_at <= now);
        if !is_paused && let Some(error) = self.decoder.stalled(now) {
            self.session.failed(error, actions);
        }
        self.session.elapsed(now, actions);
    }

    /// Takes an item for one of the subscriptions.
    pub(crate) fn take(
        &mut self,
        item: &Arc<EncodedItem>,
        index: usize,
        subscriptions: &[Subscription],
        meta: &Meta,
        now: Instant,
        out: &mut Out,
    ) -> Effect {
        let Some(part) = &item.socket else {
            return Effect::Idle;
        };
        if !self.session.takes_items() {
            return Effect::Idle;
        }
        let (content, content_filters) = match part {
            SocketPart::Send {
                content,
                content_filters,
                ..
            } => (content.clone(), &**content_filters),
            _ => (Bytes::new(), &[][..]),
        };
        let verdict = filtered(index, subscriptions, meta, item, &content, content_filters);
        let Verdict::Send(filtered) = verdict else {
            return Effect::Idle;
        };
        match part {
            SocketPart::Send { opcode, frame, .. } => {
                let is_shared = filtered.as_ptr() == content.as_ptr();
                out.write.push(if is_shared {
                    frame.clone()
                } else {
                    encode(*opcode, &filtered)
                });
                Effect::Write
            }
            SocketPart::Close { code, reason } => {
                let session = &mut self.session;
                session.close_from_item(code.as_u16(), reason, now, &mut out.actions);
                Effect::Converse
            }
            SocketPart::Refresh => {
                self.session.refresh();
                Effect::Converse
            }
        }
    }
}
