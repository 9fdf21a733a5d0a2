//! Backpressure for publishers: a bound on the bytes of items that were accepted and not yet handed
//! to their connections.
//!
//! A `tokio::sync::Semaphore` does not fit: whoever cannot wait may use up to twice the limit while
//! others wait for less than the limit to be in use, and a semaphore gives what is free to the waiter
//! in front, so that it would refuse the one who cannot wait.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Bounds the bytes of accepted items that have not been handed to their connections yet.
#[derive(Debug)]
pub(crate) struct Backlog {
    limit: usize,
    used: AtomicUsize,
    freed: Notify,
}

/// An item's share of the backlog, until it is dropped.
#[derive(Debug)]
pub(crate) struct BacklogPermit {
    backlog: Arc<Backlog>,
    cost: usize,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Returns the number of bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    pub(crate) fn is_free(&self) -> bool {
        self.used() < self.limit
    }

    /// Waits until less than the limit is in use. All who wait go on at once, so that the limit may
    /// be passed by an item of each.
    pub(crate) async fn free(&self) {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Enabled before the check, so that no notification between the two is missed.
            freed.as_mut().enable();
            if self.is_free() {
                return;
            }
            freed.await;
        }
    }

    /// Reserves `cost` bytes without waiting. Returns `None` if twice the limit is in use, which
    /// bounds what comes from those who cannot wait.
    pub(crate) fn take(self: &Arc<Self>, cost: usize) -> Option<BacklogPermit> {
        if self.used() >= self.limit.saturating_mul(2) {
            return None;
        }
        self.used.fetch_add(cost, Ordering::AcqRel);
        Some(BacklogPermit {
            backlog: Arc::clone(self),
            cost,
        })
    }
}

impl Drop for BacklogPermit {
    fn drop(&mut self) {
        let Backlog { limit, used, freed } = &*self.backlog;
        let before = used.fetch_sub(self.cost, Ordering::AcqRel);
        if before >= *limit && before - self.cost < *limit {
            freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_goes_on_when_room_is_given_back() {
        let backlog = Arc::new(Backlog::new(10));
        let (one, other) = (backlog.take(6), backlog.take(6));
        assert!(!backlog.is_free());
        assert!(
            timeout(Duration::from_secs(1), backlog.free())
                .await
                .is_err()
        );
        let waiting = tokio::spawn({
            let backlog = Arc::clone(&backlog);
            async move { backlog.free().await }
        });
        tokio::task::yield_now().await;
        drop(one);
        waiting.await.unwrap();
        drop(other);
        assert_eq!(backlog.used(), 0);
    }

    #[test]
    fn without_waiting_no_more_than_twice_the_room_is_taken() {
        let backlog = Arc::new(Backlog::new(10));
        let taken: Vec<_> = std::iter::from_fn(|| backlog.take(5)).collect();
        assert_eq!(taken.len(), 4);
    }
}
