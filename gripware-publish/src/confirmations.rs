//! Confirmations of items that nobody waits for, until somebody flushes.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use tokio::sync::Mutex as AsyncMutex;

use crate::{Confirmation, SinkError};

/// Confirmations in the order of their items. How many are not ready is bounded by their sink.
#[derive(Default)]
pub(crate) struct Confirmations {
    pending: Mutex<VecDeque<Confirmation>>,
    /// Held by whoever waits: a future keeps the waker of its last poll only.
    waiting: AsyncMutex<()>,
}

impl Confirmations {
    /// Adds one, and takes out those that are ready.
    pub(crate) fn push(&self, confirmation: Confirmation, mut fail: impl FnMut(&SinkError)) {
        self.pending().push_back(confirmation);
        let Ok(_waiting) = self.waiting.try_lock() else {
            // Whoever waits takes them out.
            return;
        };
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(outcome)) = self.poll_first(&mut cx) {
            let _ = outcome.inspect_err(&mut fail);
        }
    }

    /// Waits for all that have been added before.
    pub(crate) async fn settle(&self, mut fail: impl FnMut(&SinkError)) {
        let _waiting = self.waiting.lock().await;
        let count = self.pending().len();
        for _ in 0..count {
            if let Some(outcome) = poll_fn(|cx| self.poll_first(cx)).await {
                let _ = outcome.inspect_err(&mut fail);
            }
        }
    }

    /// Takes out the first if it is ready. No lock is held while its error is told.
    fn poll_first(&self, cx: &mut Context<'_>) -> Poll<Option<Result<(), SinkError>>> {
        let mut pending = self.pending();
        let Some(first) = pending.front_mut() else {
            return Poll::Ready(None);
        };
        let outcome = ready!(first.as_mut().poll(cx));
        pending.pop_front();
        Poll::Ready(Some(outcome))
    }

    fn pending(&self) -> MutexGuard<'_, VecDeque<Confirmation>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirmations")
            .field("pending", &self.pending().len())
            .finish_non_exhaustive()
    }
}
