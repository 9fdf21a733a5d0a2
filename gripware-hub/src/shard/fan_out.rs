//! An item reaches those who follow its channel.

use std::{cell::OnceCell, rc::Rc, sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use gripware_core::item::Action as ItemAction;

use super::{
    Shard,
    connection::{Connection, Posted, State},
};
use crate::{
    held::Framing,
    parcel::{Parcel, SocketPart},
    settings::Settings,
    sink::{Sink, Then, websocket::Out},
    ws::Action,
};

/// A single item of more bytes than that is shared between threads rather than copied for each.
const MAX_COPIED: usize = 16 * 1024;

/// Items of one channel that came in a row, for all connections of the shard.
///
/// Those who get each item as it is get all of them as one piece of bytes, which is put together
/// once. It is a copy of the shard's own: counting who shares it takes no turns between threads.
struct Run<'a> {
    parcels: &'a [Arc<Parcel>],
    chunks: OnceCell<Piece>,
    raw: OnceCell<Piece>,
    frames: OnceCell<Piece>,
    streams_are_plain: bool,
    sockets_are_plain: bool,
}

#[derive(Clone, Default)]
struct Piece {
    bytes: Bytes,
    messages: u32,
}

impl<'a> Run<'a> {
    fn new(parcels: &'a [Arc<Parcel>]) -> Self {
        let streams_are_plain = parcels.iter().all(|parcel| {
            parcel.stream.as_ref().is_none_or(|part| {
                part.action == ItemAction::Send && part.content_filters.is_empty()
            })
        });
        let sockets_are_plain = parcels.iter().all(|parcel| match &parcel.socket {
            None => true,
            Some(SocketPart::Send {
                content_filters, ..
            }) => content_filters.is_empty(),
            Some(_) => false,
        });
        Self {
            parcels,
            chunks: OnceCell::new(),
            raw: OnceCell::new(),
            frames: OnceCell::new(),
            streams_are_plain,
            sockets_are_plain,
        }
    }

    fn stream(&self, framing: Framing) -> &Piece {
        match framing {
            Framing::Chunked => self.chunks.get_or_init(|| {
                self.gather(|parcel| parcel.stream.as_ref().map(|part| &part.chunk))
            }),
            Framing::Raw => self.raw.get_or_init(|| {
                self.gather(|parcel| parcel.stream.as_ref().map(|part| &part.content))
            }),
        }
    }

    fn frames(&self) -> &Piece {
        self.frames.get_or_init(|| {
            self.gather(|parcel| match &parcel.socket {
                Some(SocketPart::Send { frame, .. }) => Some(frame),
                _ => None,
            })
        })
    }

    fn gather(&self, part: impl Fn(&'a Parcel) -> Option<&'a Bytes>) -> Piece {
        let parts = || self.parcels.iter().filter_map(|parcel| part(parcel));
        if let ([_], Some(bytes)) = (self.parcels, parts().next())
            && bytes.len() > MAX_COPIED
        {
            return Piece {
                bytes: bytes.clone(),
                messages: 1,
            };
        }
        let mut bytes = BytesMut::with_capacity(parts().map(Bytes::len).sum());
        let mut messages = 0;
        for part in parts() {
            bytes.extend_from_slice(part);
            messages += 1;
        }
        Piece {
            bytes: bytes.freeze(),
            messages,
        }
    }
}

impl Shard {
    /// Hands items of one channel to all who follow it.
    pub(super) fn fan_out(self: &Rc<Self>, parcels: &[Arc<Parcel>]) {
        let Some(first) = parcels.first() else {
            return;
        };
        let now = Instant::now();
        let run = Run::new(parcels);
        let mut after = Vec::new();
        let mut deliveries = 0;
        {
            let followers = self.followers.borrow();
            let connections = self.connections.borrow();
            for follower in followers.of(&first.channel) {
                let Some(connection) = connections.get(follower.key as usize) else {
                    continue;
                };
                let mut state = connection.state.borrow_mut();
                let mut taker = Taker {
                    settings: &self.common.settings,
                    now,
                    actions: Vec::new(),
                    posted: 0,
                    dropped: 0,
                };
                let then = taker.take(&run, &mut state, usize::from(follower.index));
                deliveries += taker.posted;
                self.common.metrics.dropped.add(taker.dropped);
                match then {
                    Then::Idle => {}
                    Then::Write => self.has_to_write(connection),
                    then => after.push((Rc::clone(connection), then, taker.actions)),
                }
            }
        }
        self.common.metrics.deliveries.add(deliveries);
        for (connection, then, actions) in after {
            self.follow_up(&connection, then, actions);
        }
    }

