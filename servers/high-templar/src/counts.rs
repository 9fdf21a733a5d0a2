//! What has happened since the start.

use std::sync::atomic::AtomicU64;

use serde::Serialize;

/// Counters, each of which only grows.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) triggers_received: AtomicU64,
    /// Messages that are no triggers, and triggers that no proxy took.
    pub(crate) triggers_lost: AtomicU64,
    pub(crate) frames_received: AtomicU64,
    pub(crate) frames_sent: AtomicU64,
    /// Frames that no proxy took.
    pub(crate) frames_lost: AtomicU64,
    /// Hooks that were left out, as too many were under way.
    pub(crate) hooks_skipped: AtomicU64,
    /// How often the broker was lost, or not there.
    pub(crate) broker_losses: AtomicU64,
}

/// What [`Templar::status`](crate::Templar::status) tells, under high-templar's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Connections of this process, or of all that share a state.
    pub open_connections: usize,
    /// Rooms that are heard by one of them.
    pub num_rooms: usize,
    /// When this process started, in Unix seconds.
    pub online_since: u64,
    /// Triggers that came, over AMQP or by POST.
    pub rabbitmq_messages_received: u64,
    /// Messages that are no triggers, and triggers that no proxy took.
    pub rabbitmq_messages_lost: u64,
    /// Frames of clients.
    pub ws_messages_received: u64,
    /// Frames to clients that were handed to the proxy. Those of triggers are not counted where
    /// processes share a state.
    pub ws_messages_send: u64,
    /// Frames to clients that no proxy took.
    pub ws_messages_send_error: u64,
    /// Always 0: what is queued is queued in the proxy.
    pub ws_messages_send_queued: u64,
    /// How often the broker was lost, or not there when it was tried. What was published meanwhile to
    /// a queue of this process alone is lost, and nobody can count it; a shared queue keeps the latest
    /// 10 000. high-templar has no such count.
    pub rabbitmq_connections_lost: u64,
    /// Hooks that were left out, as too many were under way. high-templar has no such count.
    pub hooks_skipped: u64,
}
