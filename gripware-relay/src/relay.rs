use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{Channel, Item};
use tokio::{
    sync::{Notify, oneshot, watch},
    task::AbortHandle,
    time::{sleep, sleep_until, timeout},
};

use crate::{
    Answers, Backoff, Broker, BrokerError, BrokerErrorKind, Counts, Delivery, Event, Incoming,
    NodeId, PublishError, Question, RelaySettings, Sent,
    exchange::{Batch, Enough, Exchange},
    hearing::Change,
    outbox::Outcome,
    settings::{ECHO, SEND, TICK},
};

/// Passes items to the other nodes of a cluster, and to this one. Clones are handles to the same.
///
/// See the [crate](crate) for an example.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
}

/// What comes from the other nodes and from this one: to be asked again and again for what is
/// [next](Self::next). When it is dropped, the relay ends.
pub struct Deliveries {
    shared: Arc<Shared>,
    incoming: Option<Box<dyn Incoming>>,
    ready: VecDeque<Delivery>,
    sender: Option<AbortHandle>,
    backoff: Backoff,
}

struct Shared {
    broker: Arc<dyn Broker>,
    exchange: Mutex<Exchange>,
    /// There is something to send, or to send anew.
    wake: Notify,
    /// Something was accepted or given up, so that there is room.
    freed: Notify,
    /// This node is deaf, and begins to receive anew.
    anew: Notify,
    /// The broker was reached again: what it was given before may be gone.
    reconnected: Notify,
    hears: watch::Sender<bool>,
    ended: watch::Sender<bool>,
    node: NodeId,
    publish_timeout: Duration,
    ask_timeout: Duration,
}

/// What became of an item is told by this, once it is awaited.
#[derive(Debug)]
#[must_use]
pub struct Receipt {
    outcome: oneshot::Receiver<Outcome>,
}

impl Receipt {
    /// Waits until the broker has accepted the item.
    ///
    /// # Errors
    /// Where it has not in time.
    ///
    /// # Cancel safety
    /// The item is sent whether anybody waits or not.
    pub async fn wait(self) -> Outcome {
        // Dropped with the relay.
        self.outcome.await.unwrap_or(Err(PublishError::Unknown))
    }
}

