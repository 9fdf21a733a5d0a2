//! What comes from the broker is handed to the node.

use std::{pin::pin, sync::Arc};

use gripware_relay::{Deliveries, Delivery, Question, Relay, RelayedItem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    node::Node,
    nodes::{MAX_ANSWER, respond},
};

/// How many questions of other nodes are answered at a time: what an answer takes is memory.
const MAX_ANSWERING: usize = 64;

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
    let answering = Arc::new(Semaphore::new(MAX_ANSWERING));
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
            Some(Delivery::Question(question)) => {
                // With more than that it is busy, and says nothing.
                if let Ok(place) = Arc::clone(&answering).try_acquire_owned() {
                    tokio::spawn(answer(relay.clone(), Arc::clone(&node), question, place));
                }
            }
            Some(_) => {}
        }
    }
}

/// Answers another node, unless the question cannot be read.
async fn answer(relay: Relay, node: Arc<Node>, question: Question, _place: OwnedSemaphorePermit) {
    let most = MAX_ANSWER.min(relay.max_message() / 2);
    if let Some(answer) = respond(&node, relay.node(), question.body(), most).await {
        relay.answer(&question, answer);
    }
}

async fn take(relay: &Relay, node: &Node, item: RelayedItem) {
    if node.settings.local_first && item.is_own() {
        // Its clients have it.
        return;
    }
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
