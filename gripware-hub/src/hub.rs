//! The handle that an application has of its hub.

mod everywhere;
mod serving;

use std::sync::Arc;

use gripware_core::{Channel, ChannelError, Item, ItemError};
use gripware_publish::Grip;
use thiserror::Error;

pub use self::everywhere::Everywhere;
use crate::{
    cluster::{Cluster, RelayError},
    connection_id::Id,
    control::ControlOptions,
    gateway::Options,
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    node::Node,
    settings::Settings,
};

/// A GRIP proxy in this process. Clones are handles to the same one.
///
/// ```
/// use axum::{Router, routing::get};
/// use gripware_axum::{GripLayer, Hold};
/// use gripware_hub::Hub;
///
/// # async fn example() -> std::io::Result<()> {
/// let hub = Hub::new();
/// let app = Router::new()
///     .route("/news", get(|| async { (Hold::stream("news"), "[open]\n") }))
///     .layer(GripLayer::new(&hub.grip()));
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// hub.serve(listener, app).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) grip: Grip,
    pub(crate) place: Place,
}

/// Who holds the clients.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// This hub.
    Here {
        cluster: Arc<Cluster>,
        options: Options,
        control: ControlOptions,
    },
    /// A proxy that `GRIP_URL` names.
    Elsewhere { settings: Arc<Settings> },
}

