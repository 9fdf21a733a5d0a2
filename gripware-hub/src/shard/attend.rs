//! Reading from a client and writing to it.

use std::{
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{task::spawn_local, time::sleep};

use super::{
    Shard,
    connection::{Connection, End, Pressure, State},
};
use crate::{sink::Sink, ws::Incoming};

/// How often one connection is read from and written to before others have their turn.
const TURNS: usize = 16;

/// How much a client may send ahead while it is held. More is not read.
const MAX_UNREAD: usize = 16 * 1024;

/// How long the shard waits for connections that have much to read.
const PATIENCE: Duration = Duration::from_millis(100);

impl Shard {
    /// Attends to a connection from now on.
    pub(super) fn attend(self: &Rc<Self>, connection: &Rc<Connection>) {
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(poll_fn(move |cx| shard.poll_attend(&connection, cx)));
    }

    fn poll_attend(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        connection.attended_by(cx.waker());
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

    /// Ready where something was written, and more may follow.
    fn poll_write(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        self.write(connection, Some(cx));
        let mut state = connection.state.borrow_mut();
        let State { wire, outbox, .. } = &mut *state;
        let Some(wire) = wire else {
            return Poll::Pending;
        };
        if outbox.is_empty() {
            // What fails here fails in the next read or write.
            let _ = wire.poll_flush(cx);
            return Poll::Pending;
        }
        wire.poll_write_ready(cx).map(|_| ())
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
            self.write(&connection, None);
            self.set_timer(&connection);
        }
        let mut unwritten = self.unwritten.borrow_mut();
        if unwritten.is_empty() && list.capacity() <= 16 * 1024 {
            *unwritten = list;
        }
    }

    /// Writes what the client takes now. The rest is written by the task that attends to it.
    pub(super) fn write(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        cx: Option<&mut Context<'_>>,
    ) {
        let is_attending = cx.is_some();
        let written = self.write_some(&mut connection.state.borrow_mut(), cx);
        match written {
            Err(error) => {
                tracing::trace!(target: "gripware_hub", connection = %connection.id, %error, "a client is lost");
                self.lost(connection);
            }
            Ok(true) => self.all_is_written(connection),
            Ok(false) if !is_attending => connection.wake(),
            Ok(false) => {}
        }
    }

    /// Whether all is written.
    fn write_some(&self, state: &mut State, mut cx: Option<&mut Context<'_>>) -> io::Result<bool> {
        let State {
            wire,
            outbox,
            pressure,
            ..
        } = state;
        let Some(wire) = wire else {
            return Ok(true);
        };
        while !outbox.is_empty() {
            let (slices, count) = outbox.slices();
            let slices = slices.get(..count).unwrap_or_default();
            match wire.try_write(slices, cx.as_deref_mut()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    outbox.written(count);
                    self.common.metrics.sent_bytes.add(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let settings = &self.common.settings;
        let is_high = outbox.bytes() > settings.queue_bytes / 2
            || outbox.messages() > settings.queue_messages / 2;
        let was = *pressure;
        *pressure = match (is_high, was) {
            (true, Pressure::Low) => Pressure::High,
            (true, was) => was,
            (false, Pressure::Stalled) if !outbox.is_empty() => Pressure::Stalled,
            (false, _) => Pressure::Low,
        };
        let pressed = &self.pressed;
        match (was, *pressure) {
            (Pressure::Low | Pressure::Stalled, Pressure::High) => {
                pressed.set(pressed.get() + 1);
            }
            (Pressure::High, Pressure::Low | Pressure::Stalled) => {
                pressed.set(pressed.get().saturating_sub(1));
                self.relief.notify_one();
            }
            _ => {}
        }
        Ok(outbox.is_empty())
    }

    /// Goes on where the client has got everything.
    fn all_is_written(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut state = connection.state.borrow_mut();
        let end = state.end;
        match (&mut state.sink, end) {
            (_, Some(End::GiveBack)) => {
                drop(state);
                self.give_back(connection);
            }
            (_, Some(End::Close)) => {
                drop(state);
                self.shut_down(connection);
            }
            (Sink::Stream(stream), None) if stream.has_lost => {
                stream.has_lost = false;
                stream.dealings.want_update();
                drop(state);
                self.ask(connection);
            }
            _ => {}
        }
    }

    /// Waits while many clients have much to read, so that who publishes waits as well and nothing
    /// is dropped. A few do not make the others wait.
    pub(super) async fn relieved(&self) {
        let start = Instant::now();
        loop {
            let many = self.connections.borrow().len().div_ceil(8);
            if self.pressed.get() < many.max(1) {
                return;
            }
            if start.elapsed() > PATIENCE {
                self.give_up_on_pressed();
                return;
            }
            tokio::select! {
                () = self.relief.notified() => {}
                () = sleep(PATIENCE / 10) => {}
            }
        }
    }
}

impl Shard {
    /// Those who still have much to read are not waited for until they have read it all.
    fn give_up_on_pressed(&self) {
        for (_, connection) in self.connections.borrow().iter() {
            let pressure = &mut connection.state.borrow_mut().pressure;
            if matches!(pressure, Pressure::High) {
                *pressure = Pressure::Stalled;
            }
        }
        self.pressed.set(0);
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
