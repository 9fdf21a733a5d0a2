//! Channels: who is subscribed, in which order items are delivered, and how many may be on their way.
//!
//! An item passes through from top to bottom: whoever publishes waits in [`backlog`] for room, it is
//! encoded once for all subscribers in [`encoded_item`], and [`registry`] puts it in order and into
//! the inboxes of the shards that have subscribers. What needs no lock and no runtime of that is
//! [`gripware_core::proxy`]'s: order and deduplication.

pub(crate) mod backlog;
pub(crate) mod encoded_item;
pub(crate) mod registry;
pub(crate) mod shrink;
pub(crate) mod stripe;
