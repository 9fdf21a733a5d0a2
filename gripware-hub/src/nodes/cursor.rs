//! The place of a connection in the list of all nodes: by the names of the nodes, and at each as it
//! lists its own.

use gripware_relay::NodeId;

use crate::page::CursorError;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) node: NodeId,
    /// The cursor of the node itself.
    pub(super) at: String,
}

impl Cursor {
    pub(super) fn read(text: &str) -> Result<Self, CursorError> {
        // Names of nodes have no dot.
        let (node, at) = text.split_once('.').ok_or(CursorError)?;
        Ok(Self {
            node: NodeId::try_from(node).map_err(|_| CursorError)?,
            at: at.to_owned(),
        })
    }
}

/// Writes what [`Cursor::read`] reads.
pub(super) fn write(node: &str, at: &str) -> String {
    format!("{node}.{at}")
}
