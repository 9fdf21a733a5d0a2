//! Attending to a client: reading what it sends, and writing when it reads again.

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
};

use tokio::task::spawn_local;

use super::{
    Shard,
    connection::{Connection, End, State},
    wire::Wire,
};
use crate::{sink::Sink, ws::Incoming};

/// How often one connection is read from and written to before others have their turn.
const TURNS: usize = 16;

/// How much a client may send ahead while it is held. More is not read.
const MAX_UNREAD: usize = 16 * 1024;

impl Shard {
    /// Attends to a connection from now on.
    pub(super) fn attend(self: &Rc<Self>, connection: &Rc<Connection>) {
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(poll_fn(move |cx| {
            connection.attended_by(cx.waker());
            connection.is_attended.set(true);
            let attended = shard.guard(&connection, || shard.poll_attend(&connection, cx));
            connection.is_attended.set(false);
            // A WebSocket may still have to be told of.
            let is_gone = connection.is_gone.get();
            attended.unwrap_or(if is_gone {
                Poll::Ready(())
            } else {
                Poll::Pending
            })
        }));
    }

    fn poll_attend(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            if connection.is_gone.get() {
                return Poll::Ready(());
            }
            let writes = self.poll_write(connection, cx).is_ready();
            let reads = self.poll_read(connection, cx).is_ready();
            if !writes && !reads && !connection.is_gone.get() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready where more may be written at once.
    fn poll_write(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        self.write(connection);
        let mut state = connection.state.borrow_mut();
        let State { wire, outbox, .. } = &mut *state;
        match wire {
            Some(Wire::Tcp(stream)) if !outbox.is_empty() => {
                stream.poll_write_ready(cx).map(|_| ())
            }
            // Any other one has the task's waker from the write that it did not take.
            _ => Poll::Pending,
        }
    }

    /// Ready where something was read, and more may follow.
    fn poll_read(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = connection.state.borrow_mut();
        if let Sink::Response(response) = &mut state.sink
            && let Some(is_gone) = response.poll_given_up(cx)
        {
            drop(state);
            if is_gone.is_ready() {
                self.lost(connection);
            }
            return Poll::Pending;
        }
        if !state.wants_more() {
            return Poll::Pending;
        }
        let Some(wire) = &mut state.wire else {
            return Poll::Pending;
        };
        let mut buffer = self.read_buffer.borrow_mut();
        let read = wire.poll_read(cx, &mut buffer);
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
        let Sink::WebSocket(socket) = &mut state.sink else {
            // It is thrown away where the connection is not used again.
            if state.take_back.is_some() && state.end != Some(End::Lingers) {
                state.unread.extend_from_slice(bytes);
            }
            return;
        };
        let mut actions = Vec::new();
        let mut rest = bytes;
        let max_message = self.common.settings.max_message;
        loop {
            match socket.reader.read(&mut rest, max_message) {
                Ok(Some(incoming)) => {
                    let is_close = matches!(incoming, Incoming::Close(_));
                    socket.conversation.receive(incoming, &mut actions);
                    if is_close {
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
                    socket.conversation.failed(error, &mut actions);
                    break;
                }
            }
        }
        drop(guard);
        self.act(connection, actions);
    }
}

impl State {
    /// Whether more may be read from the client now.
    fn wants_more(&self) -> bool {
        match &self.sink {
            _ if self.end == Some(End::Lingers) => true,
            Sink::WebSocket(socket) => socket.conversation.wants_more(),
            _ => self.end.is_none() && self.unread.len() < MAX_UNREAD,
        }
    }
}
