//! Requests to the origin on behalf of clients (GRIP 1.8, 2.4).

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::task::spawn_local;

use super::{
    Shard,
    connection::Connection,
    fetch::{MAX_PAGE, jitter},
};
use crate::{
    clock,
    connection_id::Id,
    origin::{Asking, ClientAddr, OriginClient, OriginError},
    session::{Input, OriginFailure, OriginRequest},
    turns::Client,
};

impl Shard {
    /// Asks the origin what a session has to ask, if it has something.
    ///
    /// The next turn of a WebSocket is taken when the task that attends to it looks, and not now: where a
    /// thousand are refreshed at once, each has its turn put together, sent and answered before the next
    /// one has, rather than all of them waiting in memory.
    pub(super) fn ask(self: &Rc<Self>, connection: &Rc<Connection>) {
        if connection.is_gone.get() {
            return;
        }
        self.tell_natively(connection);
        let settings = &self.shared.settings;
        let next = connection.with(|state| {
            if state.session.has_turn() {
                connection.wake();
                return None;
            }
            // What is asked for comes behind the beginning of the answer.
            let has_room = state.arrival.is_none()
                && (state.outbox.is_empty() || state.outbox.bytes() < settings.queue_bytes);
            state.session.next_request(has_room, clock::now())
        });
        match next {
            None => {}
            Some(OriginRequest::Page(request)) => self.fetch(connection, request),
            Some(OriginRequest::Repeat(mut request)) => {
                let origin_client = self.prepare(connection, &mut request);
                let limit = settings.max_held_response;
                let asking = origin_client.ask(request, limit);
                connection.with(|state| state.asking = Some(asking));
                connection.wake();
            }
        }
    }

    /// Gives turns to those of the connections that are WebSockets of this shard.
    pub(super) fn refresh(self: &Rc<Self>, ids: &[Id]) {
        let now = clock::now();
        let mut effects = Vec::new();
        for id in ids {
            let Some(connection) = self.by_id.borrow().get(id).cloned() else {
                continue;
            };
            self.isolate(&connection, || {
                connection.with(|state| state.session.handle(Input::Refresh, now, &mut effects));
                // It is but that the origin is to be asked.
                effects.clear();
                self.ask(&connection);
            });
        }
    }

    /// Attends to the request that is under way, or to the turn that is due.
    pub(super) fn poll_asking(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) {
        if connection.is_gone.get() {
            return;
        }
        let under_way = connection.with(|state| state.asking.take());
        let Some(mut asking) = under_way.or_else(|| self.take_turn(connection)) else {
            return;
        };
        match Pin::new(&mut asking).poll(cx) {
            Poll::Pending => connection.with(|state| state.asking = Some(asking)),
            Poll::Ready(answer) => {
                drop(asking);
                self.answered(connection, answer);
            }
        }
    }

    fn take_turn(&self, connection: &Connection) -> Option<Asking> {
        let mut request = connection.with(|state| state.session.next_turn())?;
        // It is who it was.
        let client = connection.turns_of.get();
        let client =
            client.unwrap_or_else(|| Client::of(request.headers(), connection.peer.is_some()));
        connection.turns_of.set(Some(client));
        let origin_client = self.prepare(connection, &mut request);
        let limit = self.shared.ws_settings.limits.websocket_body;
        Some(origin_client.turn(client, request, limit))
    }

    /// Makes a request one of this client, and returns whom it goes to.
    fn prepare(&self, connection: &Connection, request: &mut Request<Bytes>) -> OriginClient {
        self.shared.metrics.asks.add(1);
        ClientAddr::insert(connection.peer, request.extensions_mut());
        connection.with(|state| state.origin_client.clone())
    }

    fn answered(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        answer: Result<Response<Bytes>, OriginError>,
    ) {
        let answer = answer.map_err(|error| {
            self.shared.metrics.asks_failed.add(1);
            tracing::warn!(target: crate::log::TARGET, connection = %connection.id, "the origin did not answer: {error}");
            match error {
                OriginError::Unreached(_) => OriginFailure::Unreached { jitter: jitter() },
                _ => OriginFailure::Failed,
            }
        });
        let answer = answer.as_ref().map_err(|failure| *failure);
        self.input(connection, Input::Answer(answer));
    }

    /// Tells the origin that a client has gone, whatever it answers.
    pub(super) fn tell(self: &Rc<Self>, connection: &Connection, request: Request<Bytes>) {
        let id = connection.id;
        let origin_client = connection.with(|state| state.origin_client.clone());
        self.shared.metrics.asks.add(1);
        self.telling.set(self.telling.get() + 1);
        let shard = Rc::clone(self);
        spawn_local(async move {
            if let Err(error) = origin_client.ask(request, MAX_PAGE).await {
                tracing::warn!(target: crate::log::TARGET, connection = %id, "the origin was not told that a client has gone: {error}");
            }
            shard.telling.set(shard.telling.get().saturating_sub(1));
            shard.drain_change.notify_waiters();
        });
    }
}
