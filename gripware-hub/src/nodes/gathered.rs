//! What several nodes said, and whether that is all of them.

use std::fmt;

/// How many nodes were asked, and how many of them have said something: `2/3`.
///
/// Both count this node. A node that was killed is asked until the others have not heard it for
/// 3 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nodes {
    /// How many were asked.
    pub asked: usize,
    /// How many have answered in time.
    pub answered: usize,
}

impl Nodes {
    /// This node, and nobody else.
    pub(crate) const ALONE: Self = Self {
        asked: 1,
        answered: 1,
    };

    /// Returns `true` if every node has answered.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.answered == self.asked
    }
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.answered, self.asked)
    }
}

/// What the nodes that answered have said together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gathered<T> {
    /// What they said.
    pub value: T,
    /// Who that was. Where not all answered the value is partial.
    pub nodes: Nodes,
}

impl<T> Gathered<T> {
    pub(crate) fn new(value: T, nodes: Nodes) -> Self {
        Self { value, nodes }
    }

    /// Of this node, where there is no other.
    pub(crate) fn alone(value: T) -> Self {
        Self::new(value, Nodes::ALONE)
    }
}

/// Whether a connection was found at some node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was, and what was asked for is done.
    Yes,
    /// Every node has said that it has no such connection.
    No,
    /// Nobody has said that it has it, and not all have answered.
    Partial(Nodes),
}

impl Found {
    #[cfg(any(feature = "relay", test))]
    pub(crate) fn of(is_found: bool, nodes: Nodes) -> Self {
        match (is_found, nodes.is_complete()) {
            (true, _) => Self::Yes,
            (false, true) => Self::No,
            (false, false) => Self::Partial(nodes),
        }
    }

    /// Returns `true` for [`Found::Yes`].
    #[must_use]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}
