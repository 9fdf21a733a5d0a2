//! The client's clock, which everything below it is handed the time of.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970. Before it there is nothing.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
