//! What the control API acts on.

use std::future::Future;

use gripware_core::{Channel, Item};

use crate::{
    cluster::{Cluster, RelayError},
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    page::{CursorError, Page},
};

/// What the control API acts on: a hub, or in tests what notes the calls.
pub(crate) trait Target: Send + Sync + 'static {
    fn publish(
        &self,
        channel: &Channel,
        item: &Item,
    ) -> impl Future<Output = Result<Subscribers, RelayError>> + Send;

    fn publish_to(&self, id: Id, item: &Item) -> impl Future<Output = bool> + Send;

    fn recover(&self) -> impl Future<Output = ()> + Send;

    /// Returns a page of the channels: the first, or the one that a cursor names.
    fn channels(&self, cursor: Option<&str>) -> Result<Page<ChannelInfo>, CursorError>;

    /// Returns a page of the connections.
    fn connections(
        &self,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page<ConnectionInfo>, CursorError>> + Send;

    fn close(&self, id: Id) -> impl Future<Output = bool> + Send;

    /// Returns counters and gauges in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// Returns whether clients are to be sent here.
    fn is_ready(&self) -> bool;
}

impl Target for Cluster {
    async fn publish(&self, channel: &Channel, item: &Item) -> Result<Subscribers, RelayError> {
        match item.parts() {
            Ok(parts) => self.publish(channel, item, parts).await,
            Err(_) => Ok(Subscribers::default()),
        }
    }

    async fn publish_to(&self, id: Id, item: &Item) -> bool {
        match item.parts() {
            Ok(parts) => self.node.publish_to(id, parts).await,
            Err(_) => false,
        }
    }

    async fn recover(&self) {
        self.node.recover();
    }

    fn channels(&self, cursor: Option<&str>) -> Result<Page<ChannelInfo>, CursorError> {
        self.node.channels_page(cursor)
    }

    async fn connections(&self, cursor: Option<&str>) -> Result<Page<ConnectionInfo>, CursorError> {
        self.node.connections_page(cursor).await
    }

    async fn close(&self, id: Id) -> bool {
        self.node.close(id).await
    }

    fn metrics(&self) -> String {
        self.exposition()
    }

    fn is_ready(&self) -> bool {
        self.is_ready()
    }
}