impl Hub {
    /// Returns `true` if this hub holds the clients, and not another proxy.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.place, Place::Here { .. })
    }

    /// Returns what the application's layer and publisher are made of: it trusts this hub, and
    /// publishes into it. Each call returns the same.
    #[must_use]
    pub fn grip(&self) -> Grip {
        self.grip.clone()
    }

    /// Publishes an item, and waits for room first if too many items wait to be handed out
    /// (backpressure).
    ///
    /// Returns the number of subscribers, counting only kinds that the item has a format for; zero
    /// for a duplicate id (deduplication). Filters of a subscriber may still drop the item, and an
    /// item whose predecessor is missing waits for it.
    ///
    /// With a relay the item goes to every node, this one too, by way of the broker, and the count is
    /// that of this node's subscribers when the broker has accepted it, whether the id is a duplicate
    /// or not.
    ///
    /// The channel is the whole name: the application's prefix is not added.
    ///
    /// # Errors
    /// If the item or the channel is invalid, the item larger than
    /// [`HubBuilder::max_item`](crate::HubBuilder::max_item), the broker has not accepted it, or
    /// another proxy holds the clients.
    pub async fn publish<C>(
        &self,
        channel: C,
        item: impl Into<Item>,
    ) -> Result<Subscribers, HubError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = channel.try_into().map_err(Into::into)?;
        let item = item.into();
        let cluster = self.cluster().ok_or(HubError::Elsewhere)?;
        item.check_size(channel.name(), cluster.node.settings.max_item)?;
        let parts = item.parts()?;
        let published = cluster.publish(&channel, &item, parts).await;
        published.map_err(not_relayed)
    }

    /// Publishes an item to one connection, whatever it is subscribed to. Returns `true` if the
    /// connection exists and the item has a format for its kind.
    ///
    /// # Errors
    /// If the item is invalid or too large, as for [`publish`](Self::publish), or another proxy holds the clients.
    pub async fn publish_to(&self, id: &str, item: impl Into<Item>) -> Result<bool, HubError> {
        let item = item.into();
        let parts = item.parts()?;
        let node = self.node().ok_or(HubError::Elsewhere)?;
        item.check_size("", node.settings.max_item)?;
        match Id::parse(id) {
            Some(id) => Ok(node.publish_to(id, parts).await),
            None => Ok(false),
        }
    }

    /// Returns the channels that have subscribers, by name.
    ///
    /// All of them, whose number nothing bounds but the clients' subscriptions; the control API
    /// lists them in pages.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelInfo> {
        self.node().map(|node| node.channels()).unwrap_or_default()
    }

    /// Returns the clients that are held, the oldest first.
    ///
    /// All of them: each thread that holds clients describes its own without doing anything else
    /// meanwhile, which takes about a microsecond each. The control API lists them in pages, and
    /// how many there are is in [`metrics`](Self::metrics).
    pub async fn connections(&self) -> Vec<ConnectionInfo> {
        match self.node() {
            Some(node) => node.connections().await,
            None => Vec::new(),
        }
    }

    /// Returns the clients of this node that are subscribed to a channel, the oldest first, as
    /// [`connections`](Self::connections) does. The channel is the whole name: the application's
    /// prefix is not added.
    ///
    /// To close them publish [`Item::close`] to the channel.
    pub async fn connections_of(&self, channel: &str) -> Vec<ConnectionInfo> {
        match self.node() {
            Some(node) => node.connections_of(channel).await,
            None => Vec::new(),
        }
    }

    /// Ends a connection in the way its kind allows: a response hold gets what was stored for it, a
    /// stream its end, a WebSocket a close with code 1000. Returns `true` if there was one with this id.
    pub async fn close(&self, id: &str) -> bool {
        match (self.node(), Id::parse(id)) {
            (Some(node), Some(id)) => node.close(id).await,
            _ => false,
        }
    }

    /// Returns what is at all nodes of the relay, where the calls of this handle are about this node:
    /// lists and counts, and one connection wherever it is held.
    #[must_use]
    pub fn everywhere(&self) -> Everywhere {
        Everywhere::new(self.cluster().cloned())
    }

    /// Returns counters and gauges in the text format of Prometheus.
    pub async fn metrics(&self) -> String {
        let cluster = self.cluster();
        cluster.map(|it| it.exposition()).unwrap_or_default()
    }

    /// Ends all holds, each in the way its kind allows: a response hold gets what was stored for it,
    /// a stream its end, a WebSocket a close with code 1001. What was published before is delivered
    /// before. Returns when every client has got what is its own, at the latest after
    /// [`HubBuilder::drain`](crate::HubBuilder::drain). From then on nothing is held any more.
    pub async fn shutdown(&self) {
        if let Some(cluster) = self.cluster() {
            cluster.drain(cluster.node.settings.drain).await;
        }
    }

    /// Returns `true` if this is a good place for clients: the hub has not begun to end, and hears
    /// the other nodes where it has a relay. `GET /ready` of the control API says the same, for load
    /// balancers. Always `true` where another proxy holds the clients.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.cluster().is_none_or(|cluster| cluster.is_ready())
    }

    /// Returns the relay to the other nodes, for its counts and its state; `None` if there is none.
    #[cfg(feature = "relay")]
    #[must_use]
    pub fn relay(&self) -> Option<&gripware_relay::Relay> {
        let member = self.cluster()?.member()?;
        Some(member.relay())
    }

    fn cluster(&self) -> Option<&Arc<Cluster>> {
        match &self.place {
            Place::Here { cluster, .. } => Some(cluster),
            Place::Elsewhere { .. } => None,
        }
    }

    fn node(&self) -> Option<&Arc<Node>> {
        self.cluster().map(|cluster| &cluster.node)
    }
}

/// Why an item was not published.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// The channel is invalid.
    #[error("the channel cannot be published to")]
    Channel(#[from] ChannelError),
    /// The item is invalid.
    #[error("the item cannot be published")]
    Item(#[from] ItemError),
    /// The hub was built from an environment with a `GRIP_URL`, and holds nobody: publish through
    /// [`Grip::publisher`].
    #[error("another proxy holds the clients")]
    Elsewhere,
    /// The broker has not accepted it, or not in time.
    #[cfg(feature = "relay")]
    #[error("the item was not passed to the other nodes")]
    Relay(#[from] gripware_relay::PublishError),
}

#[cfg(feature = "relay")]
fn not_relayed(error: RelayError) -> HubError {
    HubError::Relay(error)
}

#[cfg(not(feature = "relay"))]
fn not_relayed(error: RelayError) -> HubError {
    match error {}
}
