//! Which broker, and which cluster.

use std::{fmt, sync::Arc};

use gripware_relay::{Backend, Broker, ClusterName, NodeId, OpenError, RelaySettings, RelayUrl};

use crate::settings::Settings;

/// Which broker passes items between nodes, and which nodes belong together.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) backends: Vec<Backend>,
    pub(crate) url: Option<RelayUrl>,
    pub(crate) cluster: Option<ClusterName>,
    /// Handed in as it is, which a URL goes before.
    pub(crate) broker: Option<Arc<dyn Broker>>,
    pub(crate) node: Option<NodeId>,
}

/// The cluster of nodes that nobody has given a name.
const CLUSTER: &str = "default";

impl Choice {
    /// Returns the broker; `None` if there is to be none.
    pub(crate) fn open(&self) -> Result<Option<Arc<dyn Broker>>, OpenError> {
        let Some(url) = &self.url else {
            return Ok(self.broker.clone());
        };
        let cluster = match &self.cluster {
            Some(cluster) => cluster.clone(),
            // A valid name.
            #[expect(clippy::expect_used, reason = "a constant that a test looks at")]
            None => CLUSTER.parse().expect("a valid name"),
        };
        Backend::open_url(&self.backends, url, &cluster).map(Some)
    }

    /// Returns what the relay takes of the settings of the hub.
    pub(crate) fn settings(&self, settings: &Settings) -> RelaySettings {
        let relay = RelaySettings::new()
            .backlog_bytes(settings.backlog_bytes)
            .publish_timeout(settings.publish_timeout)
            .ask_timeout(settings.ask_timeout);
        match &self.node {
            Some(node) => relay.node(node.clone()),
            None => relay,
        }
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice")
            .field("url", &self.url)
            .field("cluster", &self.cluster)
            .field("broker", &self.broker)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
