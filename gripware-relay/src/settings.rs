//! What can be set, and the times that all nodes agree on.

use std::time::Duration;

use crate::NodeId;

/// The time between two beats of a node.
pub const BEAT: Duration = Duration::from_secs(1);

/// A node that has not heard its own beat for so long is deaf: two beats may be late, as on a
/// machine that is busy.
pub const SILENCE: Duration = Duration::from_secs(3);

/// A node that others have not heard for so long is not asked.
pub const GONE_AFTER: Duration = Duration::from_secs(3);

/// A node that stays deaf and gets nothing for so long though its broker seems connected begins to
/// receive anew. A
/// healthy connection to a server that passes nothing on shows in no other way.
pub(crate) const START_ANEW: Duration = Duration::from_secs(3);

/// A node that is deaf since it is behind, as after a break of its process, reads on for so long
/// before it begins to receive anew, from the present on.
pub(crate) const CATCH_UP: Duration = Duration::from_secs(60);

/// How long the sender waits for its own messages to come back, before it sends them again.
pub(crate) const ECHO: Duration = Duration::from_secs(1);

/// How long a broker has for one batch.
pub(crate) const SEND: Duration = Duration::from_secs(4);

/// How often deadlines are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// Settings of a [`Relay`](crate::Relay).
///
/// ```
/// use std::time::Duration;
///
/// use gripware_relay::RelaySettings;
///
/// let settings = RelaySettings::new().publish_timeout(Duration::from_secs(2));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RelaySettings {
    pub(crate) node: NodeId,
    pub(crate) backlog_bytes: usize,
    pub(crate) publish_timeout: Duration,
    pub(crate) ask_timeout: Duration,
}

impl RelaySettings {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self {
            node: NodeId::random(),
            backlog_bytes: 16 * 1024 * 1024,
            publish_timeout: Duration::from_secs(5),
            ask_timeout: Duration::from_millis(500),
        }
    }

    /// Sets what the node is called. Default: a random name.
    pub fn node(mut self, node: NodeId) -> Self {
        self.node = node;
        self
    }

    /// Sets how many bytes of items may wait for the broker to accept them, before more are
    /// refused. Default: 16 MiB.
    pub fn backlog_bytes(mut self, bytes: usize) -> Self {
        self.backlog_bytes = bytes;
        self
    }

    /// Sets how long an item may wait to be accepted. Default: 5 s.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// Sets how long other nodes have for an answer. Default: 500 ms.
    pub fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.ask_timeout = timeout;
        self
    }
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self::new()
    }
}
