//! Attending to a client: reading what it sends, and writing when it reads again.
//!
//! Fairness: a client that sends without end has one piece read and a bounded number of its
//! messages taken, and then all others of the thread, and the thread's inbox, have their turn.

use std::{
    future::poll_fn,
    mem,
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::task::{spawn_local, yield_now};

use super::{
    READ_BUFFER, Shard,
    connection::{Connection, End, State},
};
use crate::{
    clock,
    session::{Session, websocket::WebSocketSession},
    socket::{Io, Socket},
    ws::{Action, ClientMessage},
};

/// How often one connection is written to before others have their turn.
const TURNS: usize = 16;

/// How many messages and control frames of one WebSocket client are taken before others have their
/// turn. Frames that end nothing are bounded by [`MAX_UNREAD`], as each has six bytes.
const MAX_MESSAGES: usize = 128;

/// How many bytes a client may send ahead. Of a client of an HTTP hold that is what comes behind its
/// request, and with more it is cut off: it cannot be noticed to leave without being read from. Of a
/// WebSocket client it is what was read and not decoded yet, since the queue to the origin is full.
pub(super) const MAX_UNREAD: usize = 16 * 1024;

/// How often it is looked whether a client that is not read from is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is to be done about what a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nothing now: the origin has to catch up, or it is only written what is left.
    Paused,
    /// What was read before comes first.
    Unread,
    /// Up to so many bytes are read.
    UpTo(usize),
}

impl Shard {
    /// Attends to a connection from now on.
    pub(super) fn drive(self: &Rc<Self>, connection: &Rc<Connection>) {
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(poll_fn(move |cx| {
            connection.driven_by(cx.waker());
            connection.is_driven.set(true);
            let attended = shard.guard(&connection, || shard.poll_drive(&connection, cx));
            connection.is_driven.set(false);
            // A WebSocket may still have to be told of.
            let is_gone = connection.is_gone.get();
            attended.unwrap_or(if is_gone {
                Poll::Ready(())
            } else {
                Poll::Pending
            })
        }));
    }

    fn poll_drive(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        let mut has_more = true;
        for _ in 0..TURNS {
            if connection.is_gone.get() {
                return Poll::Ready(());
            }
            has_more = self.poll_write(connection, cx).is_ready();
            if !has_more {
                break;
            }
        }
        has_more |= self.poll_read(connection, cx).is_ready();
        if connection.is_gone.get() {
            return Poll::Ready(());
        }
        if has_more {
            // Woken when all that is ready now, and the inbox, had a turn, and not before.
            let _ = pin!(yield_now()).poll(cx);
        }
        Poll::Pending
    }

    /// Ready where more may be written at once.
    fn poll_write(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        self.write(connection);
        let mut state = connection.state.borrow_mut();
        let State { wire, outbox, .. } = &mut *state;
        match wire {
            Some(Socket::Tcp(stream)) if !outbox.is_empty() => {
                stream.poll_write_ready(cx).map(|_| ())
            }
            // Any other one has the task's waker from the write that it did not take.
            _ => Poll::Pending,
        }
    }

