pub(crate) mod body;
pub(crate) mod compact_headers;
pub(crate) mod hop_by_hop;
pub(crate) mod http1_head;
pub(crate) mod replay_request;
pub(crate) mod reserved;
