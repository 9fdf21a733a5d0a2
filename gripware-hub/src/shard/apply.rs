//! The one place where what a session wants done is done: bytes are queued, channels followed, the
//! origin asked, and holds ended.
//!
//! Nothing of a connection is borrowed while an effect is applied but for the step at hand, so an
//! effect may come back to its connection with another input.

use std::{rc::Rc, sync::Arc};

use gripware_core::Channel;
use http::Response;

use super::{
    Shard,
    connection::{Connection, Enqueued, State},
    subscribe::OverLimit,
};
use crate::{
    channels::encoded_item::EncodedItem,
    clock,
    handoff::Reply,
    http::http1_head::response_bytes,
    session::{Effect, Hold, Input, heartbeat},
    ws::{Opcode, encode},
};

impl Shard {
    /// Hands an input to the session of a connection, and does all that comes of it.
    pub(super) fn input(self: &Rc<Self>, connection: &Rc<Connection>, input: Input<'_>) {
        if connection.is_gone.get() {
            return;
        }
        let effects = effects_of(connection, input);
        self.act(connection, effects);
    }

    /// Does what a session wants done, and what is due about its connection after that.
    pub(super) fn act(self: &Rc<Self>, connection: &Rc<Connection>, effects: Vec<Effect>) {
        self.apply(connection, effects);
        if connection.with(|state| state.may_resume()) {
            connection.wake();
        }
        self.write(connection);
        self.ask(connection);
        self.set_timer(connection);
        self.remove_if_over(connection);
    }

    pub(super) fn apply(self: &Rc<Self>, connection: &Rc<Connection>, effects: Vec<Effect>) {
        let mut is_full = false;
        let mut is_refused = false;
        for effect in effects {
            if let Effect::Send(bytes) = effect {
                // Of an answer that is refused nothing more goes to the client.
                is_full |= !is_refused && self.send(connection, bytes) == Enqueued::Overflow;
            } else {
                is_refused |= self.apply_one(connection, effect) == Err(OverLimit);
            }
        }
        if is_refused {
            let limit = self.shared.settings.max_channels;
            let effects = effects_of(connection, Input::TooManyChannels { limit });
            self.apply(connection, effects);
        }
        if is_full {
            self.overflow(connection);
        }
    }

    fn send(&self, connection: &Connection, bytes: bytes::Bytes) -> Enqueued {
        let enqueued = connection.with(|state| match state.end {
            None => self.post(connection, state, bytes, 1),
            Some(_) => Enqueued::Queued,
        });
        if enqueued == Enqueued::Dropped {
            self.shared.metrics.dropped.add(1);
        }
        enqueued
    }

    fn apply_one(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        effect: Effect,
    ) -> Result<(), OverLimit> {
        match effect {
            Effect::Send(_) | Effect::Ask => {}
            Effect::Write { bytes, messages } => {
                connection.with(|state| state.outbox.push(bytes, messages));
            }
            Effect::KeepAlive(bytes) => connection.with(|state| {
                if state.outbox.is_empty() {
                    state.outbox.push(bytes, 0);
                }
            }),
            Effect::Pong(payload) => connection.with(|state| {
                if state.end.is_none() {
                    pong(state, &payload);
                }
            }),
            Effect::Ping => connection.with(|state| {
                if state.end.is_none() && state.outbox.is_empty() {
                    state.outbox.push(heartbeat::ping(), 0);
                    if let Some(socket) = state.session.websocket_mut() {
                        socket.pinged(clock::now());
                    }
                }
            }),
            Effect::Silent => self.silent(connection),
            Effect::Close(bytes) => connection.with(|state| {
                connection.close_code.set(close_code(&bytes));
                self.unsubscribe_all(connection, state);
                state.outbox.push(bytes, 0);
            }),
            Effect::Answer { reply, response } => self.answer(connection, reply, *response),
            Effect::End { is_reusable } => self.end(connection, is_reusable),
            Effect::Cut => {
                connection.ends_because("cut off, as something is missing");
                self.lost(connection);
            }
            Effect::Overflow => self.overflow(connection),
            Effect::Subscribe(channel) => {
                let is_missing = connection.with(|state| {
                    let is_known = state.session.client.is_at(&channel);
                    self.subscribe(connection, state, &channel)?;
                    Ok(!is_known && self.has_moved_on(&channel))
                })?;
                if is_missing {
                    let effects = effects_of(connection, Input::Refresh);
                    self.apply(connection, effects);
                }
            }
            Effect::Unsubscribe(channel) => connection.with(|state| {
                let mut all = state.session.client.subscriptions.iter();
                if let Some(index) = all.position(|it| *it.channel == *channel.name()) {
                    self.unsubscribe(connection, state, index);
                }
            }),
            Effect::Follow {
                channels,
                trusts_origin,
            } => {
                let contradicts = connection.with(|state| {
                    let contradicts = self.resubscribe(connection, state, &channels)?;
                    if contradicts && trusts_origin {
                        self.forget_places(state);
                    }
                    Ok(contradicts && !trusts_origin)
                })?;
                let effects = effects_of(connection, Input::Subscribed { contradicts });
                self.apply(connection, effects);
            }
            Effect::Redeliver => {
                // Each may change what becomes of the next one.
                for item in connection.with(|state| state.session.drain_buffered()) {
                    self.redeliver(connection, &item);
                }
            }
            Effect::SetMeta { name, value } => {
                let limit = self.shared.settings.max_meta;
                connection.with(|state| {
                    state
                        .session
                        .client
                        .meta
                        .set(&name, value.as_deref(), limit);
                });
            }
            Effect::Tell(request) => self.tell(connection, request),
            Effect::Refuse(why) => self.refuse(connection, why),
            Effect::ClientFault { code, reason } => tracing::debug!(
                target: crate::log::TARGET,
                connection = %connection.id,
                code,
                "a client breaks the protocol: {reason}"
            ),
            Effect::Note(note) => {
                tracing::warn!(target: crate::log::TARGET, connection = %connection.id, "{note}");
            }
        }
        Ok(())
    }

