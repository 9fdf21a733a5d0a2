//! What holds for every session of a hub.

use std::time::Duration;

use gripware_core::Limits;

/// Bounds and times of sessions, shared by all of them.
#[derive(Clone, Debug)]
pub(crate) struct WsSettings {
    /// Bounds of bodies, control messages, filters, meta and refusals.
    pub(crate) limits: Limits,
    /// The least time between two polls of an idle WebSocket; a shorter one that the origin asks
    /// for becomes this. Default 20 s, as in Pushpin.
    pub(crate) min_keep_alive_interval: Duration,
    /// The largest message of a client, in bytes. Default 512 KiB.
    pub(crate) max_message: usize,
    /// How long a client may take to go on with a message that it has begun. Default 60 s.
    pub(crate) message_timeout: Duration,
    /// When the client is pinged, and when it counts as gone. Default every 25 s, and 20 s later.
    pub(crate) heartbeat: HeartbeatSettings,
    /// From how many waiting content bytes on nothing more is read from the client. Default
    /// 200 000, as much as Pushpin keeps.
    pub(crate) queue_bytes: usize,
    /// The same in events: an empty message costs memory as well. Default 1 024.
    pub(crate) queue_events: usize,
    /// When a keep-alive control message that says no time is sent. Default 55 s.
    pub(crate) client_keep_alive: Duration,
    /// When a delayed message that says no time is sent. Default 1 s.
    pub(crate) delay: Duration,
    /// How long a client may take to answer a close. Default 10 s.
    pub(crate) close_timeout: Duration,
    /// How often a request that did not reach the origin is sent again. Default 5.
    pub(crate) retries: u8,
}

/// How often a client is pinged, and how long it may take to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeartbeatSettings {
    /// The time from one ping to the next; zero is never.
    pub(crate) interval: Duration,
    /// The time from a ping until something has to come.
    pub(crate) timeout: Duration,
}

impl WsSettings {
    /// Bounds of an origin's answers. Events are not counted: the body's bound is theirs.
    pub(crate) fn limits_of_answers(&self) -> Limits {
        let mut limits = self.limits.clone();
        limits.websocket_events = limits.websocket_body;
        limits.websocket_event = limits.websocket_body;
        limits
    }
}

impl Default for WsSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            min_keep_alive_interval: Duration::from_secs(20),
            max_message: 512 * 1024,
            message_timeout: Duration::from_secs(60),
            heartbeat: HeartbeatSettings {
                interval: Duration::from_secs(25),
                timeout: Duration::from_secs(20),
            },
            queue_bytes: 200_000,
            queue_events: 1_024,
            client_keep_alive: Duration::from_secs(55),
            delay: Duration::from_secs(1),
            close_timeout: Duration::from_secs(10),
            retries: 5,
        }
    }
}
