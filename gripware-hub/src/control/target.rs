//! What the control API acts on.

use std::future::Future;

use gripware_core::{Channel, Item};

use crate::{
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    node::Node,
    page::{CursorError, Page},
};

/// What the control API acts on: a hub, or in tests what notes the calls.
pub(crate) trait Target: Send + Sync + 'static {
    fn publish(&self, channel: &Channel, item: &Item) -> impl Future<Output = Subscribers> + Send;

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
}

impl Target for Node {
    async fn publish(&self, channel: &Channel, item: &Item) -> Subscribers {
        match item.parts() {
            Ok(parts) => self.publish(channel, parts).await,
            Err(_) => Subscribers::default(),
        }
    }

    async fn publish_to(&self, id: Id, item: &Item) -> bool {
        match item.parts() {
            Ok(parts) => self.publish_to(id, parts).await,
            Err(_) => false,
        }
    }

    async fn recover(&self) {
        self.recover();
    }

    fn channels(&self, cursor: Option<&str>) -> Result<Page<ChannelInfo>, CursorError> {
        self.channels_page(cursor)
    }

    async fn connections(&self, cursor: Option<&str>) -> Result<Page<ConnectionInfo>, CursorError> {
        self.connections_page(cursor).await
    }

    async fn close(&self, id: Id) -> bool {
        self.close(id).await
    }

    fn metrics(&self) -> String {
        self.exposition()
    }
}
