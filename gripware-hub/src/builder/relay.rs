//! Setters for several nodes.

use std::{env, sync::Arc};

use gripware_relay::{Backend, Broker, ClusterName, NodeId, RelayUrl};

use super::{BuildError, HubBuilder};

/// Which broker passes items between nodes.
const RELAY: &str = "GRIPWARE_RELAY";

/// Which nodes belong together.
const CLUSTER: &str = "GRIPWARE_CLUSTER";

/// # Several nodes
/// With a relay, several hubs are one: what is published at any of them reaches the clients of all.
/// See [Several nodes](crate#several-nodes).
impl HubBuilder {
    /// Adds brokers to choose from by the scheme of [`relay`](Self::relay) or `GRIPWARE_RELAY`:
    /// `gripware_redis::broker()`, `gripware_nats::broker()`.
    pub fn brokers(mut self, brokers: impl IntoIterator<Item = Backend>) -> Self {
        self.relay.backends.extend(brokers);
        self
    }

    /// Sets the broker that passes items between nodes: one of [`brokers`](Self::brokers), by its URL.
    /// Default: none, and the hub is alone.
    pub fn relay(mut self, url: RelayUrl) -> Self {
        self.relay.url = Some(url);
        self
    }

    /// Sets which nodes of the broker belong together. Default: `default`.
    pub fn cluster(mut self, name: ClusterName) -> Self {
        self.relay.cluster = Some(name);
        self
    }

    /// Sets what this node is called in its cluster, where each has a name of its own. Default: a
    /// random one.
    pub fn node(mut self, name: NodeId) -> Self {
        self.relay.node = Some(name);
        self
    }

    /// Passes items between nodes by this broker: one that has no URL, such as
    /// [`MemoryBroker`](gripware_relay::MemoryBroker) for several hubs in one process. A URL goes before
    /// it.
    pub fn broker(mut self, broker: impl Broker) -> Self {
        self.relay.broker = Some(Arc::new(broker));
        self
    }

    /// Takes what the environment says.
    pub(super) fn relay_env(mut self) -> Result<Self, BuildError> {
        if let Some(url) = variable(RELAY) {
            self.relay.url = Some(url.parse()?);
        }
        if let Some(name) = variable(CLUSTER) {
            self.relay.cluster = Some(name.parse()?);
        }
        Ok(self)
    }
}

/// The value of a variable; `None` where it is not set, empty, or no text.
fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?;
    // What is not UTF-8 is no URL and no name either, which their parsers say.
    let value = value.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}
