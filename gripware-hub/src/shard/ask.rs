//! Asking the origin on behalf of a client.

use std::rc::Rc;

use bytes::Bytes;
use http::{Method, Request, header::HOST};
use tokio::task::spawn_local;

use super::{
    Shard,
    connection::{Connection, Enqueued},
    fetch::jitter,
};
use crate::{
    clock,
    connection_id::Id,
    origin::OriginError,
    session::{
        Session,
        resync::{ResyncState, write_last},
    },
    turns::Client,
    ws::{Action, EventsError, Opcode, encode},
};

impl Shard {
    /// Asks what a hold has missed, where that is wanted and nobody asks yet: a response hold's own
    /// request once more, or a stream's next link.
    pub(super) fn ask(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        if state.end.is_some() || connection.is_gone.get() {
            return;
        }
        let unread = state.outbox.bytes();
        let (resync, mut request) = match &mut state.sink {
            Session::Response(response) => (&mut response.resync, state.request.to_request()),
            Session::Stream(stream) => {
                let resync = &mut stream.resync;
                let Some(next) = &resync.next else {
                    resync.update = ResyncState::No;
                    return;
                };
                if next.not_before.is_some_and(|time| time > clock::now()) {
                    // Asked when the pause is over.
                    return;
                }
                if unread > 0 && unread >= self.shared.settings.queue_bytes {
                    // Asked when the client has read what there is.
                    return;
                }
                let mut request = Request::new(Bytes::new());
                *request.uri_mut() = next.uri.clone();
                if let Some(host) = state.request.headers().remove(HOST) {
                    request.headers_mut().insert(HOST, host);
                }
                (resync, request)
            }
            Session::WebSocket(_) => return,
        };
        if resync.update != ResyncState::Wanted {
            return;
        }
        resync.update = ResyncState::Asked;
        write_last(request.headers_mut(), &state.subscriptions);
        let origin_client = state.origin_client.clone();
        if matches!(state.sink, Session::Stream(_)) {
            drop(guard);
            self.fetch(connection, origin_client, request);
            return;
        }
        drop(guard);
        self.shared.metrics.asks.add(1);
        let limit = self.shared.settings.max_held_response;
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(async move {
            let answer = origin_client.ask(request, limit).await;
            shard.guard(&connection, || shard.repeated(&connection, answer));
        });
    }

    /// Tells the origin what there is to tell over a WebSocket, where nothing is under way.
    pub(super) fn converse(self: &Rc<Self>, connection: &Rc<Connection>) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        let Session::WebSocket(socket) = &mut state.sink else {
            return;
        };
        let Some(events) = socket.session.next_request() else {
            return;
        };
        let mut request = state.request.to_request();
        events.apply(&mut request);
        let client = Client::of(request.headers(), connection.peer.is_some());
        request.extensions_mut().insert(client);
        let origin_client = state.origin_client.clone();
        drop(guard);
        self.shared.metrics.asks.add(1);
        let limit = self.shared.ws_settings.limits.websocket_body;
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(async move {
            let answer = origin_client.ask(request, limit).await.map_err(|error| {
                shard.shared.metrics.asks_failed.add(1);
                let id = connection.id;
                tracing::warn!(target: "gripware_hub", connection = %id, "a turn was not answered: {error}");
                match error {
                    OriginError::Unreached(_) => EventsError::Unreached { jitter: jitter() },
                    _ => EventsError::Failed,
                }
            });
            shard.guard(&connection, || {
                let mut actions = Vec::new();
                if let Session::WebSocket(socket) = &mut connection.state.borrow_mut().sink {
                    let session = &mut socket.session;
                    session.answered(answer, clock::now(), &mut actions);
                }
                shard.act(&connection, actions);
            });
            // It may be read from again.
            connection.wake();
        });
    }

    /// Does what a session wants done, and lets it go on.
    pub(super) fn act(self: &Rc<Self>, connection: &Rc<Connection>, actions: Vec<Action>) {
        let mut guard = connection.state.borrow_mut();
        let (mut is_full, mut ends) = (false, false);
        for action in actions {
            let state = &mut *guard;
            match action {
                Action::Send(bytes) if state.end.is_none() => {
                    match self.post(connection, state, bytes, 1) {
                        Enqueued::ReplayRequest => {}
                        Enqueued::Dropped => self.shared.metrics.dropped.add(1),
                        Enqueued::Cut => is_full = true,
                    }
                }
                Action::Subscribe(channel) => {
                    self.subscribe(connection, state, &channel);
                }
                Action::Unsubscribe(channel) => {
                    let mut all = state.subscriptions.iter();
                    if let Some(index) = all.position(|it| *it.channel == *channel.name()) {
                        self.unsubscribe(connection, state, index);
                    }
                }
                Action::SetMeta { name, value } => state.meta.set(&name, value.as_deref()),
                Action::Close(bytes) => {
                    self.unsubscribe_all(connection, state);
                    state.outbox.push(bytes, 0);
                }
                Action::End => {
                    // It may take a while until what is left is written.
                    self.unsubscribe_all(connection, state);
                    state.end_when_written();
                    ends = true;
                }
                Action::Note(note) => {
                    tracing::warn!(target: "gripware_hub", connection = %connection.id, "{note}");
                }
                Action::Pong(payload) if state.end.is_none() => {
                    if state.outbox.is_empty() {
                        state.outbox.push(encode(Opcode::Pong, &payload), 0);
                    } else if let Session::WebSocket(socket) = &mut state.sink {
                        socket.pong = Some((&*payload).into());
                    }
                }
                Action::Send(_) | Action::Pong(_) => {}
            }
        }
        if guard.may_resume() {
            connection.wake();
        }
        drop(guard);
        if ends {
            self.unlist(connection);
        }
        if is_full {
            self.cut(connection);
            return;
        }
        self.write(connection);
        self.converse(connection);
        self.set_timer(connection);
        self.forget_if_over(connection);
    }

    /// Tells the origin that a client has gone, where it wants to be told (GRIP 1.8).
    pub(super) fn tell_gone(self: &Rc<Self>, id: Id, connection: &Connection) {
        let mut state = connection.state.borrow_mut();
        let gone = match &mut state.sink {
            Session::Response(response) => response.resync.gone.take(),
            Session::Stream(stream) => stream.resync.gone.take(),
            Session::WebSocket(_) => None,
        };
        let Some(gone) = gone else {
            return;
        };
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = *gone;
        if let Some(host) = state.request.headers().remove(HOST) {
            request.headers_mut().insert(HOST, host);
        }
        let origin_client = state.origin_client.clone();
        self.shared.metrics.asks.add(1);
        self.telling.set(self.telling.get() + 1);
        let shard = Rc::clone(self);
        spawn_local(async move {
            if let Err(error) = origin_client.ask(request, super::fetch::MAX_PAGE).await {
                tracing::warn!(target: "gripware_hub", connection = %id, "the origin was not told that a client has gone: {error}");
            }
            shard.telling.set(shard.telling.get().saturating_sub(1));
        });
    }
}
