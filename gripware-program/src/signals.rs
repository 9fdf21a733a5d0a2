use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Failure;

/// The signals that a program answers.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// To end: SIGTERM or SIGINT.
    End,
    /// To read files again: SIGHUP.
    Reload,
}

#[cfg(unix)]
impl Signals {
    /// From now on signals no longer end the process by themselves.
    ///
    /// # Errors
    /// Where the system does not allow it.
    pub fn new() -> Result<Self, Failure> {
        let new = || -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
            })
        };
        new().map_err(|error| Failure::other(format_args!("no signals: {error}")))
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for the next signal to end. Cancel safe.
    pub async fn end(&mut self) {
        while self.next().await != Asked::End {}
    }
}

/// The signal that ends the program.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// From now on signals no longer end the process by themselves.
    ///
    /// # Errors
    /// None here.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self)
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> Asked {
        let pressed: io::Result<()> = tokio::signal::ctrl_c().await;
        if pressed.is_err() {
            std::future::pending::<()>().await;
        }
        Asked::End
    }

    /// Waits for the next signal to end. Cancel safe.
    pub async fn end(&mut self) {
        self.next().await;
    }
}
