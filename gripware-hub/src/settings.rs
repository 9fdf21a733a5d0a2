use std::time::Duration;

use gripware_core::sig::Signer;

/// What is set once, when a hub is built.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Signs requests to the origin, where the hub signs at all.
    pub(crate) signer: Option<Signer>,
    /// How many channels one connection follows (GRIP 1.4).
    pub(crate) max_channels: usize,
    /// How many threads hold connections.
    pub(crate) shards: usize,
    /// Whether clients are told why an instruction was refused.
    pub(crate) development: bool,
    /// What a connection may have waiting for a client that does not read, in bytes.
    pub(crate) queue_bytes: usize,
    /// The same in messages.
    pub(crate) queue_messages: usize,
    pub(crate) slow_clients: SlowClients,
    /// How many bytes of items may be accepted and not yet handed to their connections.
    pub(crate) backlog_bytes: usize,
    /// How long an item waits for the one before it (GRIP 3.6).
    pub(crate) message_wait: Duration,
    /// How long an id is remembered, so that an item that comes twice is delivered once.
    pub(crate) id_memory: Duration,
    /// The least time between two polls of an idle WebSocket (GRIP 2.3).
    pub(crate) min_keep_alive_interval: Duration,
    /// The largest message a WebSocket client may send, in bytes.
    pub(crate) max_message: usize,
    /// How long a WebSocket client may take to go on with a message that it has begun.
    pub(crate) message_timeout: Duration,
    /// The most bytes of the head of a request that can be held: its address and headers are kept,
    /// and sent again.
    pub(crate) max_held_head: usize,
    /// The largest body of a request that can be held, since it may have to be sent again.
    pub(crate) max_held_request: usize,
    /// The largest response that is kept: a response hold's, or an `application/grip-instruct`.
    pub(crate) max_held_response: usize,
    /// How long the origin may take for what the hub asks by itself.
    pub(crate) origin_timeout: Duration,
    /// How many requests of the hub's own may be under way to the origin.
    pub(crate) max_origin_requests: usize,
    /// How many turns of WebSockets one client address may have under way to the origin.
    pub(crate) max_turns_per_address: usize,
    /// How long the end may take.
    pub(crate) drain: Duration,
}

/// What becomes of a client whose queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowClients {
    /// It is disconnected: a WebSocket with code 1013, a stream without its end, so that the
    /// client knows that something is missing and connects again.
    #[default]
    Close,
    /// What does not fit is dropped. A stream with a next link recovers it from the origin once the
    /// client reads again; any other connection has lost it.
    Drop,
}
