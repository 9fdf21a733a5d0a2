//! What a shard takes from its inbox, and how much of that it deals with at once.

use tokio::sync::mpsc::UnboundedReceiver;

use super::Message;
use crate::settings::Settings;

/// How many messages a shard takes from its inbox at once, which is how much it gathers.
const MAX_BATCH: usize = 1024;

/// Waits for messages, unless some are left. Returns how many there are: 0 if no
/// more can come.
pub(super) async fn receive(
    inbox: &mut UnboundedReceiver<Message>,
    batch: &mut Vec<Message>,
) -> usize {
    if batch.is_empty() {
        inbox.recv_many(batch, MAX_BATCH).await;
    }
    batch.len()
}

/// How many messages, from the beginning of a batch, are dealt with before clients are written to.
///
/// Their items together take half of a queue at most, or are a single one: items in a row reach a
/// client as one piece, for which an empty queue has room whatever its size. So what waits for a
/// client is never more than its queue or one message, and a client of whose queue half is free is
/// not cut off for what came at once.
pub(super) fn portion(batch: &[Message], settings: &Settings) -> usize {
    let (mut bytes, mut items) = (0_usize, 0);
    let fits = |message: &&Message| {
        if let Message::Publish { item, .. } | Message::PublishTo { item, .. } = message {
            bytes = bytes.saturating_add(item.bytes_in_queue());
            items += 1;
        }
        items <= 1 || (bytes <= settings.queue_bytes / 2 && items <= settings.queue_messages / 2)
    };
    batch.iter().take_while(fits).count()
}
