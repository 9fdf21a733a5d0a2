//! This node's part in a cluster: what is published here goes to a broker, and what comes from the
//! broker, from here and from elsewhere, goes to the clients that are held here.
//!
//! It has a thread of its own, so that neither a handler that blocks nor a busy shard makes this node
//! deaf to the others.

mod choice;
mod pump;

use std::{io, sync::Arc, thread};

use gripware_core::{Channel, Item};
use gripware_relay::{Broker, PublishError, Receipt, Relay, RelaySettings};
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
};

pub(crate) use self::choice::Choice;
use crate::node::Node;

/// This node's part in a cluster. The thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Member {
    relay: Relay,
    /// Each is answered when everything that came before has been handed to the node.
    marks: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Member {
    /// Starts to receive.
    pub(crate) fn start(
        broker: Arc<dyn Broker>,
        settings: RelaySettings,
        node: &Arc<Node>,
    ) -> io::Result<Self> {
        let (relay, deliveries) = Relay::new(broker, settings);
        let (marks, marked) = mpsc::unbounded_channel();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let pumping = pump::run(relay.clone(), deliveries, Arc::clone(node), marked);
        thread::Builder::new()
            .name("gripware-relay".to_owned())
            .spawn(move || runtime.block_on(pumping))?;
        Ok(Self { relay, marks })
    }

    pub(crate) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Publishes an item at every node, and returns when the broker has accepted it.
    pub(crate) async fn publish(&self, channel: &Channel, item: &Item) -> Result<(), PublishError> {
        self.relay.publish(channel, item).await
    }

    /// Publishes items at every node, in their order, and returns when the broker has accepted all.
    /// Where it has not, it has accepted those before the first that it has not.
    pub(crate) async fn publish_all(&self, items: &[(Channel, Item)]) -> Result<(), PublishError> {
        let mut receipts = Vec::with_capacity(items.len());
        let mut refused = Ok(());
        for (channel, item) in items {
            match self.relay.submit(channel, item).await {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => {
                    refused = Err(error);
                    break;
                }
            }
        }
        for receipt in receipts {
            receipt.wait().await?;
        }
        refused
    }

    /// Takes an item to be published, without waiting.
    pub(crate) fn enqueue(&self, channel: &Channel, item: &Item) -> Result<Receipt, PublishError> {
        self.relay.enqueue(channel, item)
    }

    /// Waits until everything that was published here so far has reached the clients' queues, or was
    /// given up.
    pub(crate) async fn caught_up(&self) {
        self.relay.caught_up().await;
        let (mark, marked) = oneshot::channel();
        if self.marks.send(mark).is_ok() {
            let _ = marked.await;
        }
    }
}

/// Says why an item was not published, with what the broker said if it is out of reach.
pub(crate) fn explain(relay: &Relay, error: &PublishError) -> String {
    match relay.last_error().filter(|_| !relay.hears()) {
        Some(cause) => format!("{error}; {cause}"),
        None => error.to_string(),
    }
}