impl Relay {
    /// Returns a relay over a broker, and what comes out of it. Nothing happens before
    /// [`Deliveries::next`] is called.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, settings: RelaySettings) -> (Self, Deliveries) {
        let shared = Arc::new(Shared {
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
        });
        let deliveries = Deliveries {
            shared: Arc::clone(&shared),
            incoming: None,
            ready: VecDeque::new(),
            sender: None,
            backoff: Backoff::new(),
        };
        (Self { shared }, deliveries)
    }

    /// Returns what this node is called.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.shared.node
    }

    /// Publishes an item, and returns when the broker has accepted it: every node that is connected
    /// gets it, this one too.
    ///
    /// Waits for room where too many items wait to be accepted.
    ///
    /// # Errors
    /// Where it was not accepted within [`RelaySettings::publish_timeout`], it is not known whether
    /// it will be delivered, or known that it will not; see [`PublishError`].
    ///
    /// # Cancel safety
    /// When the future is dropped, the item is sent, or it is not.
    pub async fn publish(&self, channel: &Channel, item: &Item) -> Outcome {
        loop {
            self.room().await;
            match self.enqueue(channel, item) {
                Err(PublishError::Full { .. }) => {}
                Err(error) => return Err(error),
                Ok(receipt) => return receipt.wait().await,
            }
        }
    }

    /// Takes an item to be sent, without waiting for anything.
    ///
    /// # Errors
    /// Where there is no room for it, or it can never be sent.
    pub fn enqueue(&self, channel: &Channel, item: &Item) -> Result<Receipt, PublishError> {
        let parts = item.parts()?;
        let mut json = Vec::new();
        item.encode_json(channel.name(), "", &mut json)?;
        let limit = self.shared.broker.max_message();
        let mut exchange = self.shared.exchange();
        let outcome = exchange.publish(channel, parts, json.into(), limit, now())?;
        drop(exchange);
        self.shared.wake.notify_one();
        Ok(Receipt { outcome })
    }

    /// Whether there is room for one more item.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shared.exchange().has_room()
    }

    /// Waits until there is room for one more item.
    pub async fn room(&self) {
        self.shared.freed_when(Exchange::has_room).await;
    }

    /// Whether this node hears the others: its own beats come back. A node that does not is not
    /// ready for clients.
    #[must_use]
    pub fn hears(&self) -> bool {
        *self.shared.hears.borrow()
    }

    /// Waits until this node [hears](Self::hears) the others.
    pub async fn heard(&self) {
        let mut hears = self.shared.hears.subscribe();
        // It ends with the relay, which nobody hears any more.
        let _ = hears.wait_for(|hears| *hears).await;
    }

    /// Returns the last error of the broker, if any; [`hears`](Self::hears) says whether it is over.
    #[must_use]
    pub fn last_error(&self) -> Option<BrokerError> {
        self.shared.exchange().last_error.clone()
    }

    /// Returns the other nodes that live: those that were heard within [`GONE_AFTER`](crate::GONE_AFTER).
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.shared.exchange().nodes(now()).cloned().collect()
    }

    /// Asks every other node that lives, and waits for their answers, at most for
    /// [`RelaySettings::ask_timeout`]. Returns those that came, and how many nodes were asked. A
    /// question larger than [`max_message`](Self::max_message) allows has no answers.
    ///
    /// # Cancel safety
    /// When the future is dropped, the question is forgotten, and others may answer in vain.
    pub async fn ask(&self, question: Bytes) -> Answers {
        self.ask_until(question, |_| false).await
    }

    /// Asks as [`ask`](Self::ask) does, and returns as soon as there is an answer of which
    /// `is_enough` says so: for what is at one node, and it is not known at which.
    ///
    /// # Cancel safety
    /// As for [`ask`](Self::ask).
    pub async fn ask_until<F>(&self, question: Bytes, is_enough: F) -> Answers
    where
        F: Fn(&[u8]) -> bool + Send + 'static,
    {
        let asked = self.shared.begin_to_ask(&question, Box::new(is_enough));
        let (number, done) = match asked {
            Ok(asked) => asked,
            Err(nobody) => return nobody,
        };
        let asked = AskedGuard {
            shared: &self.shared,
            number,
        };
        let _ = timeout(self.shared.ask_timeout, done).await;
        asked.take()
    }

    /// Returns the largest message that the broker takes, in bytes. What a node puts around a
    /// question or an answer is less than [`MAX_HEAD`](crate::MAX_HEAD).
    #[must_use]
    pub fn max_message(&self) -> usize {
        self.shared.broker.max_message()
    }

    /// Answers a question of another node. An answer larger than
    /// [`max_message`](Self::max_message) allows is not sent.
    pub fn answer(&self, question: &Question, answer: Bytes) {
        let limit = self.shared.broker.max_message();
        self.shared.exchange().answer(question, answer, limit);
        self.shared.wake.notify_one();
    }

    /// Counts an item that came and could not be decoded.
    pub fn refuse(&self) {
        self.shared.exchange().refuse();
    }

    /// Returns what has been counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.exchange().counts(now())
    }

    /// Waits until everything that this node has published so far came back to it, or was given up:
    /// [`Deliveries::next`] has returned it, or returns it next.
    ///
    /// As long as the broker is out of reach that does not happen, so it is for whoever asks to
    /// limit the time.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn caught_up(&self) {
        self.shared.freed_when(Exchange::is_caught_up).await;
    }

    /// Takes no more items, waits until those that it has were accepted or given up, tells the
    /// other nodes that this one ends, and ends.
    pub async fn close(&self) {
        let shared = &self.shared;
        shared.exchange().refuse_more();
        let _ = timeout(
            shared.publish_timeout,
            shared.freed_when(Exchange::is_drained),
        )
        .await;
        shared.exchange().say_bye();
        shared.wake.notify_one();
        let _ = timeout(ECHO, shared.freed_when(Exchange::is_drained)).await;
        shared.end();
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("node", &self.shared.node)
            .field("broker", &self.shared.broker.name())
            .finish_non_exhaustive()
    }
}

