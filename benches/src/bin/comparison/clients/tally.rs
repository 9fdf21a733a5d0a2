use std::{
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::timeout};

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How many messages all clients together have received, and when the last of those that are
/// waited for came.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    received: AtomicU64,
    bytes: AtomicU64,
    goal: AtomicU64,
    reached: Mutex<Option<Instant>>,
    /// When the last message came, in nanoseconds since the program began to look.
    last: AtomicU64,
    notify: Notify,
    gone: AtomicUsize,
}

impl Tally {
    pub(crate) fn add(&self, messages: u64, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if messages > 0 {
            let now = BEGIN.elapsed().as_nanos();
            self.last
                .store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
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

    /// When the last message was received by anybody.
    pub(crate) fn last(&self) -> Instant {
        *BEGIN + Duration::from_nanos(self.last.load(Ordering::Relaxed))
    }

    /// How many bytes all clients together have read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
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
