//! The end of deliveries, before that of the process: what is not confirmed by then is noted as missed.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gripware_core::ErrorChain;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::Deliverer;
use crate::{Broadcaster, broadcaster::blocking, clock::now};

/// What is under way, and whether it is cut short.
#[derive(Debug, Default)]
pub(super) struct Ending {
    is_cut: watch::Sender<bool>,
    count: AtomicUsize,
    idle: Notify,
}

/// A message that is delivered, or subscribers that are told, until the last clone is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Deliverer>);

impl Clone for UnderWay {
    fn clone(&self) -> Self {
        self.0.enter()
    }
}

impl Deliverer {
    pub(super) fn enter(self: &Arc<Self>) -> UnderWay {
        self.ending.count.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(self))
    }
}

impl Ending {
    /// Waits until what is under way is cut short.
    pub(super) async fn cut(&self) {
        // The sender is here: it is not closed.
        let _ = self.is_cut.subscribe().wait_for(|is_cut| *is_cut).await;
    }

    pub(super) fn is_cut(&self) -> bool {
        *self.is_cut.borrow()
    }

    /// Waits until nothing is under way.
    async fn idle(&self) {
        loop {
            let mut idle = pin!(self.idle.notified());
            // From here on it is noticed.
            idle.as_mut().enable();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Ending { count, idle, .. } = &self.0.ending;
        if count.fetch_sub(1, Ordering::SeqCst) == 1 {
            idle.notify_waiters();
        }
    }
}

impl Deliverer {
    pub(crate) async fn finish(&self, grace: Duration) {
        // Where it is over before, all the better.
        let _ = timeout(grace, self.ending.idle()).await;
        self.ending.is_cut.send_replace(true);
        self.ending.idle().await;
        let now = now();
        let written = blocking(&self.store, move |store| store.finish(now));
        if let Err(error) = written.await {
            let error = ErrorChain(&error);
            tracing::warn!(%error, "that subscribers were reached is not kept");
        }
    }
}

impl Broadcaster {
    /// Ends deliveries before the process ends: those under way, and those that wait, have so much time
    /// to be confirmed. What is not confirmed then is noted as missed, and subscribers are told when a
    /// broadcaster with the same store runs. Who was reached is written too, by
    /// [`Store::finish`](crate::Store::finish). Returns when all is noted, which takes as long as the
    /// store does; the caller bounds it.
    ///
    /// Messages that come later are not delivered: whom they are for has missed them. What waits for a
    /// WebSocket ends with its connection.
    ///
    /// # Cancel safety
    /// Cancel safe: a delivery that was cut short is noted all the same, as long as the runtime runs.
    pub async fn finish(&self, grace: Duration) {
        self.0.deliverer.finish(grace).await;
    }
}
