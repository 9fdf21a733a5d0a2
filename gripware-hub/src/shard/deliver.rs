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
    session::{Effect, Session, websocket::Out},
    ws::Action,
};

/// Hands items to one connection after the other.
pub(super) struct Delivery<'a> {
    shard: &'a Shard,
    now: Instant,
    pub(super) actions: Vec<Action>,
    posted: u64,
    dropped: u64,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(shard: &'a Shard, now: Instant) -> Self {
        Self {
            shard,
            now,
            actions: Vec::new(),
            posted: 0,
            dropped: 0,
        }
    }

    pub(super) fn take(
        &mut self,
        run: &Batch<'_>,
        connection: &Connection,
        state: &mut State,
        index: usize,
    ) -> Effect {
        if state.end.is_some() {
            return Effect::Idle;
        }
        let is_plain = state
            .subscriptions
            .get(index)
            .is_some_and(|it| it.filters.is_empty() && it.place.is_none());
        let piece = match &state.sink {
            Session::Stream(stream) if is_plain && run.streams_are_plain && stream.is_plain() => {
                run.stream(stream.framing)
            }
            Session::WebSocket(socket)
                if is_plain && run.sockets_are_plain && socket.session.takes_items() =>
            {
                run.frames()
            }
            _ => return self.take_each(run.items, connection, state, index),
        };
        self.post(piece.bytes.clone(), piece.messages, connection, state)
    }

    pub(super) fn take_each(
        &mut self,
        items: &[Arc<EncodedItem>],
        connection: &Connection,
        state: &mut State,
        index: usize,
    ) -> Effect {
        let mut all = Effect::Idle;
        let mut out = Out::default();
        for item in items {
            // Before it counts as seen.
            if self.has_no_room(item, connection, state) {
                self.dropped += 1;
                if self.shard.overflow(connection, state) == Enqueued::Cut {
                    return Effect::Cut;
                }
                continue;
            }
            let then = match &mut state.sink {
                Session::Response(response) => {
                    response.take(item, index, &mut state.subscriptions, &state.meta)
                }
                Session::Stream(stream) if stream.has_lost => {
                    self.dropped += 1;
                    continue;
                }
                Session::Stream(stream) => stream.take(
                    item,
                    index,
                    &mut state.subscriptions,
                    &state.meta,
                    &mut out.write,
                ),
                Session::WebSocket(socket) => socket.take(
                    item,
                    index,
                    &state.subscriptions,
                    &state.meta,
                    self.now,
                    &mut out,
                ),
            };
            self.actions.append(&mut out.actions);
            for bytes in out.write.drain(..) {
                if self.post(bytes, 1, connection, state) == Effect::Cut {
                    return Effect::Cut;
                }
            }
            match then {
                Effect::Idle => {}
                Effect::Write if all != Effect::Idle => {}
                then => all = then,
            }
            if matches!(all, Effect::End | Effect::Cut) {
                self.posted += u64::from(matches!(state.sink, Session::Response(_)));
                return all;
            }
        }
        all
    }

    fn has_no_room(&self, item: &EncodedItem, connection: &Connection, state: &mut State) -> bool {
        let part = match &state.sink {
            Session::Stream(stream) if stream.is_plain() => item.stream.as_ref(),
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
    ) -> Effect {
        if messages == 0 {
            return Effect::Idle;
        }
        let posted = self.shard.post(connection, state, bytes, messages);
        if posted == Enqueued::ReplayRequest {
            self.posted += u64::from(messages);
        } else {
            self.dropped += u64::from(messages);
        }
        match &mut state.sink {
            Session::Stream(stream) => stream.sent(self.now),
            Session::WebSocket(socket) => socket.session.sent(self.now),
            Session::Response(_) => {}
        }
        posted.then()
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        let metrics = &self.shard.shared.metrics;
        metrics.deliveries.add(self.posted);
        metrics.dropped.add(self.dropped);
    }
}
