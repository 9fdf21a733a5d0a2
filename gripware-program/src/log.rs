use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::log_time::LogTime;

/// What is logged to standard error: a level, or targets with levels.
#[derive(Clone, Debug)]
pub struct LogFilter(String);

impl LogFilter {
    /// Reads a filter, such as `info` or `info,gripware_hub=debug`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match EnvFilter::try_new(text) {
            Ok(_) if !text.is_empty() => Ok(Self(text.to_owned())),
            _ => Err("it is no filter for logs"),
        }
    }

    /// Sends what passes the filter to standard error, one line each. The first call of a process
    /// counts.
    pub fn start(&self) {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(&self.0))
            .with_ansi(io::stderr().is_terminal())
            .with_timer(LogTime::default())
            .with_writer(io::stderr)
            .try_init();
    }
}
