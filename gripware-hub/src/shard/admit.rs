//! A client comes to the shard.

use std::{rc::Rc, sync::Arc};

use bytes::{Bytes, BytesMut};
use gripware_core::proxy::Instruction;

use super::{
    Shard,
    connection::{Connection, State},
    drive::MAX_UNREAD,
    origin_socket::OriginSocket,
    outbox::Outbox,
    pressure::Pressure,
    timers::ConnectionKey,
};
use crate::{
    clock,
    handoff::{ClientConn, HeldClient, HoldKind},
    session::{
        Effect, Hold, Input, Session, response::ResponseSession, stream::StreamSession,
        websocket::WebSocketSession,
    },
    socket::Socket,
};

/// What a client is held by, in the first place.
enum Start {
    Hold(Box<Instruction>),
    WebSocket(Vec<Effect>),
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
            kind,
            conn,
            arrival,
        } = held;
        let mut request = request.detach_from_buffer();
        let mut origin = None;
        let (hold, head, start) = match kind {
            HoldKind::Response { instruction, reply } => {
                let hold = Hold::Response(Box::new(ResponseSession::new(reply, now)));
                (hold, Bytes::new(), Start::Hold(Box::new(instruction)))
            }
            HoldKind::Stream {
                instruction,
                head,
                framing,
            } => {
                // What a stream asks by itself has nothing of the client's.
                request = request.without_headers();
                let hold = Hold::Stream(Box::new(StreamSession::new(framing)));
                (hold, head, Start::Hold(Box::new(instruction)))
            }
            HoldKind::WebSocket {
                accepted,
                head,
                origin: conn,
            } => {
                if conn.is_some() {
                    // It is never repeated.
                    request = request.without_headers();
                }
                origin = conn.map(OriginSocket::new).map(Box::new);
                let mut effects = Vec::new();
                let settings = Arc::clone(&self.shared.ws_settings);
                let session = accepted.start(settings, now, &mut effects);
                let hold = Hold::WebSocket(Box::new(WebSocketSession::new(session, now)));
                (hold, head, Start::WebSocket(effects))
            }
        };
        let (wire, unread, resume_http) = match conn {
            None => (None, Bytes::new(), None),
            Some(conn) => match Socket::attach(conn.socket) {
                Ok(wire) => (Some(wire), conn.unread, conn.resume_http),
                Err(error) => {
                    tracing::debug!(target: crate::log::TARGET, connection = %id, %error, "a client is lost");
                    return;
                }
            },
        };
        let (is_held, conn_to_come) = arrival.map(|it| (it.held, it.conn)).unzip();
        let mut outbox = Outbox::new(Arc::clone(self.shared.queued(self.index)));
        outbox.push(head, 0);
        let state = State {
            session: Session::new(hold, request),
            wire,
            outbox,
            origin_client,
            asking: None,
            origin,
            arrival: conn_to_come,
            resume_http,
            unread: BytesMut::new(),
            end: None,
            end_by: None,
            timer: None,
            pressure: Pressure::Low,
            has_dropped: false,
        };
        let kind = state.session.kind();
        self.shared.metrics.connections.of(kind).add(1);
        let connection = self.insert(|key| Connection::new(key, id, peer, since, state));
        self.drive(&connection);
        match start {
            Start::Hold(instruction) => self.input(&connection, Input::Begin(&instruction)),
            Start::WebSocket(effects) => self.act(&connection, effects),
        }
        if let Some(is_held) = is_held {
            // Where nobody waits for it the connection does not come.
            let _ = is_held.send(());
        }
        self.take_unread(&connection, &unread);
        if self.is_draining.get() {
            self.finish(&connection);
            self.drain_change.notify_waiters();
        }
    }

    /// Gives a client its connection: all that came before is with it.
    pub(super) fn arrives(self: &Rc<Self>, connection: &Rc<Connection>, conn: ClientConn) {
        match connection.with(|state| state.arrives(conn)) {
            Ok(unread) => {
                self.write(connection);
                self.set_timer(connection);
                self.take_unread(connection, &unread);
            }
            Err(error) => {
                tracing::debug!(target: crate::log::TARGET, connection = %connection.id, %error, "a client is lost");
                self.lost(connection);
            }
        }
    }

    /// Takes what a client has sent before it was held.
    fn take_unread(self: &Rc<Self>, connection: &Rc<Connection>, unread: &[u8]) {
        if unread.len() > MAX_UNREAD {
            self.lost(connection);
        } else if !unread.is_empty() && !connection.is_gone.get() {
            self.received(connection, unread);
        }
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
