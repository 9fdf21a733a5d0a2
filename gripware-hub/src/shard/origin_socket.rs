//! The socket of an origin that speaks WebSocket itself (GRIP 2.8), beside that of its client: frames go
//! up and down, and what is published comes in between.
//!
//! Backpressure: the origin is read only while nothing waits for the client, and the client only while
//! what waits for the origin has a bound.

use std::{
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf, copy, sink},
    task::spawn_local,
    time::timeout,
};

use super::{
    Shard,
    connection::{Connection, State},
    end::LINGER,
};
use crate::{
    clock,
    handoff::OriginConn,
    socket::Io,
    ws::{FrameDecoder, Sender},
};

/// How much is read from an origin, or written to it, at once; a message that is longer is written
/// whole.
const PIECE: usize = 16 * 1024;

/// The socket of an origin, and what is under way on it.
pub(super) struct OriginSocket {
    io: Box<dyn Io>,
    decoder: FrameDecoder,
    /// What is being written.
    frames: Bytes,
    /// When it is given up, since it takes nothing.
    pub(super) give_up_at: Option<Instant>,
    /// Whether it is not read from, until the client has got what waits.
    is_paused: bool,
}

/// What came of telling an origin.
enum Told {
    /// It has not taken all of it yet.
    Waits,
    All,
    /// That was the last of it: nobody needs its socket any more.
    Last(Box<OriginSocket>),
    /// Its socket is gone.
    Gone,
}

impl OriginSocket {
    pub(super) fn new(conn: OriginConn) -> Self {
        Self {
            io: conn.0,
            decoder: FrameDecoder::of(Sender::Origin),
            frames: Bytes::new(),
            give_up_at: None,
            is_paused: false,
        }
    }

    /// Ready when all is written that is under way.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.frames.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.frames))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.frames.advance(count),
            }
            self.give_up_at = None;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let length = buffer.len().min(PIECE);
        let mut buffer = ReadBuf::new(buffer.get_mut(..length).unwrap_or_default());
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Ends it behind the last frame, and reads until the origin has seen that: closing at once could
    /// lose what it has not read.
    async fn end(mut self: Box<Self>) {
        let ending = async {
            self.io.shutdown().await?;
            copy(&mut self.io, &mut sink()).await
        };
        let _ = timeout(LINGER, ending).await;
    }
}

impl Shard {
    /// Tells an origin that speaks WebSocket what it has not been told yet, as much as it takes. The
    /// rest is told by the task that attends to the connection.
    pub(super) fn tell_natively(self: &Rc<Self>, connection: &Rc<Connection>) {
        let patience = self.shared.settings.origin_timeout;
        let told = connection.with(|state| {
            let told = connection.with_waker(|cx| state.tell(cx, patience));
            if state.may_resume() {
                connection.wake();
            }
            told
        });
        match told {
            Told::Waits | Told::All => {}
            Told::Last(socket) => {
                spawn_local(socket.end());
            }
            Told::Gone => self.origin_ended(connection, None),
        }
    }

    /// Attends to the socket of an origin. Ready where something came, and more may follow.
    pub(super) fn poll_origin(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if connection.with(|state| state.origin.is_none()) {
            return Poll::Pending;
        }
        self.tell_natively(connection);
        let mut effects = Vec::new();
        let mut buffer = self.read_buffer.borrow_mut();
        match connection.with(|state| state.poll_hear(cx, &mut buffer)) {
            Poll::Pending => {
                self.set_timer(connection);
                self.remove_if_over(connection);
                return Poll::Pending;
            }
            Poll::Ready(Ok(count @ 1..)) => connection.with(|state| {
                let heard = buffer.get(..count).unwrap_or_default();
                if let (Some(socket), Some(origin)) =
                    (state.session.websocket_mut(), &mut state.origin)
                {
                    let decoder = &mut origin.decoder;
                    socket
                        .session
                        .heard(decoder, heard, clock::now(), &mut effects);
                }
            }),
            Poll::Ready(Ok(0) | Err(_)) => {
                self.origin_ended(connection, None);
                return Poll::Ready(());
            }
        }
        self.act(connection, effects);
        Poll::Ready(())
    }

    /// The origin's socket is gone, or is given up for a reason.
    pub(super) fn origin_ended(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        why: Option<&'static str>,
    ) {
        let mut effects = Vec::new();
        connection.with(|state| {
            state.origin = None;
            if let Some(socket) = state.session.websocket_mut() {
                let now = clock::now();
                socket.session.origin_ended(why, now, &mut effects);
            }
        });
        connection.ends_because("the application's own WebSocket has ended");
        self.act(connection, effects);
    }
}

impl State {
    fn tell(&mut self, cx: &mut Context<'_>, patience: Duration) -> Told {
        let now = clock::now();
        let Some(socket) = self.session.websocket_mut() else {
            return Told::All;
        };
        if let Some(origin) = &mut self.origin {
            loop {
                match origin.poll_write(cx) {
                    Poll::Ready(Ok(())) => origin.frames = socket.frames_for_origin(PIECE, now),
                    Poll::Ready(Err(_)) => return Told::Gone,
                    Poll::Pending => {
                        origin.give_up_at = origin.give_up_at.or(now.checked_add(patience));
                        return Told::Waits;
                    }
                }
                if origin.frames.is_empty() {
                    break;
                }
            }
            origin.give_up_at = None;
        }
        if !socket.session.leaves_origin() {
            return Told::All;
        }
        socket.session.has_told_all();
        self.origin.take().map_or(Told::All, Told::Last)
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(origin) = &mut self.origin else {
            return Poll::Pending;
        };
        origin.is_paused = !self.outbox.is_empty();
        if origin.is_paused {
            return Poll::Pending;
        }
        origin.poll_read(cx, buffer)
    }

    /// Returns whether the origin was not read from, and is to be now that the client has got all.
    pub(super) fn may_hear(&mut self) -> bool {
        let origin = self.origin.as_mut();
        origin.is_some_and(|origin| std::mem::take(&mut origin.is_paused))
    }
}

impl fmt::Debug for OriginSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginSocket")
            .field("waiting", &self.frames.len())
            .finish_non_exhaustive()
    }
}
