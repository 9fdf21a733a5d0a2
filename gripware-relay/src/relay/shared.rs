use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};

use crate::{
    Answers, Broker, BrokerError, BrokerErrorKind, NodeId, RelaySettings,
    exchange::{Enough, Exchange},
};

/// What the handles of a relay, its deliveries and its sender have in common.
pub(super) struct Shared {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) exchange: Mutex<Exchange>,
    /// There is something to send, or to send anew.
    pub(super) wake: Notify,
    /// Something was accepted or given up, so that there is room.
    pub(super) freed: Notify,
    /// This node is deaf, and begins to receive anew.
    pub(super) anew: Notify,
    /// The broker was reached again: what it was given before may be gone.
    pub(super) reconnected: Notify,
    pub(super) hears: watch::Sender<bool>,
    pub(super) ended: watch::Sender<bool>,
    pub(super) node: NodeId,
    pub(super) publish_timeout: Duration,
    pub(super) ask_timeout: Duration,
}

impl Shared {
    pub(super) fn new(broker: Arc<dyn Broker>, settings: RelaySettings) -> Self {
        Self {
            broker,
            node: settings.node.clone(),
            publish_timeout: settings.publish_timeout,
            ask_timeout: settings.ask_timeout,
            exchange: Mutex::new(Exchange::new(settings, now())),
            wake: Notify::new(),
            freed: Notify::new(),
            anew: Notify::new(),
            reconnected: Notify::new(),
            hears: watch::Sender::new(false),
            ended: watch::Sender::new(false),
        }
    }

    pub(super) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        // A panic under the lock leaves at worst a number that is missing, which shows as a gap.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to ask every other node; what is to be said where nobody can be asked.
    pub(super) fn begin_to_ask(
        &self,
        question: &Bytes,
        is_enough: Enough,
    ) -> Result<(u64, oneshot::Receiver<()>), Answers> {
        let limit = self.broker.max_message();
        let mut exchange = self.exchange();
        let begun = exchange.ask(question, limit, is_enough, now());
        let asked = begun.ok_or_else(|| Answers {
            asked: exchange.nodes(now()).count(),
            ..Answers::default()
        })?;
        drop(exchange);
        self.wake.notify_one();
        Ok(asked)
    }

    pub(super) async fn freed_when(&self, is_so: impl Fn(&Exchange) -> bool) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Before the look, so that nothing is missed between.
            freed.as_mut().enable();
            if is_so(&self.exchange()) || *self.ended.borrow() {
                return;
            }
            freed.await;
        }
    }

    pub(super) fn tell_hearing(&self) {
        let hears = self.exchange().hears();
        self.hears.send_if_modified(|known| {
            let is_other = *known != hears;
            *known = hears;
            is_other
        });
    }

    pub(super) fn not_accepted(&self, error: BrokerError) {
        let mut exchange = self.exchange();
        if error.kind() == BrokerErrorKind::TooLarge {
            exchange.drop_larger_than(self.broker.max_message());
        }
        exchange.last_error = Some(error);
    }

    pub(super) fn end(&self) {
        let mut exchange = self.exchange();
        exchange.refuse_more();
        exchange.end();
        drop(exchange);
        self.ended.send_replace(true);
        self.hears.send_replace(false);
        self.freed.notify_waiters();
        self.wake.notify_one();
    }
}

/// The time by the clock of the runtime, so that a test that pauses it moves everything.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
