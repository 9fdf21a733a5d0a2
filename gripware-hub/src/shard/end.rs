//! A client leaves the shard.

use std::{
    pin::Pin,
    rc::Rc,
    time::{Duration, Instant},
};

use gripware_core::ws::CloseCode;
use tokio::io::AsyncWrite as _;

use super::{
    Shard,
    connection::{Connection, End},
};
use crate::{
    clock,
    handoff::Reply,
    http::http1_head::response_bytes,
    session::{Effect, Session},
};

/// How long is waited for a client to see that the connection is shut down. Closing at once could
/// lose what it has not read, where it has sent something that was not read either.
const LINGER: Duration = Duration::from_secs(2);

impl Shard {
    /// Ends a hold in the way its kind allows, for a reason of the hub's own.
    pub(super) fn finish(self: &Rc<Self>, connection: &Rc<Connection>) {
        let code = if self.is_draining.get() {
            CloseCode::GOING_AWAY
        } else {
            CloseCode::NORMAL
        };
        let mut actions = Vec::new();
        let mut state = connection.state.borrow_mut();
        match &mut state.sink {
            Session::Response(response) => response.give_stored(),
            Session::Stream(_) => {}
            Session::WebSocket(socket) => {
                let session = &mut socket.session;
                session.end(code, clock::now(), &mut actions);
                drop(state);
                self.act(connection, actions);
                return;
            }
        }
        drop(state);
        self.finish_answered(connection);
    }

    /// Writes the end of a hold: the answer that it has, or a stream's end.
    pub(super) fn finish_answered(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        if state.end.is_some() {
            return;
        }
        self.unsubscribe_all(connection, state);
        match &mut state.sink {
            Session::Response(response) => {
                let (Some(reply), Some(answer)) = (response.reply.take(), response.answer.take())
                else {
                    return;
                };
                match reply {
                    Reply::Http1 { version, is_head } => {
                        let is_kept = state.resume_http.is_some() && !self.is_draining.get();
                        if !is_kept {
                            state.resume_http = None;
                        }
                        let bytes = response_bytes(&answer, version, is_head, is_kept);
                        state.outbox.push(bytes, 1);
                    }
                    Reply::Channel(sender) => {
                        // Where nobody waits the client has gone.
                        let _ = sender.send(*answer);
                        drop(guard);
                        self.remove(connection);
                        return;
                    }
                }
            }
            Session::Stream(stream) => {
                let last = stream.last();
                if last.is_empty() || self.is_draining.get() {
                    state.resume_http = None;
                }
                state.outbox.push(last, 0);
            }
            Session::WebSocket(_) => return,
        }
        let is_stream = matches!(state.sink, Session::Stream(_));
        state.end_when_written();
        drop(guard);
        if is_stream {
            // Whoever has ended it: the client is not held any more.
            self.tell_gone(connection.id, connection);
        }
        self.unlist(connection);
        self.write(connection);
        self.set_timer(connection);
    }

    /// Tells a client that its hold was refused, as far as it may know, and ends it.
    pub(super) fn refuse(self: &Rc<Self>, connection: &Rc<Connection>, why: &str) {
        tracing::warn!(target: "gripware_hub", connection = %connection.id, "{}", why.trim_ascii_end());
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        if let Session::Stream(stream) = &state.sink
            && self.shared.settings.development
        {
            let bytes = stream.framed(&why.to_owned().into());
            state.outbox.push(bytes, 1);
        }
        drop(guard);
        self.finish_answered(connection);
    }

    /// Cuts off a client that does not read.
    pub(super) fn cut(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        let (queued, messages) = (state.outbox.bytes(), state.outbox.messages());
        tracing::warn!(
            target: "gripware_hub",
            connection = %connection.id,
            peer = connection.peer.map(tracing::field::display),
            queued,
            messages,
            "a client that does not read is disconnected"
        );
        let metrics = &self.shared.metrics;
        metrics.slow_closed.add(1);
        metrics.dropped.add(state.outbox.clear_unbegun() as u64);
        let Session::WebSocket(socket) = &mut state.sink else {
            drop(guard);
            self.lost(connection);
            return;
        };
        let mut actions = Vec::new();
        let session = &mut socket.session;
        session.end(CloseCode::TRY_AGAIN_LATER, clock::now(), &mut actions);
        drop(guard);
        self.act(connection, actions);
    }

    /// Cuts off a client that cannot be told what it missed, so that it connects again.
    pub(super) fn cut_off(self: &Rc<Self>, connection: &Rc<Connection>) {
        tracing::warn!(target: "gripware_hub", connection = %connection.id, "a stream that cannot be recovered is cut off");
        self.lost(connection);
    }

