//! Requests to the origin on behalf of clients (GRIP 1.8, 2.4).

use std::rc::Rc;

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
    origin::{ClientAddr, OriginClient, OriginError},
    session::{Input, OriginFailure, OriginRequest},
    turns::Client,
};

impl Shard {
    /// Sends the request to the origin that a session has, if it has one.
    pub(super) fn ask(self: &Rc<Self>, connection: &Rc<Connection>) {
        if connection.is_gone.get() {
            return;
        }
        self.tell_natively(connection);
        let settings = &self.shared.settings;
        let next = connection.with(|state| {
            // What is asked for comes behind the beginning of the answer.
            let has_room = state.arrival.is_none()
                && (state.outbox.is_empty() || state.outbox.bytes() < settings.queue_bytes);
            let request = state.session.next_request(has_room, clock::now())?;
            Some((request, state.origin_client.clone()))
        });
        match next {
            None => {}
            Some((OriginRequest::Page(request), origin_client)) => {
                self.fetch(connection, origin_client, request);
            }
            Some((OriginRequest::Repeat(mut request), origin_client)) => {
                ClientAddr::insert(connection.peer, request.extensions_mut());
                let limit = settings.max_held_response;
                self.ask_alone(connection, origin_client, request, limit);
            }
            Some((OriginRequest::Events(mut request), origin_client)) => {
                let client = Client::of(request.headers(), connection.peer.is_some());
                request.extensions_mut().insert(client);
                ClientAddr::insert(connection.peer, request.extensions_mut());
                let limit = self.shared.ws_settings.limits.websocket_body;
                self.ask_alone(connection, origin_client, request, limit);
            }
        }
    }

    /// Sends a request whose answer is for one connection.
    fn ask_alone(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        origin_client: OriginClient,
        request: Request<Bytes>,
        limit: usize,
    ) {
        self.shared.metrics.asks.add(1);
        let (shard, connection) = (Rc::clone(self), Rc::clone(connection));
        spawn_local(async move {
            let answer = origin_client.ask(request, limit).await;
            shard.isolate(&connection, || shard.answered(&connection, answer));
            // It may be read from again.
            connection.wake();
        });
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
