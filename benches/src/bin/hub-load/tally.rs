use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::timeout};

/// How many messages all clients together have received, and when the last of those that are
/// waited for came.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    received: AtomicU64,
    goal: AtomicU64,
    reached: Mutex<Option<Instant>>,
    notify: Notify,
    gone: AtomicUsize,
}

impl Tally {
    pub(crate) fn add(&self, messages: u64) {
        let received = self.received.fetch_add(messages, Ordering::SeqCst) + messages;
        let goal = self.goal.load(Ordering::SeqCst);
        if goal != 0 && received >= goal && self.goal.swap(0, Ordering::SeqCst) != 0 {
            if let Ok(mut reached) = self.reached.lock() {
                *reached = Some(Instant::now());
            }
            self.notify.notify_one();
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    /// Counts a connection that ended without being asked to.
    pub(crate) fn gone(&self) {
        self.gone.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections have ended without being asked to.
    pub(crate) fn are_gone(&self) -> usize {
        self.gone.load(Ordering::Relaxed)
    }

    /// Before they are published: when as many messages as this have been received in all, it is
    /// to be remembered.
    pub(crate) fn expect(&self, total: u64) {
        self.goal.store(total, Ordering::SeqCst);
    }

    /// When what was expected had come. `None` where it has not come within `patience`.
    pub(crate) async fn reached(&self, patience: Duration) -> Option<Instant> {
        let wait = async {
            loop {
                if let Some(reached) = self.reached.lock().ok()?.take() {
                    return Some(reached);
                }
                self.notify.notified().await;
            }
        };
        let reached = timeout(patience, wait).await.ok().flatten();
        self.goal.store(0, Ordering::SeqCst);
        reached
    }
}
