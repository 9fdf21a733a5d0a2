use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::{
    channels::{backlog::Occupied, encoded_item::Parcel, registry::Registry},
    connection_id::Id,
    handoff::Held,
    inspect::ConnectionInfo,
    metrics::Metrics,
    settings::Settings,
    ws::ConversationSettings,
};

/// What the shards of a hub share with each other and with those who send to them.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) conversations: Arc<ConversationSettings>,
    inboxes: Box<[mpsc::UnboundedSender<Message>]>,
}

/// What is sent to a shard. The inbox is bounded by what may be on its way: items by the room that
/// each keeps occupied, holds by the clients that wait for them.
#[derive(Debug)]
pub(crate) enum Message {
    Parcel {
        parcel: Arc<Parcel>,
        /// Given back when the last shard has handed the item on.
        room: Option<Arc<Occupied>>,
    },
    Hold(Box<Held>),
    PublishTo {
        id: Id,
        parcel: Arc<Parcel>,
        reached: oneshot::Sender<bool>,
    },
    List(oneshot::Sender<Vec<ConnectionInfo>>),
    Close {
        id: Id,
        found: oneshot::Sender<bool>,
    },
    Recover,
    /// An item waits for an earlier one.
    Waits,
    Drain(oneshot::Sender<()>),
    Stop,
}

impl Common {
    pub(crate) fn new(
        settings: Settings,
        registry: Registry,
    ) -> (Self, Vec<mpsc::UnboundedReceiver<Message>>) {
        let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..settings.shards)
            .map(|_| mpsc::unbounded_channel())
            .unzip();
        let conversations = Arc::new(ConversationSettings {
            min_keep_alive_interval: settings.min_keep_alive_interval,
            ..ConversationSettings::default()
        });
        let common = Self {
            settings,
            registry,
            metrics: Arc::default(),
            conversations,
            inboxes: inboxes.into(),
        };
        (common, receivers)
    }

    pub(crate) fn shards(&self) -> usize {
        self.inboxes.len()
    }

    /// Sends to one shard; whether it still runs.
    pub(crate) fn send(&self, shard: usize, message: Message) -> bool {
        let inbox = self.inboxes.get(shard);
        inbox.is_some_and(|inbox| inbox.send(message).is_ok())
    }

    /// Sends an item to the shards whose bit is set.
    pub(crate) fn deliver(&self, shards: u64, parcel: &Arc<Parcel>, room: Option<&Arc<Occupied>>) {
        for (index, inbox) in self.inboxes.iter().enumerate() {
            if shards & (1 << index) != 0 {
                // Where it has ended nobody is held.
                let _ = inbox.send(Message::Parcel {
                    parcel: Arc::clone(parcel),
                    room: room.cloned(),
                });
            }
        }
    }
}
