//! All nodes of a cluster, seen from one of them.

use std::sync::Arc;

use gripware_core::{Channel, ChannelError, Item};

use super::{HubError, not_relayed};
use crate::{
    cluster::Cluster,
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, NodeInfo, Subscribers},
    nodes::{Found, Gathered},
    page::{CursorError, Page},
};

/// All nodes of a hub's relay: lists, counts, and one connection, wherever it is held. Returned by
/// [`Hub::everywhere`](crate::Hub::everywhere).
///
/// The other nodes have [`HubBuilder::ask_timeout`](crate::HubBuilder::ask_timeout) for an answer, and
/// every result says how many of them have answered. One that was killed is asked for up to 3 s more.
/// Without a relay there is one node; where another proxy holds the clients there is nobody.
///
/// ```
/// use gripware_hub::{Found, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new();
/// let nodes = hub.everywhere().nodes().await;
/// assert_eq!(nodes.nodes.to_string(), "1/1");
/// assert_eq!(nodes.value[0].connections.total(), 0);
///
/// // Nobody has it: every node has said so, else it would be `Found::Partial`.
/// let id = "6f1ed002-5ab8-4a3b-9f5e-0d1c6e8a3b11";
/// assert_eq!(hub.everywhere().close(id).await, Found::No);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Everywhere {
    cluster: Option<Arc<Cluster>>,
}

impl Everywhere {
    pub(super) fn new(cluster: Option<Arc<Cluster>>) -> Self {
        Self { cluster }
    }

    /// Returns the nodes and how much each of them holds, by name.
    pub async fn nodes(&self) -> Gathered<Vec<NodeInfo>> {
        match &self.cluster {
            Some(cluster) => cluster.nodes().await,
            None => Gathered::alone(Vec::new()),
        }
    }

    /// Returns a page of up to 1 000 channels that somebody is subscribed to at some node, by name,
    /// with their subscribers at all nodes. The cursor is that of the page before; `None` asks for
    /// the first.
    ///
    /// # Errors
    /// If the cursor is none that a page has named.
    pub async fn channels(
        &self,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ChannelInfo>>, CursorError> {
        match &self.cluster {
            Some(cluster) => cluster.channels(cursor).await,
            None => Ok(Gathered::alone(Page::default())),
        }
    }

    /// Returns a page of up to 1 000 connections: by the names of their nodes, and of each node the
    /// oldest first. Of connections at other nodes the first 100 channels are told. The cursor is
    /// that of the page before; `None` asks for the first.
    ///
    /// # Errors
    /// If the cursor is none that a page has named.
    pub async fn connections(
        &self,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ConnectionInfo>>, CursorError> {
        match &self.cluster {
            Some(cluster) => cluster.connections(None, cursor).await,
            None => Ok(Gathered::alone(Page::default())),
        }
    }

    /// Returns a page of up to 1 000 connections that are subscribed to a channel, as
    /// [`connections`](Self::connections) does of all. Of one at another node the channel may be
    /// missing among the 100 that are told.
    ///
    /// # Errors
    /// If the cursor is none that a page has named.
    pub async fn connections_of(
        &self,
        channel: &str,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ConnectionInfo>>, CursorError> {
        match &self.cluster {
            Some(cluster) => cluster.connections(Some(channel), cursor).await,
            None => Ok(Gathered::alone(Page::default())),
        }
    }

    /// Returns how many subscribers a channel has at all nodes.
    ///
    /// # Errors
    /// If no channel has such a name.
    pub async fn subscribers<C>(&self, channel: C) -> Result<Gathered<Subscribers>, ChannelError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = channel.try_into().map_err(Into::into)?;
        Ok(match &self.cluster {
            Some(cluster) => {
                let all = cluster.subscribers(&[channel.name()]).await;
                let sum = all.value.first().copied().unwrap_or_default();
                Gathered::new(sum, all.nodes)
            }
            None => Gathered::alone(Subscribers::default()),
        })
    }

    /// Publishes an item as [`Hub::publish`](crate::Hub::publish) does, and returns the number of
    /// subscribers at all nodes, counted before it is published: a long poll that it answers is gone
    /// afterwards. So it waits for the other nodes' answers first.
    ///
    /// # Errors
    /// As for [`Hub::publish`](crate::Hub::publish).
    pub async fn publish<C>(
        &self,
        channel: C,
        item: impl Into<Item>,
    ) -> Result<Gathered<Subscribers>, HubError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = channel.try_into().map_err(Into::into)?;
        let item = item.into();
        let cluster = self.cluster.as_ref().ok_or(HubError::Elsewhere)?;
        item.check_size(channel.name(), cluster.node.settings.max_item)?;
        let parts = item.parts()?;
        let published = cluster.publish_everywhere(&channel, &item, parts).await;
        published.map_err(not_relayed)
    }

    /// Ends a connection, at whatever node, as [`Hub::close`](crate::Hub::close) does.
    pub async fn close(&self, id: &str) -> Found {
        match (&self.cluster, Id::parse(id)) {
            (Some(cluster), Some(id)) => cluster.close(id).await,
            _ => Found::No,
        }
    }

    /// Publishes an item to one connection, at whatever node, as
    /// [`Hub::publish_to`](crate::Hub::publish_to) does. What is published this way is not ordered
    /// with what is published to channels.
    ///
    /// # Errors
    /// As for [`Hub::publish_to`](crate::Hub::publish_to), and where it is larger than the broker
    /// takes.
    pub async fn publish_to(&self, id: &str, item: impl Into<Item>) -> Result<Found, HubError> {
        let item = item.into();
        item.parts()?;
        let cluster = self.cluster.as_ref().ok_or(HubError::Elsewhere)?;
        item.check_size("", cluster.node.settings.max_item)?;
        match Id::parse(id) {
            Some(id) => cluster.publish_to(id, &item).await.map_err(not_relayed),
            None => Ok(Found::No),
        }
    }
}
