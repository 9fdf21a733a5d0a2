//! What comes from the broker is handed to the node.

use std::{pin::pin, sync::Arc};

use gripware_relay::{Deliveries, Delivery, Relay, RelayedItem};
use tokio::sync::{mpsc, oneshot};

use crate::node::Node;

/// Hands on what comes until the relay ends, which it does when `marks` has no sender any more.
///
/// It waits for room in the node's backlog, and takes nothing from the broker meanwhile
/// (backpressure).
pub(super) async fn run(
    relay: Relay,
    mut deliveries: Deliveries,
    node: Arc<Node>,
    mut marks: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut is_ending = false;
    loop {
        // Not dropped before it is ready: it could take a message with it.
        let mut next = pin!(deliveries.next());
        let delivery = loop {
            tokio::select! {
                // A mark comes behind everything that is ready.
                biased;
                delivery = &mut next => break delivery,
                mark = marks.recv(), if !is_ending => match mark {
                    Some(mark) => {
                        let _ = mark.send(());
                    }
                    None => {
                        is_ending = true;
                        let relay = relay.clone();
                        tokio::spawn(async move { relay.close().await });
                    }
                }
            }
        };
        match delivery {
            None => return,
            Some(Delivery::Item(item)) => take(&relay, &node, item).await,
            Some(Delivery::Lost(loss)) => {
                tracing::warn!(reason = %loss.reason, "items of other nodes may be lost: recovering");
                node.lost();
            }
            Some(_) => {}
        }
    }
}

async fn take(relay: &Relay, node: &Node, item: RelayedItem) {
    // Without an id it changes nothing for those who come later.
    if !item.has_id() && !node.is_followed(item.channel()) {
        node.metrics.items.add(1);
        return;
    }
    let decoded = item.into_item();
    let taken = match &decoded {
        Ok((channel, item)) => match item.parts() {
            Ok(parts) => {
                node.publish(channel, parts).await;
                return;
            }
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    relay.refuse();
    tracing::warn!("an item of another node was refused: {taken}");
}