/// Forgets a question when whoever asked is gone.
struct AskedGuard<'a> {
    shared: &'a Shared,
    number: u64,
}

impl AskedGuard<'_> {
    fn take(self) -> Answers {
        self.shared.exchange().answers(self.number)
    }
}

impl Drop for AskedGuard<'_> {
    fn drop(&mut self) {
        self.shared.exchange().answers(self.number);
    }
}

impl Deliveries {
    /// Waits for what comes next; `None` once the relay is [closed](Relay::close).
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

impl Shared {
    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        // A panic under the lock leaves at worst a number that is missing, which shows as a gap.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to ask every other node; what is to be said where nobody can be asked.
    fn begin_to_ask(
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

    async fn freed_when(&self, is_so: impl Fn(&Exchange) -> bool) {
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

    fn tell_hearing(&self) {
        let hears = self.exchange().hears();
        self.hears.send_if_modified(|known| {
            let is_other = *known != hears;
            *known = hears;
            is_other
        });
    }

    fn not_accepted(&self, error: BrokerError) {
        let mut exchange = self.exchange();
        if error.kind() == BrokerErrorKind::TooLarge {
            exchange.drop_larger_than(self.broker.max_message());
        }
        exchange.last_error = Some(error);
    }

    fn end(&self) {
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

/// Sends until the relay ends, and looks at deadlines meanwhile.
async fn send(shared: Arc<Shared>) {
    let mut ended = shared.ended.subscribe();
    let ticking = async {
        loop {
            sleep(TICK).await;
            let change = shared.exchange().tick(now());
            shared.freed.notify_waiters();
            match change {
                Change::None => {}
                Change::BecameDeaf => {
                    tracing::warn!(
                        broker = shared.broker.name(),
                        "this node does not hear its own beats: it is deaf"
                    );
                    shared.tell_hearing();
                }
                Change::StartAnew => shared.anew.notify_one(),
            }
        }
    };
    tokio::select! {
        _ = ended.wait_for(|ended| *ended) => {}
        () = ticking => {}
        () = send_batches(&shared) => {}
    }
}

/// Sends batch after batch: the next one leaves when this one is accepted.
async fn send_batches(shared: &Shared) {
    let mut backoff = Backoff::new();
    loop {
        let Batch { messages, last } = shared.exchange().batch(now());
        if messages.is_empty() {
            let beat = shared.exchange().next_beat();
            tokio::select! {
                () = shared.wake.notified() => {}
                () = at(beat) => {}
            }
            continue;
        }
        let sent = timeout(SEND, shared.broker.send(messages)).await;
        let sent = sent.unwrap_or_else(|_| {
            let name = shared.broker.name();
            let kind = BrokerErrorKind::TimedOut;
            Err(BrokerError::new(kind, name, "a batch was not taken"))
        });
        shared.exchange().sent();
        match sent {
            Ok(Sent::Accepted) => {
                shared.exchange().accepted(last);
                backoff.reset();
            }
            Ok(Sent::Unconfirmed) => {
                let echoed = shared.freed_when(|exchange| !exchange.is_in_flight());
                tokio::select! {
                    echo = timeout(ECHO, echoed) => if echo.is_ok() { backoff.reset() },
                    () = shared.reconnected.notified() => {}
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a batch was not accepted, and is sent again");
                shared.not_accepted(error);
                tokio::select! {
                    () = sleep(backoff.next_pause()) => {}
                    () = shared.reconnected.notified() => {}
                }
            }
        }
        shared.freed.notify_waiters();
    }
}

/// Waits for a time; for ever where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// The time by the clock of the runtime, so that a test that pauses it moves everything.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
