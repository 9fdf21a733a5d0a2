use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// What has been counted since the hub was built.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[$doc])* pub(crate) $name: Counter,)*
        }
    };
}

counters! {
    /// Requests of clients.
    requests;
    /// Requests that the origin did not answer, or not so that it can be passed on.
    bad_gateway;
    /// Clients that were held: requests answered later.
    held_responses;
    /// The same: responses appended to.
    held_streams;
    /// The same: WebSockets.
    held_websockets;
    /// Items accepted.
    items;
    /// Items dropped since their id was seen a moment ago.
    duplicates;
    /// Items that waited for an earlier one in vain.
    gaps;
    /// Items handed to a connection.
    deliveries;
    /// Bytes written to held clients.
    sent_bytes;
    /// Messages dropped since a client did not read.
    dropped;
    /// Clients disconnected since they did not read.
    slow_closed;
    /// Requests of the hub's own to the origin.
    asks;
    /// Those of them that failed.
    asks_failed;
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
