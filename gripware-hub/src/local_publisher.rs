//! The application's own publisher in the same process: items go to the hub without HTTP, and to the
//! other nodes of its cluster.

use std::{pin::Pin, sync::Arc};

use gripware_core::{Channel, item::ItemParts};
use gripware_publish::{Confirmation, Sink, SinkError};

use crate::{cluster::Cluster, connection_id::Id};

/// The sink of the application's publisher.
#[derive(Debug)]
pub(crate) struct LocalPublisher {
    cluster: Arc<Cluster>,
}

impl LocalPublisher {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// Hands an item to the clients of this node.
    fn deliver_here(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        match self.cluster.node.try_publish(channel, item) {
            Some(_) => Ok(()),
            None => Err(SinkError::new("too many items wait to be delivered")),
        }
    }
}

impl Sink for LocalPublisher {
    fn name(&self) -> &str {
        "the hub"
    }

    fn room(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        #[cfg(feature = "relay")]
        if let Some(member) = self.cluster.member() {
            let relay = member.relay();
            if !relay.has_room() {
                return Some(Box::pin(relay.room()));
            }
            if !self.cluster.node.settings.local_first {
                return None;
            }
        }
        let waiting = self.cluster.node.wait_for_backlog()?;
        Some(Box::pin(waiting))
    }

    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        self.deliver(channel, item).map(drop)
    }

    fn deliver(
        &self,
        channel: &Channel,
        item: &ItemParts,
    ) -> Result<Option<Confirmation>, SinkError> {
        let limit = self.cluster.node.settings.max_item;
        item.check_size(channel.name(), limit)
            .map_err(|error| SinkError::new(error.to_string()))?;
        #[cfg(feature = "relay")]
        if let Some(member) = self.cluster.member() {
            if self.cluster.node.settings.local_first {
                self.deliver_here(channel, item)?;
            }
            return relayed(member, channel, item).map(Some);
        }
        self.deliver_here(channel, item).map(|()| None)
    }

    /// Those of other nodes are for the application there.
    fn refresh(&self, connections: &mut dyn Iterator<Item = &str>) -> bool {
        let ids: Vec<_> = connections.filter_map(Id::parse).collect();
        self.cluster.node.try_refresh(&ids)
    }
}

/// Hands an item to the broker, which confirms it later.
#[cfg(feature = "relay")]
fn relayed(
    member: &crate::relay::Member,
    channel: &Channel,
    item: &ItemParts,
) -> Result<Confirmation, SinkError> {
    use crate::relay::explain;

    let relay = member.relay().clone();
    let receipt = member.enqueue(channel, &item.clone().into());
    let receipt = receipt.map_err(|error| SinkError::new(explain(&relay, &error)))?;
    Ok(Box::pin(async move {
        let outcome = receipt.wait().await;
        outcome.map_err(|error| SinkError::new(explain(&relay, &error)))
    }))
}
