use std::{fmt, time::Duration};

use crate::Epoch;

/// How long a connection counts as present without being heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lease<'a> {
    /// As long as its node renews this lease: one renewal for all of a node's connections.
    Node(&'a LeaseId),
    /// For so long after it has joined or was touched.
    Own(Duration),
}

/// The name of a node's lease: 16 random characters, new for each life of the node.
///
/// A lease that was lost is never taken up again under its name: whoever sweeps it may still be
/// removing its members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId(String);

impl LeaseId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{}{}", Epoch::random(), Epoch::random()))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
