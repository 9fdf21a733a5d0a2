use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gripware_core::proxy::Verdict;

use super::{
    Then,
    subscription::{Meta, Subscription, filtered},
};
use crate::{
    parcel::{Parcel, SocketPart},
    ws::{Action, Conversation, Reader, encode},
};

/// A WebSocket that the application has accepted.
#[derive(Debug)]
pub(crate) struct WebSocketSink {
    pub(crate) reader: Reader,
    pub(crate) conversation: Conversation,
}

impl WebSocketSink {
    /// Takes an item for one of the subscriptions; what it sends goes to `write`, and what else it
    /// does to `actions`.
    pub(crate) fn take(
        &mut self,
        parcel: &Arc<Parcel>,
        index: usize,
        subscriptions: &[Subscription],
        meta: &Meta,
        now: Instant,
        write: &mut Vec<Bytes>,
        actions: &mut Vec<Action>,
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
                write.push(if is_shared {
                    frame.clone()
                } else {
                    encode(*opcode, &filtered)
                });
                Then::Write
            }
            SocketPart::Close { code, reason } => {
                let conversation = &mut self.conversation;
                conversation.close_from_item(code.as_u16(), reason, now, actions);
                Then::Converse
            }
            SocketPart::Refresh => {
                self.conversation.refresh();
                Then::Converse
            }
        }
    }
}