    /// Ready where something was read, and more may follow.
    fn poll_read(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = connection.state.borrow_mut();
        if let Session::Response(response) = &mut state.sink
            && let Some(is_gone) = response.poll_given_up(cx)
        {
            drop(state);
            if is_gone.is_ready() {
                self.lost(connection);
            }
            return Poll::Pending;
        }
        if state.wire.is_none() {
            return Poll::Pending;
        }
        let limit = match state.reading() {
            Reading::Paused => {
                drop(state);
                self.look(connection);
                return Poll::Pending;
            }
            Reading::Unread => {
                state.resumed(self.shared.settings.message_timeout);
                let unread = mem::take(&mut state.unread);
                drop(state);
                self.decode_unread(connection, unread);
                return Poll::Ready(());
            }
            Reading::UpTo(limit) => limit,
        };
        state.resumed(self.shared.settings.message_timeout);
        let Some(wire) = &mut state.wire else {
            return Poll::Pending;
        };
        let mut buffer = self.read_buffer.borrow_mut();
        let limit = limit.min(buffer.len());
        let read = wire.poll_read_into(cx, buffer.get_mut(..limit).unwrap_or_default());
        drop(state);
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(count)) if count > 0 => {
                if let Some(bytes) = buffer.get(..count) {
                    self.received(connection, bytes);
                }
                Poll::Ready(())
            }
            Poll::Ready(_) => {
                drop(buffer);
                self.lost(connection);
                Poll::Ready(())
            }
        }
    }

    /// Takes what a client has sent.
    pub(super) fn received(self: &Rc<Self>, connection: &Rc<Connection>, bytes: &[u8]) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        if let Session::WebSocket(socket) = &mut state.sink {
            if state.end.is_some() {
                return;
            }
            let mut rest = bytes;
            let actions = self.decode(connection, socket, &mut rest);
            if !rest.is_empty() {
                state.unread.extend_from_slice(rest);
            }
            drop(guard);
            self.act(connection, actions);
            return;
        }
        // It is thrown away where the connection is not used again.
        if state.resume_http.is_none() || state.end == Some(End::Lingers) {
            return;
        }
        if state.unread.len() + bytes.len() <= MAX_UNREAD {
            state.unread.extend_from_slice(bytes);
            return;
        }
        drop(guard);
        tracing::debug!(
            target: "gripware_hub",
            connection = %connection.id,
            peer = connection.peer.map(tracing::field::display),
            "a client that sends more than {MAX_UNREAD} bytes while it is held is cut off"
        );
        self.lost(connection);
    }

    /// Goes on with what was read from a WebSocket client before.
    fn decode_unread(self: &Rc<Self>, connection: &Rc<Connection>, mut unread: BytesMut) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        let Session::WebSocket(socket) = &mut state.sink else {
            return;
        };
        let mut rest = &unread[..];
        let actions = self.decode(connection, socket, &mut rest);
        let taken = unread.len() - rest.len();
        unread.advance(taken);
        if !unread.is_empty() {
            state.unread = unread;
        }
        drop(guard);
        self.act(connection, actions);
    }

    /// Takes messages from `rest`, as many as one turn may have and as the queue to the origin has
    /// room for. The bound is looked at before each.
    fn decode(
        &self,
        connection: &Connection,
        socket: &mut WebSocketSession,
        rest: &mut &[u8],
    ) -> Vec<Action> {
        let settings = &self.shared.settings;
        let mut actions = Vec::new();
        for _ in 0..MAX_MESSAGES {
            if !socket.session.wants_more() {
                break;
            }
            match socket.decoder.read(rest, settings.max_message) {
                Ok(Some(message)) => {
                    let is_close = matches!(message, ClientMessage::Close(_));
                    socket.session.receive(message, &mut actions);
                    if is_close {
                        *rest = &[];
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(
                        target: "gripware_hub",
                        connection = %connection.id,
                        code = error.code(),
                        "a client breaks the protocol: {}",
                        error.reason()
                    );
                    socket.session.failed(error, &mut actions);
                    break;
                }
            }
        }
        let now = clock::now();
        socket.decoder.note_progress(now, settings.message_timeout);
        actions
    }

    /// Looks whether a client that is not read from is still there, and will again: a slow origin
    /// is no reason to keep the connections of clients that have left (backpressure).
    pub(super) fn look(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut state = connection.state.borrow_mut();
        if state.end.is_some() || state.reading() != Reading::Paused {
            return;
        }
        if state.wire.as_ref().is_some_and(Io::is_hung_up) {
            drop(state);
            self.lost(connection);
            return;
        }
        if let Session::WebSocket(socket) = &mut state.sink
            && socket.look_at.is_none()
        {
            socket.look_at = Some(clock::now() + LOOK_EVERY);
        }
        drop(state);
        self.set_timer(connection);
    }
}

impl State {
    fn reading(&self) -> Reading {
        match &self.sink {
            _ if self.end == Some(End::Lingers) => Reading::UpTo(READ_BUFFER),
            // What it says now is of no use, but that it leaves.
            Session::WebSocket(_) if self.end.is_some() => Reading::UpTo(READ_BUFFER),
            Session::WebSocket(socket) if !socket.session.wants_more() => Reading::Paused,
            Session::WebSocket(_) if !self.unread.is_empty() => Reading::Unread,
            // What is left over is never more than may be kept.
            Session::WebSocket(socket) => {
                Reading::UpTo(socket.decoder.expects().saturating_add(MAX_UNREAD))
            }
            // It has a few seconds to take the end.
            _ if self.end.is_some() => Reading::Paused,
            // One byte more than may be kept shows that there is more.
            _ => Reading::UpTo(MAX_UNREAD.saturating_sub(self.unread.len()) + 1),
        }
    }

    /// Whether the client was not read from, and is to be now.
    pub(super) fn may_resume(&self) -> bool {
        let was_paused =
            matches!(&self.sink, Session::WebSocket(socket) if socket.look_at.is_some());
        was_paused && self.reading() != Reading::Paused
    }

    /// The client is read from (again).
    fn resumed(&mut self, message_timeout: Duration) {
        if let Session::WebSocket(socket) = &mut self.sink
            && socket.look_at.take().is_some()
        {
            // The time in which it was not heard is not its fault.
            socket.decoder.put_off(clock::now(), message_timeout);
        }
    }
}
