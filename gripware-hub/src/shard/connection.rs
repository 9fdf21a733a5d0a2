//! What a shard has of a client that is held: its session, its socket, and what waits for it.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

use super::{
    origin_socket::OriginSocket, outbox::Outbox, pressure::Pressure, timers::ConnectionKey,
};
use crate::{
    clock,
    connection_id::Id,
    handoff::{ClientConn, ResumeHttp},
    inspect::ConnectionInfo,
    origin::{Asking, OriginClient},
    page::Seniority,
    session::Session,
    settings::Settings,
    socket::Socket,
    turns::Client,
};

/// How long a client may take to read what is left when its connection ends.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that is held.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) key: ConnectionKey,
    pub(super) id: Id,
    pub(super) peer: Option<SocketAddr>,
    pub(super) since: Instant,
    /// Whom its turns count for, once it has had one.
    pub(super) turns_of: Cell<Option<Client>>,
    /// Why its hold ends, where that is known before it does.
    pub(super) why: Cell<Option<&'static str>>,
    /// The code that a WebSocket is closed with.
    pub(super) close_code: Cell<Option<u16>>,
    /// The shard has no more to do with it.
    pub(super) is_gone: Cell<bool>,
    /// Whether it is in the shard's list of those with something to write.
    pub(super) is_listed: Cell<bool>,
    /// Whether the task that attends to it runs at the moment.
    pub(super) is_driven: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    state: RefCell<State>,
}

/// What changes about a client that is held.
#[derive(Debug)]
pub(super) struct State {
    pub(super) session: Session,
    /// `None` if another task writes the answer, or its beginning, or the client has gone.
    pub(super) wire: Option<Socket>,
    /// Where the wire comes from, if the beginning of the answer is still on its way by another task.
    pub(super) arrival: Option<oneshot::Receiver<ClientConn>>,
    pub(super) outbox: Outbox,
    pub(super) origin_client: OriginClient,
    /// What the origin is asked at the moment.
    pub(super) asking: Option<Asking>,
    /// Of an origin that speaks WebSocket itself, until it is left.
    pub(super) origin: Option<Box<OriginSocket>>,
    pub(super) resume_http: Option<Arc<dyn ResumeHttp>>,
    /// What the client has sent ahead of the end of a hold.
    pub(super) unread: BytesMut,
    pub(super) end: Option<End>,
    /// When it is cut off, whatever is left.
    pub(super) end_by: Option<Instant>,
    /// The earliest timer that is set.
    pub(super) timer: Option<Instant>,
    pub(super) pressure: Pressure,
    /// Whether messages have been dropped since the client had read all.
    pub(super) has_dropped: bool,
}

/// How a connection ends when all is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server gets it back for the next request.
    GiveBack,
    /// It is shut down, and what the client still sends is read until it has seen that.
    Close,
    /// It is shut down already.
    Lingers,
}

impl Connection {
    pub(super) fn new(
        key: ConnectionKey,
        id: Id,
        peer: Option<SocketAddr>,
        since: Instant,
        state: State,
    ) -> Self {
        Self {
            key,
            id,
            peer,
            since,
            turns_of: Cell::new(None),
            why: Cell::new(None),
            close_code: Cell::new(None),
            is_gone: Cell::new(false),
            is_listed: Cell::new(false),
            is_driven: Cell::new(false),
            waker: RefCell::new(None),
            state: RefCell::new(state),
        }
    }

    /// Notes why its hold ends. The first reason counts.
    pub(super) fn ends_because(&self, why: &'static str) {
        self.why.set(self.why.get().or(Some(why)));
    }

    /// Remembers the task that attends to it.
    pub(super) fn driven_by(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Lets the task that attends to it look again.
    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Polls something on behalf of the task that attends to it, which is told when to go on.
    pub(super) fn with_waker<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let waker = self.waker.borrow();
        // It looks for itself when it is polled first.
        let waker = waker.as_ref().unwrap_or(Waker::noop());
        poll(&mut Context::from_waker(waker))
    }

    /// Works on what changes about it. Nothing that is done there comes back to the connection: what
    /// follows is done afterwards.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.borrow_mut())
    }

    /// Its place among the clients of the hub.
    pub(super) fn seniority(&self) -> Seniority {
        Seniority {
            since: self.since,
            id: self.id,
        }
    }

    pub(super) fn info(&self) -> ConnectionInfo {
        self.with(|state| ConnectionInfo {
            id: self.id.to_string(),
            kind: state.session.kind(),
            channels: state
                .session
                .client
                .subscriptions
                .iter()
                .map(|it| it.channel.to_string())
                .collect(),
            age: clock::now().saturating_duration_since(self.since),
            peer: self.peer,
            queued: state.outbox.bytes(),
            node: None,
        })
    }
}

impl State {
    /// Whether the outbox has no room for something. An empty one has it for anything.
    pub(super) fn is_full(&self, bytes: usize, messages: u32, settings: &Settings) -> bool {
        !self.outbox.is_empty()
            && (self.outbox.bytes() + bytes > settings.queue_bytes
                || self.outbox.messages() + messages as usize > settings.queue_messages)
    }

    /// Ends the connection when all is written.
    pub(super) fn end_when_written(&mut self) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(if self.resume_http.is_some() {
            End::GiveBack
        } else {
            End::Close
        });
        if self.arrival.is_none() {
            self.end_by = Some(clock::now() + END_TIMEOUT);
        }
        self.timer = None;
    }

    /// Takes the wire. Returns what the client has sent already.
    pub(super) fn arrives(&mut self, conn: ClientConn) -> io::Result<Bytes> {
        self.arrival = None;
        self.wire = Some(Socket::attach(conn.socket)?);
        if self.end.is_some() {
            self.end_by = Some(clock::now() + END_TIMEOUT);
            self.timer = None;
        } else {
            self.resume_http = conn.resume_http;
        }
        Ok(conn.unread)
    }

    /// Returns when something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let origin = self.origin.as_ref().and_then(|origin| origin.give_up_at);
        let deadline = || self.session.deadline().into_iter().chain(origin).min();
        self.end_by.or_else(deadline)
    }
}

/// What became of a message for the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enqueued {
    Queued,
    Dropped,
    /// The queue is full, and the client is to be cut off.
    Overflow,
}