    /// Whether something was published since what the origin has read last, where it says that. It
    /// is looked at after subscribing, so that what comes later comes by the subscription.
    fn has_moved_on(&self, channel: &Channel) -> bool {
        channel.prev_id().is_some_and(|read| {
            let last = self.shared.registry.last_id(channel.name());
            last.is_some_and(|last| *last != *read)
        })
    }

    /// The origin insists on where a channel is, although something else was published there.
    fn forget_places(&self, state: &State) {
        for subscription in &state.session.client.subscriptions {
            if subscription.place.is_some() {
                self.shared.registry.forget_last(&subscription.channel);
            }
        }
    }

    fn redeliver(self: &Rc<Self>, connection: &Rc<Connection>, item: &Arc<EncodedItem>) {
        let (must_write, effects) = connection.with(|state| {
            let mut all = state.session.client.subscriptions.iter();
            match all.position(|it| it.channel == item.channel) {
                Some(index) => self.deliver_to(connection, state, item, Some(index)),
                None => (false, Vec::new()),
            }
        });
        if must_write {
            self.has_to_write(connection);
        }
        self.apply(connection, effects);
    }

    /// Gives a held request its response.
    fn answer(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        reply: Reply,
        response: Response<bytes::Bytes>,
    ) {
        match reply {
            Reply::Channel(sender) => {
                // Nobody waits if the client has gone.
                let _ = sender.send(response);
                self.remove(connection);
            }
            Reply::Http1 { version, is_head } => {
                connection.with(|state| {
                    let is_kept = state.resume_http.is_some() && !self.is_draining.get();
                    let bytes = response_bytes(&response, version, is_head, is_kept);
                    state.outbox.push(bytes, 1);
                });
                self.end(connection, true);
            }
        }
    }

    /// Ends a hold when what waits for the client is written.
    fn end(self: &Rc<Self>, connection: &Rc<Connection>, is_reusable: bool) {
        connection.with(|state| {
            self.unsubscribe_all(connection, state);
            if !is_reusable || self.is_draining.get() {
                state.resume_http = None;
            }
            state.end_when_written();
        });
        connection.ends_because("ended");
        self.unlist(connection);
    }

    /// Tells a client that its hold was refused, if it may know.
    fn refuse(&self, connection: &Connection, why: String) {
        tracing::warn!(target: crate::log::TARGET, connection = %connection.id, "{}", why.trim_ascii_end());
        if self.shared.settings.development {
            connection.with(|state| {
                if let Hold::Stream(stream) = &state.session.hold {
                    let bytes = stream.framed(&why.into());
                    state.outbox.push(bytes, 1);
                }
            });
        }
    }

    /// Cuts off a client that has vanished: there is nobody to read an end.
    fn silent(self: &Rc<Self>, connection: &Rc<Connection>) {
        self.shared.metrics.silent_closed.add(1);
        connection.ends_because("the client does not answer pings");
        tracing::debug!(
            target: crate::log::TARGET,
            connection = %connection.id,
            peer = connection.peer.map(tracing::field::display),
            "a client that does not answer pings is gone"
        );
        self.lost(connection);
    }

    /// Disconnects a slow consumer. A WebSocket is told why.
    fn overflow(self: &Rc<Self>, connection: &Rc<Connection>) {
        let (queued, messages, dropped) = connection.with(|state| {
            let outbox = &mut state.outbox;
            (outbox.bytes(), outbox.messages(), outbox.clear_unbegun())
        });
        tracing::warn!(
            target: crate::log::TARGET,
            connection = %connection.id,
            peer = connection.peer.map(tracing::field::display),
            queued,
            messages,
            "a client that does not read is disconnected"
        );
        self.shared.metrics.slow_closed.add(1);
        connection.ends_because("the client does not read");
        self.shared.metrics.dropped.add(dropped as u64);
        let effects = effects_of(connection, Input::Overflow);
        self.apply(connection, effects);
    }
}

fn effects_of(connection: &Connection, input: Input<'_>) -> Vec<Effect> {
    let mut effects = Vec::new();
    connection.with(|state| state.session.handle(input, clock::now(), &mut effects));
    effects
}

/// The code of a close frame of the hub.
fn close_code(frame: &[u8]) -> Option<u16> {
    let code = frame.get(2..4)?;
    Some(u16::from_be_bytes(code.try_into().ok()?))
}

fn pong(state: &mut State, payload: &[u8]) {
    match state.session.websocket_mut() {
        Some(socket) if !state.outbox.is_empty() => socket.pong_later(payload),
        _ => state.outbox.push(encode(Opcode::Pong, payload), 0),
    }
}
