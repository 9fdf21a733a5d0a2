//! Attending to a client: reading what it sends, and writing when it reads again.
//!
//! Fairness: a client that sends without end has one piece read and a bounded number of its
//! messages taken, and then all others of the thread, and the thread's inbox, have their turn.

use std::{
    future::poll_fn,
    mem,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use tokio::task::{spawn_local, yield_now};

use super::{
    READ_BUFFER, Shard,
    connection::{Connection, End, State},
};
use crate::{
    clock,
    handoff::ClientConn,
    session::{Effect, websocket::WebSocketSession},
    socket::{Io, Socket},
};

/// How often one connection is written to before others have their turn.
const TURNS: usize = 16;

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

/// What came of polling a client's connection.
enum Arrived {
    Nothing,
    /// It is not read from now.
    Paused,
    /// What was read before.
    Unread(BytesMut),
    /// So many bytes.
    Bytes(usize),
    /// The connection itself.
    Conn(Box<ClientConn>),
    /// The client is gone.
    End,
}

impl Shard {
    /// Attends to a connection from now on.
    pub(super) fn drive(self: &Rc<Self>, connection: &Rc<Connection>) {
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(poll_fn(move |cx| {
            connection.driven_by(cx.waker());
            connection.is_driven.set(true);
            let attended = shard.isolate(&connection, || shard.poll_drive(&connection, cx));
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
        self.poll_asking(connection, cx);
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
        has_more |= self.poll_origin(connection, cx).is_ready();
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
        connection.with(|state| match &state.wire {
            Some(Socket::Tcp(stream)) if !state.outbox.is_empty() => {
                stream.poll_write_ready(cx).map(|_| ())
            }
            // Any other one has the task's waker from the write that it did not take.
            _ => Poll::Pending,
        })
    }

    /// Ready where something was read, and more may follow.
    fn poll_read(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = self.read_buffer.borrow_mut();
        match connection.with(|state| state.poll_read(cx, &mut buffer)) {
            Arrived::Nothing => return Poll::Pending,
            Arrived::Paused => {
                self.look(connection);
                return Poll::Pending;
            }
            Arrived::Unread(unread) => self.received(connection, &unread),
            Arrived::Bytes(count) => {
                self.received(connection, buffer.get(..count).unwrap_or_default());
            }
            Arrived::Conn(conn) => self.arrives(connection, *conn),
            Arrived::End => self.lost(connection),
        }
        Poll::Ready(())
    }

    /// Takes what a client has sent.
    pub(super) fn received(self: &Rc<Self>, connection: &Rc<Connection>, bytes: &[u8]) {
        let mut effects = Vec::new();
        connection.with(|state| {
            let mut rest = bytes;
            if let Some(socket) = state.session.websocket_mut() {
                if state.end.is_none() {
                    socket.receive(&mut rest, clock::now(), &mut effects);
                    state.unread.extend_from_slice(rest);
                }
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
            tracing::debug!(
                target: crate::log::TARGET,
                connection = %connection.id,
                peer = connection.peer.map(tracing::field::display),
                "a client that sends more than {MAX_UNREAD} bytes while it is held is cut off"
            );
            effects.push(Effect::Cut);
        });
        self.act(connection, effects);
    }

    /// Looks whether a client that is not read from is still there, and will again: a slow origin
    /// is no reason to keep the connections of clients that have left (backpressure).
    pub(super) fn look(self: &Rc<Self>, connection: &Rc<Connection>) {
        let is_hung_up = connection.with(|state| {
            if state.end.is_some() || state.reading() != Reading::Paused {
                return false;
            }
            if let Some(socket) = state.session.websocket_mut() {
                socket.pause(clock::now() + LOOK_EVERY);
            }
            state.wire.as_ref().is_some_and(Io::is_hung_up)
        });
        if is_hung_up {
            self.lost(connection);
        }
        self.set_timer(connection);
    }
}

impl State {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Arrived {
        if let Some(arrival) = &mut self.arrival {
            return match Pin::new(arrival).poll(cx) {
                Poll::Ready(Ok(conn)) => Arrived::Conn(Box::new(conn)),
                Poll::Ready(Err(_)) => Arrived::End,
                Poll::Pending => Arrived::Nothing,
            };
        }
        if let Some(given_up) = self.session.poll_given_up(cx) {
            return match given_up {
                Poll::Ready(()) => Arrived::End,
                Poll::Pending => Arrived::Nothing,
            };
        }
        let reading = self.reading();
        let Some(wire) = &mut self.wire else {
            return Arrived::Nothing;
        };
        if reading == Reading::Paused {
            return Arrived::Paused;
        }
        if let Some(socket) = self.session.websocket_mut() {
            socket.resume(clock::now());
        }
        let Reading::UpTo(limit) = reading else {
            return Arrived::Unread(mem::take(&mut self.unread));
        };
        let limit = limit.min(buffer.len());
        match wire.poll_read_into(cx, buffer.get_mut(..limit).unwrap_or_default()) {
            Poll::Pending => Arrived::Nothing,
            Poll::Ready(Ok(count)) if count > 0 => Arrived::Bytes(count),
            Poll::Ready(_) => Arrived::End,
        }
    }

    fn reading(&self) -> Reading {
        match self.session.websocket() {
            _ if self.end == Some(End::Lingers) => Reading::UpTo(READ_BUFFER),
            // What it says now is of no use, but that it leaves.
            Some(_) if self.end.is_some() => Reading::UpTo(READ_BUFFER),
            Some(socket) => match socket.demand() {
                None => Reading::Paused,
                Some(_) if !self.unread.is_empty() => Reading::Unread,
                // What is left over is never more than may be kept.
                Some(expected) => Reading::UpTo(expected.saturating_add(MAX_UNREAD)),
            },
            // It has a few seconds to take the end.
            None if self.end.is_some() => Reading::Paused,
            // One byte more than may be kept shows that there is more.
            None => Reading::UpTo(MAX_UNREAD.saturating_sub(self.unread.len()) + 1),
        }
    }

    /// Returns whether the client was not read from, and is to be now.
    pub(super) fn may_resume(&self) -> bool {
        let socket = self.session.websocket();
        socket.is_some_and(WebSocketSession::is_paused) && self.reading() != Reading::Paused
    }
}
