//! A client comes to the shard.

use std::{rc::Rc, sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use gripware_core::proxy::Instruction;

use super::{
    Shard,
    connection::{Connection, State},
    drive::MAX_UNREAD,
    outbox::Outbox,
    pressure::Pressure,
    timers::ConnectionKey,
};
use crate::{
    clock,
    handoff::{HeldClient, HoldKind},
    session::{
        Session, response::ResponseSession, stream::StreamSession, subscription::Meta,
        websocket::WebSocketSession,
    },
    socket::Socket,
    ws::{Action, FrameDecoder},
};

/// What a client is held by, in the first place.
enum Start {
    Hold(Box<Instruction>),
    WsSession(Vec<Action>),
}

impl Shard {
    /// Holds a client from now on.
    pub(super) fn admit(self: &Rc<Self>, held: HeldClient) {
        let now = clock::now();
        let HeldClient {
            id,
            peer,
            since,
            request,
            origin_client,
            what,
            conn,
        } = held;
        let mut request = request.detach_from_buffer();
        let (sink, head, start) = match what {
            HoldKind::Response { instruction, reply } => {
                let sink = Session::Response(Box::new(ResponseSession::new(reply, now)));
                (sink, Bytes::new(), Start::Hold(Box::new(instruction)))
            }
            HoldKind::Stream {
                instruction,
                head,
                framing,
            } => {
                // What a stream asks by itself has nothing of the client's.
                request = request.without_headers();
                let sink = Session::Stream(Box::new(StreamSession::new(framing)));
                (sink, head, Start::Hold(Box::new(instruction)))
            }
            HoldKind::WebSocket { accepted, head } => {
                let mut actions = Vec::new();
                let ws_settings = Arc::clone(&self.shared.ws_settings);
                let sink = WebSocketSession {
                    decoder: FrameDecoder::default(),
                    pong: None,
                    look_at: None,
                    session: accepted.start(ws_settings, now, &mut actions),
                };
                let sink = Session::WebSocket(Box::new(sink));
                (sink, head, Start::WsSession(actions))
            }
        };
        let (wire, unread, resume_http) = match conn {
            None => (None, Bytes::new(), None),
            Some(conn) => match Socket::attach(conn.wire) {
                Ok(wire) => (Some(wire), conn.unread, conn.resume_http),
                Err(error) => {
                    tracing::debug!(target: "gripware_hub", connection = %id, %error, "a client is lost");
                    return;
                }
            },
        };
        let mut outbox = Outbox::new(Arc::clone(self.shared.queued(self.index)));
        outbox.push(head, 0);
        let state = State {
            sink,
            wire,
            outbox,
            subscriptions: Vec::new(),
            meta: Meta::default(),
            request,
            origin_client,
            resume_http,
            unread: BytesMut::new(),
            end: None,
            end_by: None,
            timer: None,
            pressure: Pressure::Low,
            has_dropped: false,
        };
        let kind = state.sink.kind();
        self.shared.metrics.connections.of(kind).add(1);
        let connection = self.insert(|key| Connection::new(key, id, peer, since, state));
        self.drive(&connection);
        match start {
            Start::Hold(instruction) => self.begin_hold(&connection, &instruction, now),
            Start::WsSession(actions) => self.act(&connection, actions),
        }
        if unread.len() > MAX_UNREAD {
            self.lost(&connection);
        } else if !unread.is_empty() && !connection.is_gone.get() {
            self.received(&connection, &unread);
        }
        if self.is_draining.get() && !connection.is_gone.get() {
            self.finish(&connection);
        }
        self.write(&connection);
        self.set_timer(&connection);
    }

    /// Obeys the first instruction about a client.
    fn begin_hold(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        instruction: &Instruction,
        now: Instant,
    ) {
        let contradicts = self.obey(connection, instruction, now);
        let mut state = connection.state.borrow_mut();
        if state.end.is_some() {
            return;
        }
        // Something was published after the origin looked, and before this subscription. Or it has
        // not said yet whether it holds, and where the next page is.
        let has_more = instruction.mode().is_none();
        let asks = (contradicts || has_more) && state.want_resync();
        drop(state);
        if asks {
            self.ask(connection);
        } else if has_more {
            self.finish_answered(connection);
        }
    }

    /// Does what an instruction says of channels, links, meta and times. Whether something was
    /// published after what it knows of.
    pub(super) fn obey(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        instruction: &Instruction,
        now: Instant,
    ) -> bool {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        state.meta.replace(instruction.metas());
        match &mut state.sink {
            Session::Response(response) => {
                let base = state.request.uri();
                response.resync.obey(instruction, base, now);
                response.store(instruction, now);
            }
            Session::Stream(stream) => {
                stream.resync.obey(instruction, state.request.uri(), now);
                stream.set_keep_alive(instruction, now);
            }
            Session::WebSocket(_) => {}
        }
        if instruction.mode().is_none() {
            return false;
        }
        let contradicts = self.resubscribe(connection, state, instruction.channels());
        let needs_link = state.subscriptions.iter().find(|it| it.place.is_some());
        if let (Session::Stream(stream), Some(subscription)) = (&state.sink, needs_link)
            && stream.resync.next.is_none()
        {
            let why = format!(
                "The channel {} has a previous id, and there is no next link to recover from.\n",
                subscription.channel
            );
            drop(guard);
            self.refuse(connection, &why);
            return false;
        }
        contradicts
    }

    fn insert(&self, make: impl FnOnce(ConnectionKey) -> Connection) -> Rc<Connection> {
        let generation = self.generation.get().wrapping_add(1);
        self.generation.set(generation);
        let mut connections = self.connections.borrow_mut();
        let entry = connections.vacant_entry();
        let connection = Rc::new(make(ConnectionKey {
            // There are never so many connections that their number does not fit.
            key: entry.key() as u32,
            generation,
        }));
        entry.insert(Rc::clone(&connection));
        self.by_id
            .borrow_mut()
            .insert(connection.id, Rc::clone(&connection));
        connection
    }
}
