//! The clock that all timers of the hub go by.

use std::time::Instant;

/// The time by the clock of the runtime, which is the system's monotonic one. A test that pauses
/// tokio's clock moves all timers of the hub with it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
