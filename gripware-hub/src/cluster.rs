//! A node and the others of its cluster: what is published, listed and ended here reaches all of
//! them. Without a relay it is the node alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gripware_core::{Channel, Item, item::ItemParts};
use tokio::time::{Instant, timeout};

use crate::{
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, NodeInfo, Subscribers},
    node::Node,
    nodes::{Found, Gathered},
    page::{CursorError, Page},
};
#[cfg(feature = "relay")]
use crate::{nodes::Asker, relay::Member};

/// Why an item did not reach the other nodes.
#[cfg(feature = "relay")]
pub(crate) type RelayError = gripware_relay::PublishError;

/// Without a relay there is no reason.
#[cfg(not(feature = "relay"))]
pub(crate) type RelayError = std::convert::Infallible;

/// What a node is called that has no relay.
const ALONE: &str = "local";

/// A node and, where it has a relay, its cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) node: Arc<Node>,
    #[cfg(feature = "relay")]
    member: Option<Member>,
    is_draining: AtomicBool,
}

impl Cluster {
    pub(crate) fn new(node: Arc<Node>, #[cfg(feature = "relay")] member: Option<Member>) -> Self {
        Self {
            node,
            #[cfg(feature = "relay")]
            member,
            is_draining: AtomicBool::new(false),
        }
    }

    #[cfg(feature = "relay")]
    pub(crate) fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// Publishes a valid item at every node. Returns how many subscribers of this one it is for,
    /// counted before: a long poll that it answers is gone afterwards. With `local_first` those of
    /// this node get it first.
    pub(crate) async fn publish(
        &self,
        channel: &Channel,
        item: &Item,
        parts: &ItemParts,
    ) -> Result<Subscribers, RelayError> {
        #[cfg(feature = "relay")]
        if let Some(member) = &self.member {
            let here = self.here_first(channel, parts).await;
            member.publish(channel, item).await?;
            return Ok(here);
        }
        let _ = item;
        Ok(self.node.publish(channel, parts).await)
    }

    /// Publishes items at every node, in their order, as [`publish`](Self::publish) does each. They
    /// travel together: a round trip to the broker for all of them.
    pub(crate) async fn publish_all(
        &self,
        items: &[(Channel, Item)],
    ) -> Result<Vec<Subscribers>, RelayError> {
        let mut each = Vec::with_capacity(items.len());
        #[cfg(feature = "relay")]
        if let Some(member) = &self.member {
            for (channel, item) in items {
                each.push(match item.parts() {
                    Ok(parts) => self.here_first(channel, parts).await,
                    Err(_) => Subscribers::default(),
                });
            }
            member.publish_all(items).await?;
            return Ok(each);
        }
        for (channel, item) in items {
            each.push(match item.parts() {
                Ok(parts) => self.node.publish(channel, parts).await,
                Err(_) => Subscribers::default(),
            });
        }
        Ok(each)
    }

    /// Returns how many subscribers of this node an item is for. With `local_first` they get it now.
    #[cfg(feature = "relay")]
    async fn here_first(&self, channel: &Channel, parts: &ItemParts) -> Subscribers {
        match self.node.settings.local_first {
            true => self.node.publish(channel, parts).await,
            false => self.node.subscribers(channel.name()).of_formats(parts),
        }
    }

    /// Publishes a valid item at every node. Returns how many subscribers of all nodes it is for,
    /// counted before.
    pub(crate) async fn publish_everywhere(
        &self,
        channel: &Channel,
        item: &Item,
        parts: &ItemParts,
    ) -> Result<Gathered<Subscribers>, RelayError> {
        let all = self.subscribers(&[channel.name()]).await;
        self.publish(channel, item, parts).await?;
        let each = all.value.first().copied().unwrap_or_default();
        Ok(Gathered::new(each.of_formats(parts), all.nodes))
    }

    /// Returns all nodes, by name.
    pub(crate) async fn nodes(&self) -> Gathered<Vec<NodeInfo>> {
        #[cfg(feature = "relay")]
        if let Some(asker) = self.asker() {
            return asker.nodes().await;
        }
        let gauges = self.node.gauges();
        Gathered::alone(vec![NodeInfo {
            name: ALONE.to_owned(),
            is_this: true,
            connections: gauges.connections,
            channels: gauges.channels,
        }])
    }

