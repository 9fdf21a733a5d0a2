//! What all lines of the hub's log have in common.

/// The target of every event, whichever module it comes from: what a filter of a subscriber names.
pub(crate) const TARGET: &str = "gripware_hub";
