//! The limits of a broadcaster.

use std::time::Duration;

use gripware_topics::auth::ReplayStore;

/// How much a broadcaster does at a time, and for how long it tries.
///
/// ```
/// use std::time::Duration;
/// use gripware_topics_server::Settings;
///
/// let settings = Settings::default().delivery_timeout(Duration::from_secs(5));
/// # let _ = settings;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Settings {
    pub(crate) max_message: usize,
    pub(crate) max_buffered: usize,
    pub(crate) max_list: usize,
    pub(crate) max_glob: usize,
    pub(crate) deliveries: usize,
    pub(crate) deliveries_per_subscriber: usize,
    pub(crate) queue_per_subscriber: usize,
    pub(crate) delivery_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) missed_for: Duration,
    pub(crate) replays: usize,
    pub(crate) compression: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_message: 64 * 1024 * 1024,
            max_buffered: 256 * 1024 * 1024,
            max_list: 16 * 1024 * 1024,
            max_glob: 1024,
            deliveries: 1024,
            deliveries_per_subscriber: 8,
            queue_per_subscriber: 64,
            delivery_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            missed_for: Duration::from_secs(3 * 24 * 60 * 60),
            replays: ReplayStore::CAPACITY,
            compression: false,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl Settings {
            $(
                $(#[$doc])*
                pub fn $name(mut self, value: $type) -> Self {
                    self.$name = value;
                    self
                }
            )*
        }
    };
}

setters! {
    /// Most bytes of a message; 413 over it. Default: 64 MiB. A message is in memory while it is
    /// delivered.
    max_message: usize,
    /// Most bytes of all messages, and of lists of subscriptions, that are in memory at a time; 503 over
    /// it. Default: 256 MiB. What is read before it is known who asks has 64 MiB of its own.
    max_buffered: usize,
    /// Most bytes of a list of subscriptions. Default: 16 MiB. A list takes its bytes and 256 more for each
    /// subscription of [`max_buffered`](Self::max_buffered).
    max_list: usize,
    /// Most bytes of a pattern. Default: 1024. A pattern and a topic take the product of their
    /// lengths to compare, at worst.
    max_glob: usize,
    /// Most deliveries at a time. Default: 1024, each of which has a connection.
    deliveries: usize,
    /// Most deliveries at a time to one subscriber. Default: 8.
    deliveries_per_subscriber: usize,
    /// Most deliveries that wait for one subscriber (slow consumer); over it, it has missed them.
    /// Default: 64.
    queue_per_subscriber: usize,
    /// How long a delivery may take, with the time for which it waits for others to the same
    /// subscriber. Default: 30 s. The subscriber confirms when it has worked on a message.
    delivery_timeout: Duration,
    /// How long the body of a request, or a message in parts over a WebSocket, may take to come. What is
    /// late over a WebSocket is noticed within a minute more. Default: 60 s.
    body_timeout: Duration,
    /// For how long a subscriber that has missed something may confirm nothing, until it is taken for
    /// gone and unsubscribed. Default: 3 days. Whether it has is seen when it is told, at most two and a
    /// half hours later.
    missed_for: Duration,
    /// Most signatures that are remembered for replay protection, which is one for each request and each
    /// message that is published; confirmations of messages need none, since they are of one delivery. Default:
    /// 2 097 152; see [`ReplayStore`]. They are remembered in this process alone: what was sent to it is
    /// taken once more by another one, or by this one when it was started anew, for as long as its
    /// signature is valid.
    replays: usize,
    /// Whether messages over WebSockets are compressed with zstd, and its standard dictionary, where the
    /// subscriber asks for it too and they have 16 KiB or more. Default: `false`.
    compression: bool,
}