    /// Returns a page of the channels of all nodes.
    pub(crate) async fn channels(
        &self,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ChannelInfo>>, CursorError> {
        #[cfg(feature = "relay")]
        if let Some(asker) = self.asker() {
            return asker.channels(cursor).await;
        }
        self.node.channels_page(cursor).map(Gathered::alone)
    }

    /// Returns a page of the connections of all nodes, or of those that follow a channel.
    pub(crate) async fn connections(
        &self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ConnectionInfo>>, CursorError> {
        #[cfg(feature = "relay")]
        if let Some(asker) = self.asker() {
            return asker.connections(channel, cursor).await;
        }
        let page = self.node.connections_page(channel, cursor).await;
        page.map(Gathered::alone)
    }

    /// Returns how many subscribers each channel has at all nodes.
    pub(crate) async fn subscribers(&self, channels: &[&str]) -> Gathered<Vec<Subscribers>> {
        #[cfg(feature = "relay")]
        if let Some(asker) = self.asker() {
            return asker.subscribers(channels).await;
        }
        let each = channels.iter().map(|name| self.node.subscribers(name));
        Gathered::alone(each.collect())
    }

    /// Ends a connection of whatever node.
    pub(crate) async fn close(&self, id: Id) -> Found {
        #[cfg(feature = "relay")]
        if let Some(asker) = self.asker() {
            return asker.close(id).await;
        }
        match self.node.close(id).await {
            true => Found::Yes,
            false => Found::No,
        }
    }

    /// Hands a valid item to a connection of whatever node.
    pub(crate) async fn publish_to(&self, id: Id, item: &Item) -> Result<Found, RelayError> {
        #[cfg(feature = "relay")]
        if let Some(asker) = self.asker() {
            return asker.publish_to(id, item).await;
        }
        let Ok(parts) = item.parts() else {
            return Ok(Found::No);
        };
        Ok(match self.node.publish_to(id, parts).await {
            true => Found::Yes,
            false => Found::No,
        })
    }

    #[cfg(feature = "relay")]
    fn asker(&self) -> Option<Asker<'_>> {
        let relay = self.member.as_ref()?.relay();
        let node = &*self.node;
        Some(Asker { node, relay })
    }

    /// Whether clients are better off here than nowhere: the node hears the others, and is not about
    /// to end.
    pub(crate) fn is_ready(&self) -> bool {
        #[cfg(feature = "relay")]
        let hears = self
            .member
            .as_ref()
            .is_none_or(|member| member.relay().hears());
        #[cfg(not(feature = "relay"))]
        let hears = true;
        hears && !self.is_draining.load(Ordering::Relaxed)
    }

    /// Waits until the node hears the others.
    pub(crate) async fn heard(&self) {
        #[cfg(feature = "relay")]
        if let Some(member) = &self.member {
            member.relay().heard().await;
        }
    }

    /// Writes what has been counted, and what there is, in the text format of Prometheus.
    pub(crate) fn exposition(&self) -> String {
        #[allow(unused_mut, reason = "the relay has more")]
        let mut text = self.node.exposition();
        #[cfg(feature = "relay")]
        if let Some(member) = &self.member {
            text += &member.relay().counts().exposition("gripware_relay_");
        }
        text
    }

    /// Ends every hold of this node, after what was published here is delivered here. Returns whether
    /// all clients have got what is theirs in time.
    pub(crate) async fn drain(&self, limit: Duration) -> bool {
        self.is_draining.store(true, Ordering::Relaxed);
        let end = Instant::now() + limit;
        // While the broker is out of reach it never is.
        let _ = timeout(limit / 4, self.caught_up()).await;
        let left = end.saturating_duration_since(Instant::now());
        self.node.drain(left).await
    }

    async fn caught_up(&self) {
        #[cfg(feature = "relay")]
        if let Some(member) = &self.member {
            member.caught_up().await;
        }
    }
}
