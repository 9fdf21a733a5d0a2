//! What all lines of the hub's log have in common.

/// The target of every event, whichever module it comes from: what a filter of a subscriber names.
pub(crate) const TARGET: &str = "gripware_hub";

/// The target of what each request and each end of a hold leaves, at debug: an application whose hub
/// is inside has lines of its own for its requests.
pub(crate) const REQUESTS: &str = "gripware_hub::request";
