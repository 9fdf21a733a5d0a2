//! What has happened since the start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Counters, each of which only grows.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) triggers_received: Count,
    /// Messages that are no triggers, and triggers that no proxy took.
    pub(crate) triggers_lost: Count,
    pub(crate) frames_received: Count,
    pub(crate) frames_sent: Count,
    /// Frames that no proxy took.
    pub(crate) frames_lost: Count,
    /// Hooks that were left out, as too many were under way.
    pub(crate) hooks_skipped: Count,
    /// How often the broker was lost, or not there.
    pub(crate) broker_losses: Count,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
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
