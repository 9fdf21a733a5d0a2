use std::io::{self, IsTerminal};
#[cfg(unix)]
use std::{fs::File, os::fd::AsFd as _};

use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

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
            .with_writer(writer())
            .try_init();
    }
}

/// Standard error without the lock of `std`, which a thread has for as long as the system takes a line:
/// threads that serve would wait for one another at each request. A line is a single write.
fn writer() -> BoxMakeWriter {
    #[cfg(unix)]
    if let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() {
        return BoxMakeWriter::new(File::from(stderr));
    }
    BoxMakeWriter::new(io::stderr)
}
