//! Messages of HTTP apart from sockets: which headers go on, how requests are kept in few bytes, and
//! how responses are written once their connection has left hyper.

pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod compact_headers;
pub(crate) mod content_coding;
pub(crate) mod header_count;
pub(crate) mod hop_by_hop;
pub(crate) mod http1_head;
pub(crate) mod refusal;
pub(crate) mod replay_request;
pub(crate) mod reserved;
pub(crate) mod silence;

/// Whatever went wrong in a service or a body.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