    /// Hands an item to one connection, whatever it is subscribed to; whether it had a format for
    /// it.
    pub(super) fn hand_over(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        parcel: &Arc<Parcel>,
    ) -> bool {
        let mut state = connection.state.borrow_mut();
        let has_format = match state.sink {
            Sink::Response(_) => parcel.response.is_some(),
            Sink::Stream(_) => parcel.stream.is_some(),
            Sink::WebSocket(_) => parcel.socket.is_some(),
        };
        if !has_format || state.end.is_some() {
            return false;
        }
        // As if by a subscription of its own, which has no filters and no place.
        let index = state.subscriptions.len();
        state
            .subscriptions
            .push(crate::sink::subscription::Subscription {
                channel: Arc::clone(&parcel.channel),
                filters: Box::default(),
                place: None,
                position: 0,
            });
        let (then, actions) = self.take_for(&mut state, parcel, index);
        state.subscriptions.truncate(index);
        drop(state);
        self.follow_up(connection, then, actions);
        true
    }

    /// Hands an item to one connection, for one of its subscriptions.
    pub(super) fn take_for(
        &self,
        state: &mut State,
        parcel: &Arc<Parcel>,
        index: usize,
    ) -> (Then, Vec<Action>) {
        let mut taker = Taker {
            settings: &self.common.settings,
            now: Instant::now(),
            actions: Vec::new(),
            posted: 0,
            dropped: 0,
        };
        let then = taker.take_each(std::slice::from_ref(parcel), state, index);
        self.common.metrics.deliveries.add(taker.posted);
        self.common.metrics.dropped.add(taker.dropped);
        (then, taker.actions)
    }

    /// Does what a connection needs after something came for it.
    pub(super) fn follow_up(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        then: Then,
        actions: Vec<Action>,
    ) {
        match then {
            Then::Idle => {}
            Then::Write => self.has_to_write(connection),
            Then::Ask => {
                self.has_to_write(connection);
                self.ask(connection);
            }
            Then::Converse => self.act(connection, actions),
            Then::End => self.finish_answered(connection),
            Then::Cut => self.cut(connection),
        }
    }
}

/// Hands items to one connection after the other.
struct Taker<'a> {
    settings: &'a Settings,
    now: Instant,
    actions: Vec<Action>,
    posted: u64,
    dropped: u64,
}

impl Taker<'_> {
    fn take(&mut self, run: &Run<'_>, state: &mut State, index: usize) -> Then {
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
            _ => return self.take_each(run.parcels, state, index),
        };
        self.post(piece.bytes.clone(), piece.messages, state)
    }

    fn take_each(&mut self, parcels: &[Arc<Parcel>], state: &mut State, index: usize) -> Then {
        let mut all = Then::Idle;
        let mut out = Out::default();
        for parcel in parcels {
            // Before it counts as seen.
            if self.has_no_room(parcel, state) {
                self.dropped += 1;
                if state.overflow(self.settings) == Posted::Cut {
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
                if self.post(bytes, 1, state) == Then::Cut {
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

    fn has_no_room(&self, parcel: &Parcel, state: &State) -> bool {
        let bytes = match &state.sink {
            Sink::Stream(stream) if !stream.has_lost => parcel.stream.as_ref(),
            _ => None,
        };
        let bytes = bytes.map_or(0, |part| part.content.len());
        bytes > 0 && state.is_full(bytes, 1, self.settings)
    }

    fn post(&mut self, bytes: Bytes, messages: u32, state: &mut State) -> Then {
        if messages == 0 {
            return Then::Idle;
        }
        let posted = state.post(bytes, messages, self.settings);
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
