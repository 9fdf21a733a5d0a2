mod deliveries;
mod sending;
mod shared;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use gripware_core::{Channel, Item};
use tokio::{sync::oneshot, time::timeout};

pub use self::deliveries::Deliveries;
use self::shared::{Shared, now};
use crate::{
    Answers, Broker, BrokerError, Counts, NodeId, PublishError, Question, RelaySettings,
    exchange::Exchange, outbox::Outcome, settings::ECHO,
};

/// Passes items to the other nodes of a cluster, and to this one. Clones are handles to the same.
///
/// See the [crate](crate) for an example.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
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
        let shared = Arc::new(Shared::new(broker, settings));
        let deliveries = Deliveries::new(Arc::clone(&shared));
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
        self.submit(channel, item).await?.wait().await
    }

    /// Takes an item to be sent as soon as there is room for it. Several items that are submitted
    /// before the first of them is awaited travel together.
    ///
    /// # Errors
    /// Where it can never be sent, or the relay is closed.
    ///
    /// # Cancel safety
    /// When the future is dropped, the item is sent, or it is not.
    pub async fn submit(&self, channel: &Channel, item: &Item) -> Result<Receipt, PublishError> {
        loop {
            self.room().await;
            match self.enqueue(channel, item) {
                Err(PublishError::Full { .. }) => {}
                taken => return taken,
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
