use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gripware_core::proxy::Verdict;

use super::{
    Then,
    subscription::{Meta, Subscription, filtered},
};
use crate::{
    channels::encoded_item::{Parcel, SocketPart},
    ws::{Action, Conversation, Reader, encode},
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
pub(crate) struct WebSocketSink {
    pub(crate) reader: Reader,
    pub(crate) conversation: Conversation,
    /// The payload of the ping that is answered when all before is written. Of several only the
    /// latest is (RFC 6455, section 5.5.3), so that pings cost no queue.
    pub(crate) pong: Option<Box<[u8]>>,
    /// When it is looked whether the client is still there, while it is not read from.
    pub(crate) look_at: Option<Instant>,
}

impl WebSocketSink {
    /// Returns when something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // While it is not read from, a message that it has begun cannot go on.
        let stalled = match self.look_at {
            Some(look_at) => Some(look_at),
            None => self.reader.deadline(),
        };
        let conversation = self.conversation.next_deadline();
        stalled.into_iter().chain(conversation).min()
    }

    /// Does what is due.
    pub(crate) fn elapsed(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let is_paused = self.look_at.is_some();
        self.look_at.take_if(|look_at| *look_at <= now);
        if !is_paused && let Some(error) = self.reader.stalled(now) {
            self.conversation.failed(error, actions);
        }
        self.conversation.elapsed(now, actions);
    }

    /// Takes an item for one of the subscriptions.
    pub(crate) fn take(
        &mut self,
        parcel: &Arc<Parcel>,
        index: usize,
        subscriptions: &[Subscription],
        meta: &Meta,
        now: Instant,
        out: &mut Out,
    ) -> Then {
        let Some(part) = &parcel.socket else {
            return Then::Idle;
        };
        if !self.conversation.takes_items() {
            return Then::Idle;
        }
        let (content, content_filters) = match part {
            SocketPart::Send {
                content,
                content_filters,
                ..
            } => (content.clone(), &**content_filters),
            _ => (Bytes::new(), &[][..]),
        };
        let verdict = filtered(
            index,
            subscriptions,
            meta,
            parcel,
            &content,
            content_filters,
        );
        let Verdict::Send(filtered) = verdict else {
            return Then::Idle;
        };
        match part {
            SocketPart::Send { opcode, frame, .. } => {
                let is_shared = filtered.as_ptr() == content.as_ptr();
                out.write.push(if is_shared {
                    frame.clone()
                } else {
                    encode(*opcode, &filtered)
                });
                Then::Write
            }
            SocketPart::Close { code, reason } => {
                let conversation = &mut self.conversation;
                conversation.close_from_item(code.as_u16(), reason, now, &mut out.actions);
                Then::Converse
            }
            SocketPart::Refresh => {
                self.conversation.refresh();
                Then::Converse
            }
        }
    }
}
