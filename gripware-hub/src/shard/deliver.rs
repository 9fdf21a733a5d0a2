//! Items reach one connection.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    Shard,
    batch::Run,
    connection::{Connection, Posted, State},
};
use crate::{
    channels::encoded_item::Parcel,
    session::{Sink, Then, websocket::Out},
    ws::Action,
};

/// Hands items to one connection after the other.
pub(super) struct Taker<'a> {
    shard: &'a Shard,
    now: Instant,
    pub(super) actions: Vec<Action>,
    posted: u64,
    dropped: u64,
}

impl<'a> Taker<'a> {
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
        run: &Run<'_>,
        connection: &Connection,
        state: &mut State,
        index: usize,
    ) -> Then {
        if state.end.is_some() {
            return Then::Idle;
        }
        let is_plain = state
            .subscriptions
            .get(index)
            .is_some_and(|it| it.filters.is_empty() && it.place.is_none());
        let piece = match &state.sink {
            Sink::Stream(stream) if is_plain && run.streams_are_plain && stream.is_plain() => {
                run.stream(stream.framing)
            }
            Sink::WebSocket(socket)
                if is_plain && run.sockets_are_plain && socket.conversation.takes_items() =>
            {
                run.frames()
            }
            _ => return self.take_each(run.parcels, connection, state, index),
        };
        self.post(piece.bytes.clone(), piece.messages, connection, state)
    }

    pub(super) fn take_each(
        &mut self,
        parcels: &[Arc<Parcel>],
        connection: &Connection,
        state: &mut State,
        index: usize,
    ) -> Then {
        let mut all = Then::Idle;
        let mut out = Out::default();
        for parcel in parcels {
            // Before it counts as seen.
            if self.has_no_room(parcel, connection, state) {
                self.dropped += 1;
                if self.shard.overflow(connection, state) == Posted::Cut {
                    return Then::Cut;
                }
                continue;
            }
            let then = match &mut state.sink {
                Sink::Response(response) => {
                    response.take(parcel, index, &mut state.subscriptions, &state.meta)
                }
                Sink::Stream(stream) if stream.has_lost => {
                    self.dropped += 1;
                    continue;
                }
                Sink::Stream(stream) => stream.take(
                    parcel,
                    index,
                    &mut state.subscriptions,
                    &state.meta,
                    &mut out.write,
                ),
                Sink::WebSocket(socket) => socket.take(
                    parcel,
                    index,
                    &state.subscriptions,
                    &state.meta,
                    self.now,
                    &mut out,
                ),
            };
            self.actions.append(&mut out.actions);
            for bytes in out.write.drain(..) {
                if self.post(bytes, 1, connection, state) == Then::Cut {
                    return Then::Cut;
                }
            }
            match then {
                Then::Idle => {}
                Then::Write if all != Then::Idle => {}
                then => all = then,
            }
            if matches!(all, Then::End | Then::Cut) {
                self.posted += u64::from(matches!(state.sink, Sink::Response(_)));
                return all;
            }
        }
        all
    }

    fn has_no_room(&self, parcel: &Parcel, connection: &Connection, state: &mut State) -> bool {
        let part = match &state.sink {
            Sink::Stream(stream) if stream.is_plain() => parcel.stream.as_ref(),
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
    ) -> Then {
        if messages == 0 {
            return Then::Idle;
        }
        let posted = self.shard.post(connection, state, bytes, messages);
        if posted == Posted::Kept {
            self.posted += u64::from(messages);
        } else {
            self.dropped += u64::from(messages);
        }
        match &mut state.sink {
            Sink::Stream(stream) => stream.sent(self.now),
            Sink::WebSocket(socket) => socket.conversation.sent(self.now),
            Sink::Response(_) => {}
        }
        posted.then()
    }
}

impl Drop for Taker<'_> {
    fn drop(&mut self) {
        let metrics = &self.shard.common.metrics;
        metrics.deliveries.add(self.posted);
        metrics.dropped.add(self.dropped);
    }
}
