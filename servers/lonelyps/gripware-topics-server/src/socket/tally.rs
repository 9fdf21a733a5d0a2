//! How many subscribers have confirmed a message.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// The confirmations of one message: whoever waits for them is woken once, when the last has come.
#[derive(Debug)]
pub(super) struct Tally(Arc<Counts>);

/// What is to be confirmed by one connection. Dropped, it will not be.
#[derive(Debug)]
pub(super) struct Receipt(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    subscribers: AtomicU32,
    /// Receipts that are there.
    open: AtomicUsize,
    closed: Notify,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self(Arc::new(Counts {
            subscribers: AtomicU32::new(0),
            open: AtomicUsize::new(0),
            closed: Notify::new(),
        }))
    }

    pub(super) fn receipt(&self) -> Receipt {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Receipt(Arc::clone(&self.0))
    }

    /// Returns for how many subscribers it is confirmed by now.
    pub(super) fn subscribers(&self) -> u32 {
        self.0.subscribers.load(Ordering::Acquire)
    }

    /// Waits until no receipt is left, or for so long. Whether none is. There are no new ones from now
    /// on.
    pub(super) async fn closed(&self, time: Duration) -> bool {
        let closed = async {
            while self.0.open.load(Ordering::Acquire) > 0 {
                // A notice that comes before is kept.
                self.0.closed.notified().await;
            }
        };
        timeout(time, closed).await.is_ok()
    }
}

impl Receipt {
    pub(super) fn confirm(self, subscribers: u32) {
        let add = |sum: u32| Some(sum.saturating_add(subscribers));
        let all = &self.0.subscribers;
        // It always adds.
        let _ = all.fetch_update(Ordering::Release, Ordering::Relaxed, add);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.closed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_the_last_receipt_and_counts_those_that_are_confirmed() {
        let tally = Tally::new();
        assert!(tally.closed(LONG).await, "there is none");
        let [one, two, three] = [(); 3].map(|()| tally.receipt());
        // The last went before, but others have come since.
        drop(tally.receipt());
        let confirming = async {
            one.confirm(2);
            tokio::task::yield_now().await;
            drop(two);
            three.confirm(u32::MAX);
        };
        let (is_closed, ()) = tokio::join!(tally.closed(LONG), confirming);
        assert!(is_closed);
        assert_eq!(tally.subscribers(), u32::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_no_longer_than_it_may() {
        let tally = Tally::new();
        let _kept = tally.receipt();
        tally.receipt().confirm(1);
        assert!(!tally.closed(LONG).await);
        assert_eq!(tally.subscribers(), 1);
    }
}
