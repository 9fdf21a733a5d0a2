//! A client leaves the shard.

use std::{
    mem,
    pin::Pin,
    rc::Rc,
    time::{Duration, Instant},
};

use gripware_core::ws::CloseCode;
use tokio::{io::AsyncWrite as _, task::spawn_local};

use super::{
    Shard,
    connection::{Connection, End, State},
};
use crate::{clock, session::Input};

/// How long is waited for a client to see that the connection is shut down. Closing at once could
/// lose what it has not read, where it has sent something that was not read either.
pub(super) const LINGER: Duration = Duration::from_secs(2);

impl Shard {
    /// Ends a hold in the way its kind allows, for a reason of the hub's own.
    pub(super) fn finish(self: &Rc<Self>, connection: &Rc<Connection>) {
        let code = if self.is_draining.get() {
            CloseCode::GOING_AWAY
        } else {
            CloseCode::NORMAL
        };
        connection.ends_because(match self.is_draining.get() {
            true => "the hub ends",
            false => "closed by the control API or the application",
        });
        self.input(connection, Input::Finish(code));
    }

    /// A client has gone.
    pub(super) fn lost(self: &Rc<Self>, connection: &Rc<Connection>) {
        if connection.is_gone.get() {
            return;
        }
        connection.with(|state| {
            state.wire = None;
            state.arrival = None;
            self.unsubscribe_all(connection, state);
            state.outbox.clear();
            self.unload(state);
            // From here on its times are those of what the origin has to be told.
            state.end = Some(End::Lingers);
            state.end_by = None;
        });
        connection.ends_because("the client has gone");
        self.unlist(connection);
        self.input(connection, Input::Gone);
    }

    /// Forgets a connection of which nobody has to be told anything any more.
    pub(super) fn remove_if_over(self: &Rc<Self>, connection: &Rc<Connection>) {
        let is_over = |state: &mut State| state.wire.is_none() && state.arrival.is_none();
        if connection.with(|state| is_over(state) && state.session.is_over()) {
            self.remove(connection);
        }
    }

    /// Gives the connection back to its server.
    pub(super) fn give_back(self: &Rc<Self>, connection: &Rc<Connection>) {
        let (wire, resume_http, unread) = connection.with(|state| {
            let unread = mem::take(&mut state.unread).freeze();
            (state.wire.take(), state.resume_http.take(), unread)
        });
        self.remove(connection);
        if let (Some(wire), Some(resume_http)) = (wire, resume_http)
            && let Ok(wire) = wire.detach()
        {
            resume_http.resume_http(wire, connection.peer, unread);
        }
    }

    /// Shuts the connection down, and waits a moment until the client has seen it.
    pub(super) fn shut_down(self: &Rc<Self>, connection: &Rc<Connection>) {
        connection.with(|state| {
            state.end = Some(End::Lingers);
            state.end_by = Some(clock::now() + LINGER);
            state.timer = None;
            if let Some(wire) = &mut state.wire {
                // Where it does not work at once the end of the connection says the same.
                let _ = connection.with_waker(|cx| Pin::new(wire).poll_shutdown(cx));
            }
        });
        self.set_timer(connection);
        connection.wake();
    }

    /// Does what is due.
    pub(super) fn elapsed(self: &Rc<Self>, connection: &Rc<Connection>, now: Instant) {
        let (is_due, is_late, is_stalled) = connection.with(|state| {
            state.timer = None;
            let is_over = |time: Option<Instant>| time.is_some_and(|time| time <= now);
            let give_up_at = state.origin.as_ref().and_then(|origin| origin.give_up_at);
            (
                is_over(state.deadline()),
                is_over(state.end_by),
                is_over(give_up_at),
            )
        });
        if is_late {
            connection.ends_because("the client takes too long");
            self.lost(connection);
            return;
        }
        if is_stalled {
            self.origin_ended(connection, Some("the origin takes nothing"));
        }
        if is_due {
            self.input(connection, Input::Elapsed);
            self.look(connection);
        }
        self.set_timer(connection);
    }

    /// Has nothing more to do with a connection.
    pub(super) fn remove(&self, connection: &Rc<Connection>) {
        if connection.is_gone.replace(true) {
            return;
        }
        connection.with(|state| {
            self.unsubscribe_all(connection, state);
            self.unload(state);
            state.wire = None;
            state.arrival = None;
            state.origin = None;
            // The application is not interrupted.
            state.asking.take().map(spawn_local);
        });
        let key = connection.key.key as usize;
        self.connections.borrow_mut().try_remove(key);
        self.drain_change.notify_waiters();
        self.unlist(connection);
        connection.wake();
    }

    /// Nobody is to find a connection any more: its hold has ended, and it is only written what is
    /// left.
    pub(super) fn unlist(&self, connection: &Connection) {
        if self.by_id.borrow_mut().remove(&connection.id).is_none() {
            return;
        }
        connection.with(|state| {
            let kind = state.session.kind();
            self.shared.metrics.connections.of(kind).sub(1);
            tracing::debug!(
                target: crate::log::REQUESTS,
                connection = %connection.id,
                path = state.session.client.request.uri().path(),
                hold = kind.as_str(),
                peer = connection.peer.map(tracing::field::display),
                why = connection.why.get(),
                code = connection.close_code.get(),
                duration = ?clock::now().saturating_duration_since(connection.since),
                "end"
            );
        });
    }
}
