/// The names of the keys of one cluster. Channels, idempotency keys and connections have no control
/// characters, so that a line feed tells two of them apart.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    base: String,
}

impl Keys {
    pub(super) fn new(cluster: &str) -> Self {
        Self {
            base: format!("gw:{cluster}:"),
        }
    }

    /// What all of them begin with.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The id of a channel's last entry.
    pub(super) fn position(&self, channel: &str) -> String {
        format!("{}h:{{{channel}}}", self.base)
    }

    pub(super) fn entries(&self, channel: &str) -> String {
        format!("{}l:{{{channel}}}", self.base)
    }

    /// The entry that was appended under an idempotency key.
    pub(super) fn result(&self, channel: &str, key: &str) -> String {
        format!("{}k:{{{channel}}}\n{key}", self.base)
    }

    pub(super) fn record(&self, key: &str) -> String {
        format!("{}r:{key}", self.base)
    }

    /// The records of a kind by the times of their expiry.
    pub(super) fn expiries(&self, kind: &str) -> String {
        format!("{}expiries:{kind}", self.base)
    }

    pub(super) fn versions(&self) -> String {
        format!("{}versions", self.base)
    }

    /// The stream that nodes read items from.
    pub(super) fn items(&self) -> String {
        format!("{}items", self.base)
    }
}
