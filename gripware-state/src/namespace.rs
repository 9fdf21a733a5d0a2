use gripware_core::Channel;

use crate::ConfigError;

/// The most bytes of a cluster's name.
pub const MAX_CLUSTER_LEN: usize = 32;

/// What an application's keys in a shared engine begin with, and what its publisher puts before
/// channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    cluster: String,
    prefix: String,
}

impl Default for Namespace {
    /// The cluster `default`, without a prefix.
    fn default() -> Self {
        Self {
            cluster: "default".to_owned(),
            prefix: String::new(),
        }
    }
}

impl Namespace {
    /// Sets the cluster: 1 to [`MAX_CLUSTER_LEN`] of `a-z`, `0-9` and `-`. The nodes of one
    /// application have the same, and no other application at the same engine has it.
    ///
    /// # Errors
    /// Where it is anything else.
    pub fn with_cluster(mut self, cluster: impl Into<String>) -> Result<Self, ConfigError> {
        let cluster = cluster.into();
        let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=MAX_CLUSTER_LEN).contains(&cluster.len()) || !cluster.bytes().all(is_allowed) {
            return Err(ConfigError::Cluster);
        }
        self.cluster = cluster;
        Ok(self)
    }

    /// Sets what the publisher puts before the name of each channel.
    ///
    /// # Errors
    /// Where it is no part of a channel's name.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        if !prefix.is_empty() {
            Channel::new(prefix.as_str()).map_err(ConfigError::Prefix)?;
        }
        self.prefix = prefix;
        Ok(self)
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What the publisher puts before the name of each channel.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}
