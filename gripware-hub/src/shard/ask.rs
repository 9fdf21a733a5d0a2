//! Requests to the origin on behalf of clients (GRIP 1.8, 2.4).

use std::{
    fmt,
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
    origin::{ClientAddr, OriginError},
    session::{Input, OriginFailure, OriginRequest},
    turns::Client,
};

/// A request on behalf of one connection that is under way.
pub(super) struct Asking(Pin<Box<dyn Future<Output = Result<Response<Bytes>, OriginError>>>>);

impl Asking {
    /// Lets it come to its end, although nobody hears the answer.
    pub(super) fn go_on(self) {
        spawn_local(self.0);
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

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
            Some(OriginRequest::Repeat(request)) => {
                let asking = self.send_to_origin(connection, request, settings.max_held_response);
                connection.with(|state| state.asking = Some(asking));
                connection.wake();
            }
        }
    }

    /// Attends to the request that is under way, or to the turn that is due.
    pub(super) fn poll_asking(self: &Rc<Self>, connection: &Rc<Connection>, cx: &mut Context<'_>) {
        let under_way = connection.with(|state| state.asking.take());
        let Some(mut asking) = under_way.or_else(|| self.take_turn(connection)) else {
            return;
        };
        match asking.0.as_mut().poll(cx) {
            Poll::Pending => connection.with(|state| state.asking = Some(asking)),
            Poll::Ready(answer) => {
                drop(asking);
                self.answered(connection, answer);
            }
        }
    }

    fn take_turn(&self, connection: &Connection) -> Option<Asking> {
        let mut request = connection.with(|state| state.session.next_turn())?;
        let client = Client::of(request.headers(), connection.peer.is_some());
        request.extensions_mut().insert(client);
        let limit = self.shared.ws_settings.limits.websocket_body;
        Some(self.send_to_origin(connection, request, limit))
    }

    /// Sends a request whose answer is for one connection.
    fn send_to_origin(
        &self,
        connection: &Connection,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> Asking {
        self.shared.metrics.asks.add(1);
        ClientAddr::insert(connection.peer, request.extensions_mut());
        let origin_client = connection.with(|state| state.origin_client.clone());
        Asking(Box::pin(
            async move { origin_client.ask(request, limit).await },
        ))
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
