//! Where a client that is to be held waits until its HTTP/1.x connection has left hyper.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use super::{consent::Opened, passage::Passage, progress::Progress};
use crate::handoff::{Awaited, ClientConn, HeldClient, Holder};

/// A client whose connection is to leave hyper for a hold.
#[derive(Debug)]
pub(super) struct Handoff {
    pub(super) client: Whom,
    /// Whether the connection may be used again after the hold.
    pub(super) keep_alive: bool,
    /// Of a WebSocket, which the origin knows of already.
    pub(super) opened: Option<Opened>,
}

/// Who is to have the connection.
#[derive(Debug)]
pub(super) enum Whom {
    /// A client that is held as soon as its connection has left hyper.
    Client(Box<HeldClient>),
    /// One that is held already.
    Awaited(Awaited),
}

impl Handoff {
    /// Hands over the connection that has left hyper. A handoff that is dropped instead is a client
    /// that has gone.
    pub(super) fn hand_over(self, conn: ClientConn, holder: &dyn Holder) {
        if let Some(opened) = self.opened {
            opened.disarm();
        }
        match self.client {
            Whom::Client(client) => holder.hold(HeldClient {
                conn: Some(conn),
                ..*client
            }),
            Whom::Awaited(awaited) => awaited.arrive(conn),
        }
    }

    /// Holds the client before its connection has left hyper.
    pub(super) async fn hold_ahead(self, holder: &dyn Holder) -> Option<Awaited> {
        match self.client {
            Whom::Client(client) => {
                if let Some(opened) = self.opened {
                    opened.disarm();
                }
                client.hold_ahead(holder).await
            }
            Whom::Awaited(awaited) => Some(awaited),
        }
    }

    /// Ready where the hold has been cut off before the connection came.
    pub(super) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.client {
            Whom::Client(_) => Poll::Pending,
            Whom::Awaited(awaited) => awaited.poll_cut(cx),
        }
    }
}

/// A connection that leaves hyper.
#[derive(Debug)]
pub(super) enum Leaving {
    Held(Box<Handoff>),
    Passed(Box<Passage>),
}

impl From<Box<Handoff>> for Leaving {
    fn from(handoff: Box<Handoff>) -> Self {
        Self::Held(handoff)
    }
}

/// Where the service of a connection leaves a handoff for the task that polls the connection.
///
/// A handoff is taken only when everything hyper has written is with the socket: an interim response,
/// or the end of an earlier response where requests were pipelined. hyper flushes its IO only when
/// its own buffer is empty, and after everything that it writes, so the last thing it did tells.
///
/// It is also where the connection's IO leaves how the client takes what is written.
pub(super) struct HandoffSlot {
    leaving: Mutex<Option<Leaving>>,
    flushed: AtomicBool,
    /// Whether the latest request has a body.
    has_body: AtomicBool,
    progress: Mutex<Progress>,
}

impl HandoffSlot {
    /// `limit` is how long the client may stall.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            leaving: Mutex::default(),
            flushed: AtomicBool::new(false),
            has_body: AtomicBool::new(false),
            progress: Mutex::new(Progress::new(limit)),
        }
    }

    pub(super) fn put(&self, leaving: impl Into<Leaving>) {
        *self.lock() = Some(leaving.into());
    }

    pub(super) fn take(&self) -> Option<Leaving> {
        self.lock().take()
    }

    /// To be called before hyper is polled, so that only a flush in that very poll counts.
    pub(super) fn set_flushed(&self, flushed: bool) {
        // Both sides run in one task.
        self.flushed.store(flushed, Ordering::Relaxed);
    }

    /// Notes a request.
    pub(super) fn begins(&self, has_body: bool, is_two_way: bool) {
        self.progress().begins(is_two_way);
        self.has_body.store(has_body, Ordering::Relaxed);
    }

    /// Notes that the answer goes on without an end, as that of a client that is held or that follows
    /// server-sent events: one that sends no more has left.
    pub(super) fn is_followed(&self) {
        self.progress().begins(true);
    }

    /// Whether the client may still send the body of its latest request.
    pub(super) fn may_have_unread(&self) -> bool {
        self.has_body.load(Ordering::Relaxed)
    }

    /// Returns `true` if the connection can leave hyper now.
    pub(super) fn is_ready(&self) -> bool {
        self.flushed.load(Ordering::Relaxed) && self.lock().is_some()
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Leaving>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
