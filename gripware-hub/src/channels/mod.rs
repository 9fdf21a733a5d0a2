pub(crate) mod backlog;
pub(crate) mod dedup_cache;
pub(crate) mod encoded_item;
pub(crate) mod registry;
pub(crate) mod sequencer;
pub(crate) mod stripe;
