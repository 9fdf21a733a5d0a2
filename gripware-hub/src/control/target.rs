use std::future::Future;

use gripware_core::{Channel, Item};

use crate::{
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    metrics::{Gauges, Metrics},
    node::Node,
};

/// What the control API acts on: a hub, or in tests what notes the calls.
pub(crate) trait Target: Send + Sync + 'static {
    fn publish(&self, channel: &Channel, item: &Item) -> impl Future<Output = Subscribers> + Send;

    fn publish_to(&self, id: Id, item: &Item) -> impl Future<Output = bool> + Send;

    fn recover(&self) -> impl Future<Output = ()> + Send;

    fn channels(&self) -> Vec<ChannelInfo>;

    fn connections(&self) -> impl Future<Output = Vec<ConnectionInfo>> + Send;

    fn close(&self, id: Id) -> impl Future<Output = bool> + Send;

    fn gauges(&self) -> impl Future<Output = Gauges> + Send;

    fn metrics(&self) -> &Metrics;
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

    fn channels(&self) -> Vec<ChannelInfo> {
        self.channels()
    }

    async fn connections(&self) -> Vec<ConnectionInfo> {
        self.connections().await
    }

    async fn close(&self, id: Id) -> bool {
        self.close(id).await
    }

    async fn gauges(&self) -> Gauges {
        Gauges::of(&self.channels(), &self.connections().await)
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
