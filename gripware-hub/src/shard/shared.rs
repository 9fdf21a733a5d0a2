//! What the shards of a hub share, and the messages that are sent to them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::subscribe::Mark;
use crate::{
    channels::{backlog::BacklogPermit, encoded_item::EncodedItem, registry::Registry},
    connection_id::Id,
    handoff::HeldClient,
    inspect::ConnectionInfo,
    metrics::{Gauge, Metrics},
    page::Seniority,
    settings::Settings,
    ws::WsSettings,
};

/// What the shards of a hub share with each other and with those who send to them.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ws_settings: Arc<WsSettings>,
    inboxes: Box<[mpsc::UnboundedSender<Message>]>,
    /// What waits for the clients of each shard, in bytes. Each is written by its own shard alone,
    /// so that they do not contend for it.
    queued: Box<[Arc<Gauge>]>,
}

/// What is sent to a shard. The inbox is bounded by what may be on its way: items and refreshes by the
/// permit of the backlog that comes with each, holds by the clients that wait for them, marks by what
/// the origin answers them.
#[derive(Debug)]
pub(crate) enum Message {
    Publish {
        item: Arc<EncodedItem>,
        /// Given back when the last shard has handed the item on.
        permit: Option<Arc<BacklogPermit>>,
    },
    Hold(Box<HeldClient>),
    PublishTo {
        id: Id,
        item: Arc<EncodedItem>,
        reached: oneshot::Sender<bool>,
    },
    /// Gives turns to WebSockets.
    Refresh {
        ids: Arc<[Id]>,
        /// Given back when the last shard has looked for them.
        permit: Arc<BacklogPermit>,
    },
    /// Asks for the first `limit` clients behind a place, of all or of a channel.
    List {
        channel: Option<Arc<str>>,
        after: Option<Seniority>,
        limit: usize,
        list: oneshot::Sender<Vec<(Seniority, ConnectionInfo)>>,
    },
    Close {
        id: Id,
        found: oneshot::Sender<bool>,
    },
    Recover,
    /// Items of other nodes were lost.
    #[cfg(any(test, feature = "relay"))]
    Lost,
    /// An item waits for an earlier one.
    Waits,
    /// A connection follows a channel since this was sent.
    Mark(Mark),
    Drain(oneshot::Sender<()>),
    Stop,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        registry: Registry,
    ) -> (Self, Vec<mpsc::UnboundedReceiver<Message>>) {
        let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..settings.shards)
            .map(|_| mpsc::unbounded_channel())
            .unzip();
        let ws_settings = Arc::new(settings.websocket());
        let shared = Self {
            settings,
            registry,
            metrics: Arc::default(),
            ws_settings,
            queued: inboxes.iter().map(|_| Arc::default()).collect(),
            inboxes: inboxes.into(),
        };
        (shared, receivers)
    }

    pub(crate) fn shards(&self) -> usize {
        self.inboxes.len()
    }

    /// What waits for the clients of a shard, in bytes.
    pub(crate) fn queued(&self, shard: usize) -> &Arc<Gauge> {
        // There are as many as shards.
        #[allow(clippy::indexing_slicing)]
        &self.queued[shard]
    }

    /// What waits for all clients, in bytes.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued.iter().map(|it| it.value()).sum()
    }

    /// Sends to one shard; whether it still runs.
    pub(crate) fn send(&self, shard: usize, message: Message) -> bool {
        let inbox = self.inboxes.get(shard);
        inbox.is_some_and(|inbox| inbox.send(message).is_ok())
    }

    /// Sends an item to the shards whose bit is set.
    pub(crate) fn deliver(
        &self,
        shards: u64,
        item: &Arc<EncodedItem>,
        permit: Option<&Arc<BacklogPermit>>,
    ) {
        for (index, inbox) in self.inboxes.iter().enumerate() {
            if shards & (1 << index) != 0 {
                // Where it has ended nobody is held.
                let _ = inbox.send(Message::Publish {
                    item: Arc::clone(item),
                    permit: permit.cloned(),
                });
            }
        }
    }
}
