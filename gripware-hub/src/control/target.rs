//! What the control API acts on.

use std::future::Future;

use gripware_core::{Channel, Item};

use crate::{
    cluster::{Cluster, RelayError},
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, NodeInfo, Subscribers},
    nodes::{Found, Gathered},
    page::{CursorError, Page},
};

/// What the control API acts on: a hub, or in tests what notes the calls.
pub(crate) trait Target: Send + Sync + 'static {
    /// Publishes valid items in their order. Returns for how many subscribers of this node each is.
    fn publish(
        &self,
        items: &[(Channel, Item)],
    ) -> impl Future<Output = Result<Vec<Subscribers>, RelayError>> + Send;

    /// Returns how many subscribers each channel has at all nodes.
    fn subscribers(
        &self,
        channels: &[&str],
    ) -> impl Future<Output = Gathered<Vec<Subscribers>>> + Send;

    /// Hands an item to a connection of whatever node.
    fn publish_to(
        &self,
        id: Id,
        item: &Item,
    ) -> impl Future<Output = Result<Found, RelayError>> + Send;

    fn recover(&self) -> impl Future<Output = ()> + Send;

    fn nodes(&self) -> impl Future<Output = Gathered<Vec<NodeInfo>>> + Send;

    /// Returns a page of the channels of all nodes: the first, or the one that a cursor names.
    fn channels(
        &self,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Gathered<Page<ChannelInfo>>, CursorError>> + Send;

    /// Returns a page of the connections of all nodes, or of those that follow a channel.
    fn connections(
        &self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Gathered<Page<ConnectionInfo>>, CursorError>> + Send;

    /// Ends a connection of whatever node.
    fn close(&self, id: Id) -> impl Future<Output = Found> + Send;

    /// Returns counters and gauges in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// Returns whether clients are to be sent here.
    fn is_ready(&self) -> bool;
}

impl Target for Cluster {
    async fn publish(&self, items: &[(Channel, Item)]) -> Result<Vec<Subscribers>, RelayError> {
        self.publish_all(items).await
    }

    async fn subscribers(&self, channels: &[&str]) -> Gathered<Vec<Subscribers>> {
        self.subscribers(channels).await
    }

    async fn publish_to(&self, id: Id, item: &Item) -> Result<Found, RelayError> {
        self.publish_to(id, item).await
    }

    async fn recover(&self) {
        self.node.recover();
    }

    async fn nodes(&self) -> Gathered<Vec<NodeInfo>> {
        self.nodes().await
    }

    async fn channels(
        &self,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ChannelInfo>>, CursorError> {
        self.channels(cursor).await
    }

    async fn connections(
        &self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ConnectionInfo>>, CursorError> {
        self.connections(channel, cursor).await
    }

    async fn close(&self, id: Id) -> Found {
        self.close(id).await
    }

    fn metrics(&self) -> String {
        self.exposition()
    }

    fn is_ready(&self) -> bool {
        self.is_ready()
    }
}
