//! What real proxies take: the bounds that instructions and WebSocket bodies are held to.
//!
//! ```
//! use gripware_core::Limits;
//!
//! let limits = Limits::default();
//! assert_eq!(limits.channels, 20);
//!
//! // A proxy of one's own that allows more:
//! let mut wider = Limits::default();
//! wider.channels = 100;
//! ```

/// Bounds that a proxy puts on an origin, with Pushpin's values as defaults (GRIP 1.8, 2.6, 3.1).
///
/// Beyond them a proxy answers with an unexplained 502 or drops in silence, so what is over a
/// bound is an error here. Whoever runs a proxy that allows more raises them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Channels of one hold or one WebSocket. Default 20: Pushpin drops the surplus in silence.
    pub channels: usize,
    /// Filters of one channel. Default 5: Pushpin 2 refuses more.
    pub filters: usize,
    /// Bytes of the first response of a `response` hold, and of an `application/grip-instruct`
    /// body. Default 100 000.
    pub instruct_body: usize,
    /// Bytes of the headers that one instruction may add. Default 8 000: common servers and
    /// proxies refuse a head of more than 8 KiB to 16 KiB.
    pub instruct_headers: usize,
    /// Bytes of a WebSocket-over-HTTP body, in both directions. Default 1 000 000.
    pub websocket_body: usize,
    /// Events in one WebSocket-over-HTTP body from a proxy. Default 16 384: a proxy gathers about
    /// 200 000 bytes, and an event takes at least 6.
    pub websocket_events: usize,
    /// Bytes of the content of one WebSocket event from a proxy. Default 1 000 000.
    pub websocket_event: usize,
    /// Bytes of a control message. Default 16 384: Pushpin drops a larger one in silence.
    pub control_message: usize,
    /// Bytes of the body that refuses a WebSocket. Default 100 000.
    pub refusal_body: usize,
    /// Items of meta that one hold sets or one WebSocket carries. Default 64.
    pub meta: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            channels: 20,
            filters: 5,
            instruct_body: 100_000,
            instruct_headers: 8_000,
            websocket_body: 1_000_000,
            websocket_events: 16_384,
            websocket_event: 1_000_000,
            control_message: 16_384,
            refusal_body: 100_000,
            meta: 64,
        }
    }
}
