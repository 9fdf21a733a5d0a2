//! Writing to a client.

use std::{io, pin::Pin, rc::Rc, task::Poll};

use tokio::io::AsyncWrite as _;

use super::{
    Shard,
    connection::{Connection, End, Enqueued, State},
};
use crate::{clock, session::Input, settings::SlowClients};

impl Shard {
    /// Notes that a connection has something to write.
    pub(super) fn has_to_write(&self, connection: &Rc<Connection>) {
        if !connection.is_listed.replace(true) {
            self.unwritten.borrow_mut().push(Rc::clone(connection));
        }
    }

    /// Writes to all who have something to be written.
    pub(super) fn write_all(self: &Rc<Self>) {
        let mut list = self.unwritten.take();
        for connection in list.drain(..) {
            connection.is_listed.set(false);
            self.isolate(&connection, || {
                self.write(&connection);
                self.set_timer(&connection);
            });
        }
        let mut unwritten = self.unwritten.borrow_mut();
        if unwritten.is_empty() && list.capacity() <= 16 * 1024 {
            *unwritten = list;
        }
    }

    /// Writes what the client takes now. The rest is written by the task that attends to it.
    pub(super) fn write(self: &Rc<Self>, connection: &Rc<Connection>) {
        let written = connection.with(|state| self.write_some(connection, state));
        match written {
            Poll::Ready(Ok(())) => self.all_is_written(connection),
            Poll::Ready(Err(error)) => {
                tracing::trace!(target: crate::log::TARGET, connection = %connection.id, %error, "a client is lost");
                self.lost(connection);
            }
            Poll::Pending => {}
        }
    }

    /// Ready when all is written. Until then the task that attends to the connection goes on.
    pub(super) fn write_some(
        &self,
        connection: &Connection,
        state: &mut State,
    ) -> Poll<io::Result<()>> {
        let State {
            wire,
            arrival,
            outbox,
            ..
        } = state;
        let Some(wire) = wire else {
            // Where it comes later, what waits is written then.
            return if arrival.is_some() {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            };
        };
        let written = loop {
            if outbox.is_empty() {
                state.has_dropped = false;
                break connection.with_waker(|cx| Pin::new(&mut *wire).poll_flush(cx));
            }
            let written =
                outbox.gather(|slices| connection.with_waker(|cx| wire.try_write(slices, cx)));
            match written {
                Ok(0) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    outbox.written(count);
                    self.shared.metrics.sent_bytes.add(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // It has not asked yet to be told when the socket takes more.
                    if !connection.is_driven.get() {
                        connection.wake();
                    }
                    break Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Poll::Ready(Err(error)),
            }
        };
        self.weigh(state);
        written
    }

    /// Puts something into the outbox. Where there is no room, the client first gets what it takes
    /// now: what came in one batch may be more than may wait.
    pub(super) fn post(
        &self,
        connection: &Connection,
        state: &mut State,
        bytes: bytes::Bytes,
        messages: u32,
    ) -> Enqueued {
        if self.has_room(connection, state, bytes.len(), messages) {
            state.outbox.push(bytes, messages);
            return Enqueued::Queued;
        }
        self.has_overflown(connection, state)
    }

    /// Whether something fits, where need be after the client has got what it takes.
    pub(super) fn has_room(
        &self,
        connection: &Connection,
        state: &mut State,
        bytes: usize,
        messages: u32,
    ) -> bool {
        let settings = &self.shared.settings;
        if !state.is_full(bytes, messages, settings) {
            return true;
        }
        // What fails here fails in the next write.
        let _ = self.write_some(connection, state);
        !state.is_full(bytes, messages, settings)
    }

    /// What becomes of something for which there is no room.
    pub(super) fn has_overflown(&self, connection: &Connection, state: &mut State) -> Enqueued {
        match self.shared.settings.slow_clients {
            SlowClients::Close => Enqueued::Overflow,
            SlowClients::Drop => {
                state.session.dropped();
                if !std::mem::replace(&mut state.has_dropped, true) {
                    tracing::warn!(
                        target: crate::log::TARGET,
                        connection = %connection.id,
                        peer = connection.peer.map(tracing::field::display),
                        queued = state.outbox.bytes(),
                        messages = state.outbox.messages(),
                        "a client does not read: messages for it are dropped"
                    );
                }
                Enqueued::Dropped
            }
        }
    }

    /// Goes on where the client has got everything.
    fn all_is_written(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut effects = Vec::new();
        let end = connection.with(|state| {
            if state.end.is_none() {
                let now = clock::now();
                state.session.handle(Input::Drained, now, &mut effects);
            }
            if state.may_hear() {
                connection.wake();
            }
            state.end
        });
        match end {
            Some(End::GiveBack) => self.give_back(connection),
            Some(End::Close) => self.shut_down(connection),
            Some(End::Lingers) | None => {}
        }
        if !effects.is_empty() {
            self.apply(connection, effects);
            self.ask(connection);
            if connection.with(|state| !state.outbox.is_empty()) {
                connection.wake();
            }
        }
    }
}
