use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Sends what is logged to stderr, one line each.
pub(crate) fn start(filter: EnvFilter) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    // There is no other one in this program.
    let _ = log.try_init();
}