    /// A client has gone.
    pub(super) fn lost(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        if connection.is_gone.get() {
            return;
        }
        state.wire = None;
        self.unsubscribe_all(connection, state);
        if let Session::WebSocket(socket) = &mut state.sink {
            socket.session.gone();
            state.outbox.clear();
            self.unload(state);
            // From here on its times are those of what the origin has to be told.
            state.end = Some(End::Lingers);
            state.end_by = None;
            drop(guard);
            self.unlist(connection);
            self.converse(connection);
            self.set_timer(connection);
            self.forget_if_over(connection);
            return;
        }
        let is_held = state.end.is_none();
        drop(guard);
        if is_held {
            self.tell_gone(connection.id, connection);
        }
        self.remove(connection);
    }

    /// Forgets a WebSocket of which nobody has to be told anything any more.
    pub(super) fn forget_if_over(self: &Rc<Self>, connection: &Rc<Connection>) {
        let state = connection.state.borrow();
        let is_over = match &state.sink {
            Session::WebSocket(socket) => state.wire.is_none() && socket.session.is_over(),
            _ => false,
        };
        drop(state);
        if is_over {
            self.remove(connection);
        }
    }

    /// Gives the connection back to its server.
    pub(super) fn give_back(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut state = connection.state.borrow_mut();
        let wire = state.wire.take();
        let resume_http = state.resume_http.take();
        let unread = std::mem::take(&mut state.unread).freeze();
        drop(state);
        self.remove(connection);
        if let (Some(wire), Some(resume_http)) = (wire, resume_http)
            && let Ok(wire) = wire.detach()
        {
            resume_http.resume_http(wire, unread);
        }
    }

    /// Shuts the connection down, and waits a moment until the client has seen it.
    pub(super) fn shut_down(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut state = connection.state.borrow_mut();
        state.end = Some(End::Lingers);
        state.end_by = Some(clock::now() + LINGER);
        state.timer = None;
        if let Some(wire) = &mut state.wire {
            // Where it does not work at once the end of the connection says the same.
            let _ = connection.with_waker(|cx| Pin::new(wire).poll_shutdown(cx));
        }
        drop(state);
        self.set_timer(connection);
        connection.wake();
    }

    /// Does what is due.
    pub(super) fn elapsed(self: &Rc<Self>, connection: &Rc<Connection>, now: Instant) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        state.timer = None;
        let is_due = state.deadline().is_some_and(|deadline| deadline <= now);
        if !is_due {
            drop(guard);
            self.set_timer(connection);
            return;
        }
        if state.end_by.is_some_and(|end| end <= now) {
            drop(guard);
            self.lost(connection);
            return;
        }
        let mut actions = Vec::new();
        let then = match &mut state.sink {
            Session::Response(response) => {
                response.give_stored();
                Effect::End
            }
            Session::Stream(stream) => {
                let mut write = Vec::new();
                let then = stream.elapsed(now, &mut write);
                for bytes in write {
                    // One that the client has not read yet says as much as another.
                    if state.outbox.is_empty() {
                        state.outbox.push(bytes, 0);
                    }
                }
                then
            }
            Session::WebSocket(socket) => {
                socket.elapsed(now, &mut actions);
                Effect::Converse
            }
        };
        drop(guard);
        self.follow_up(connection, then, actions);
        self.look(connection);
        self.set_timer(connection);
    }

    /// Has nothing more to do with a connection.
    pub(super) fn remove(&self, connection: &Rc<Connection>) {
        if connection.is_gone.replace(true) {
            return;
        }
        let mut state = connection.state.borrow_mut();
        self.unsubscribe_all(connection, &mut state);
        self.unload(&mut state);
        state.wire = None;
        drop(state);
        let mut connections = self.connections.borrow_mut();
        connections.try_remove(connection.key.key as usize);
        drop(connections);
        self.unlist(connection);
        connection.wake();
    }

    /// Nobody is to find a connection any more: its hold has ended, and it is only written what is
    /// left.
    pub(super) fn unlist(&self, connection: &Connection) {
        if self.by_id.borrow_mut().remove(&connection.id).is_none() {
            return;
        }
        let state = connection.state.borrow();
        let kind = state.sink.kind();
        self.shared.metrics.connections.of(kind).sub(1);
        tracing::info!(
            target: "gripware_hub",
            connection = %connection.id,
            path = state.request.uri().path(),
            hold = kind.as_str(),
            duration = ?clock::now().saturating_duration_since(connection.since),
            "end"
        );
    }
}
