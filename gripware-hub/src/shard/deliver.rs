//! Items reach one connection.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    Shard,
    batch::Batch,
    connection::{Connection, Enqueued, State},
};
use crate::{
    channels::encoded_item::EncodedItem,
    session::{Effect, Hold, Input},
};

/// Hands items to one connection after the other.
pub(super) struct Deliverer<'a> {
    shard: &'a Shard,
    now: Instant,
    /// What the session wants done but for queueing the items.
    pub(super) effects: Vec<Effect>,
    enqueued: u64,
    dropped: u64,
}

impl<'a> Deliverer<'a> {
    pub(super) fn new(shard: &'a Shard, now: Instant) -> Self {
        Self {
            shard,
            now,
            effects: Vec::new(),
            enqueued: 0,
            dropped: 0,
        }
    }

    /// Hands over the items of a batch. Returns whether there is something to write.
    pub(super) fn deliver(
        &mut self,
        batch: &Batch<'_>,
        connection: &Connection,
        state: &mut State,
        index: usize,
    ) -> bool {
        if state.end.is_some() {
            return false;
        }
        let piece = match &state.session.hold {
            _ if !state.session.takes_as_it_is(index) => None,
            Hold::Stream(stream) if batch.streams_are_plain => Some(batch.stream(stream.framing)),
            Hold::WebSocket(socket) if batch.sockets_are_plain => {
                Some(batch.frames(socket.session.window()))
            }
            _ => None,
        };
        match piece {
            Some(piece) => self.post(piece.bytes.clone(), piece.messages, connection, state),
            None => self.deliver_each(batch.items, connection, state, Some(index)),
        }
    }

    /// Hands over items one by one, for a subscription or for the connection alone.
    pub(super) fn deliver_each(
        &mut self,
        items: &[Arc<EncodedItem>],
        connection: &Connection,
        state: &mut State,
        index: Option<usize>,
    ) -> bool {
        let mut must_write = false;
        let mut effects = Vec::new();
        for item in items {
            // Before it counts as seen.
            if self.has_no_room(item, connection, state) {
                self.dropped += 1;
                if self.shard.has_overflown(connection, state) == Enqueued::Overflow {
                    self.effects.push(Effect::Overflow);
                    return must_write;
                }
                continue;
            }
            if state.session.has_lost() {
                self.dropped += 1;
                continue;
            }
            let input = Input::Item(item, index);
            state.session.handle(input, self.now, &mut effects);
            for effect in effects.drain(..) {
                match effect {
                    Effect::Send(bytes) => must_write |= self.post(bytes, 1, connection, state),
                    effect => {
                        self.enqueued += u64::from(matches!(effect, Effect::Answer { .. }));
                        self.effects.push(effect);
                    }
                }
            }
            if matches!(self.effects.last(), Some(Effect::Overflow)) {
                return must_write;
            }
        }
        must_write
    }

    fn has_no_room(&self, item: &EncodedItem, connection: &Connection, state: &mut State) -> bool {
        let part = match &state.session.hold {
            Hold::Stream(stream) if stream.is_plain() => item.stream.as_ref(),
            _ => None,
        };
        let bytes = part.map_or(0, |part| part.content.len());
        bytes > 0 && !self.shard.has_room(connection, state, bytes, 1)
    }

    fn post(
        &mut self,
        bytes: Bytes,
        messages: u32,
        connection: &Connection,
        state: &mut State,
    ) -> bool {
        if messages == 0 {
            return false;
        }
        let enqueued = self.shard.post(connection, state, bytes, messages);
        match enqueued {
            Enqueued::Queued => self.enqueued += u64::from(messages),
            Enqueued::Dropped => self.dropped += u64::from(messages),
            Enqueued::Overflow => {
                self.dropped += u64::from(messages);
                self.effects.push(Effect::Overflow);
            }
        }
        state.session.sent(self.now);
        enqueued == Enqueued::Queued
    }
}

impl Drop for Deliverer<'_> {
    fn drop(&mut self) {
        let metrics = &self.shard.shared.metrics;
        metrics.deliveries.add(self.enqueued);
        metrics.dropped.add(self.dropped);
    }
}
