use std::{collections::VecDeque, fmt, sync::Arc};

use tokio::{task::AbortHandle, time::sleep};

use super::{
    sending::send,
    shared::{Shared, now},
};
use crate::{Backoff, Delivery, Event, Incoming};

/// What comes from the other nodes and from this one: to be asked again and again for what is
/// [next](Self::next). When it is dropped, the relay ends.
pub struct Deliveries {
    shared: Arc<Shared>,
    incoming: Option<Box<dyn Incoming>>,
    ready: VecDeque<Delivery>,
    sender: Option<AbortHandle>,
    backoff: Backoff,
}

impl Deliveries {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            incoming: None,
            ready: VecDeque::new(),
            sender: None,
            backoff: Backoff::new(),
        }
    }

    /// Waits for what comes next; `None` once the relay is [closed](crate::Relay::close).
    ///
    /// What is not taken from here is not taken from the broker: backpressure. A node that takes
    /// nothing for [`SILENCE`](crate::SILENCE) counts as deaf.
    ///
    /// The first call starts the task that sends, on the runtime that it is called on.
    ///
    /// # Cancel safety
    /// When the future is dropped, a message may be lost. That is noticed, as any other loss.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn next(&mut self) -> Option<Delivery> {
        if self.sender.is_none() {
            let sending = send(Arc::clone(&self.shared));
            self.sender = Some(tokio::spawn(sending).abort_handle());
        }
        let shared = Arc::clone(&self.shared);
        let mut ended = shared.ended.subscribe();
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Some(delivery);
            }
            tokio::select! {
                biased;
                _ = ended.wait_for(|ended| *ended) => return None,
                () = shared.anew.notified() => {
                    tracing::warn!(broker = shared.broker.name(), "deaf: receiving anew");
                    self.incoming = None;
                }
                () = self.receive() => {}
            }
        }
    }

    /// Takes one event of the broker.
    async fn receive(&mut self) {
        let Some(incoming) = &mut self.incoming else {
            match self.shared.broker.receive(&self.shared.node).await {
                Ok(incoming) => self.incoming = Some(incoming),
                Err(error) => {
                    tracing::warn!(%error, "the broker cannot be received from");
                    self.shared.exchange().disconnected(error, now());
                    self.shared.tell_hearing();
                    sleep(self.backoff.next_pause()).await;
                }
            }
            return;
        };
        let event = incoming.next().await;
        match &event {
            Event::Connected { .. } => {
                self.backoff.reset();
                self.shared.reconnected.notify_one();
            }
            // Attempts that fail follow each other; the first of them is worth a warning.
            Event::Disconnected(error) if self.shared.exchange().is_connected() => {
                tracing::warn!(%error, "the broker is out of reach");
            }
            Event::Disconnected(error) => tracing::debug!(%error, "still out of reach"),
            Event::Message(_) | Event::Missed => {}
        }
        let mut exchange = self.shared.exchange();
        let was_in_flight = exchange.is_in_flight();
        let echoed = exchange.echoed();
        exchange.event(event, now(), &mut self.ready);
        let is_accepted = was_in_flight && !exchange.is_in_flight();
        let is_echo = exchange.echoed() > echoed;
        let is_beat_due = exchange.next_beat().is_some_and(|due| due <= now());
        drop(exchange);
        if is_echo {
            self.shared.freed.notify_waiters();
        }
        if is_accepted || is_beat_due {
            self.shared.freed.notify_waiters();
            self.shared.wake.notify_one();
        }
        self.shared.tell_hearing();
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.abort();
        }
        self.shared.end();
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("node", &self.shared.node)
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}
