use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use gripware_core::{Channel, Item, WsMessage, item::WsMessageKind};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::PATIENCE;
use crate::{Broker, Deliveries, Delivery, Loss, NodeId, PublishError, Relay, RelaySettings};

/// A node that writes down what comes.
#[derive(Debug)]
pub struct Member {
    /// Its relay.
    pub relay: Relay,
    seen: Arc<Seen>,
    is_taking: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Seen {
    items: Mutex<Vec<(Channel, Item)>>,
    losses: Mutex<Vec<Loss>>,
    changed: Notify,
}

impl Member {
    /// Starts a node with this name, and a short time for publishing.
    #[must_use]
    pub fn start(broker: Arc<dyn Broker>, name: &str) -> Self {
        let settings = RelaySettings::new()
            .node(NodeId::try_from(name).unwrap())
            .publish_timeout(Duration::from_secs(2))
            .ask_timeout(Duration::from_secs(5));
        let (relay, deliveries) = Relay::new(broker, settings);
        let seen = Arc::new(Seen::default());
        let (is_taking, takes) = watch::channel(true);
        tokio::spawn(take(deliveries, Arc::clone(&seen), relay.clone(), takes));
        Self {
            relay,
            seen,
            is_taking,
        }
    }

    /// Starts a node, and waits until it hears.
    pub async fn hearing(broker: Arc<dyn Broker>, name: &str) -> Self {
        let member = Self::start(broker, name);
        member.heard().await;
        member
    }

    /// Waits until it hears.
    pub async fn heard(&self) {
        let heard = timeout(PATIENCE, self.relay.heard()).await;
        assert!(
            heard.is_ok(),
            "{} does not hear: {:?}",
            self.relay.node(),
            self.relay.last_error()
        );
    }

    /// Waits until it is deaf.
    pub async fn deaf(&self) {
        self.until("is deaf", |member| !member.relay.hears()).await;
    }

    /// Waits until it knows so many other nodes.
    pub async fn knows(&self, nodes: usize) {
        self.until("knows the others", |member| {
            member.relay.nodes().len() == nodes
        })
        .await;
    }

    /// Takes nothing from the relay, until it is told otherwise.
    pub fn set_taking(&self, is_taking: bool) {
        self.is_taking.send_replace(is_taking);
    }

    /// Publishes a text to the channel `room`.
    ///
    /// # Errors
    /// As [`Relay::publish`].
    pub async fn publish(&self, text: &str) -> Result<(), PublishError> {
        let item = Item::from(WsMessage::text(text.to_owned()));
        let room = Channel::new("room").unwrap();
        self.relay.publish(&room, &item).await
    }

    /// The items that came.
    #[must_use]
    pub fn items(&self) -> Vec<(Channel, Item)> {
        self.seen.items.lock().unwrap().clone()
    }

    /// The texts that came.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let items = self.seen.items.lock().unwrap();
        let text =
            |(_, item): &(Channel, Item)| match item.parts().unwrap().ws_message.as_ref()?.kind() {
                WsMessageKind::Text(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
                _ => None,
            };
        items.iter().filter_map(text).collect()
    }

    /// How many items came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.items.lock().unwrap().len()
    }

    /// The losses that were told.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.seen.losses.lock().unwrap().clone()
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                let changed = self.seen.changed.notified();
                // Not everything that is waited for is a delivery.
                let _ = timeout(Duration::from_millis(20), changed).await;
            }
        };
        let done = timeout(PATIENCE, waiting).await;
        assert!(
            done.is_ok(),
            "{}: not {what}: {} items, {:?}, {:?}, {:?}",
            self.relay.node(),
            self.count(),
            self.losses(),
            self.relay.counts(),
            self.relay.last_error(),
        );
    }
}

/// Answers a question with the question and the node's name.
async fn take(
    mut deliveries: Deliveries,
    seen: Arc<Seen>,
    relay: Relay,
    mut is_taking: watch::Receiver<bool>,
) {
    while let Some(delivery) = deliveries.next().await {
        match delivery {
            Delivery::Item(item) => match item.into_item() {
                Ok(item) => seen.items.lock().unwrap().push(item),
                Err(_) => relay.refuse(),
            },
            Delivery::Lost(loss) => seen.losses.lock().unwrap().push(loss),
            Delivery::Question(question) => {
                let mut answer = question.body().to_vec();
                answer.extend_from_slice(relay.node().as_str().as_bytes());
                relay.answer(&question, Bytes::from(answer));
            }
        }
        seen.changed.notify_waiters();
        if is_taking.wait_for(|is_taking| *is_taking).await.is_err() {
            return;
        }
    }
}
