//! The command line and the environment.

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;
use gripware_core::ErrorChain;
use gripware_publish::Grip;

/// An origin that uses every feature of gripware once. `GRIP_URL`, `GRIP_PREFIX` and
/// `GRIP_PROXY_REQUIRED` say which proxy is in front of it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// What a conformance server starts with.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Which proxy is in front, and where to publish.
    pub grip: Grip,
}

impl Settings {
    /// Reads both. A bad command line ends the process, as does a wish for help.
    ///
    /// # Errors
    /// A bad environment is told on one line of standard error; the exit status is 2.
    pub fn read() -> Result<Self, ExitCode> {
        let Arguments { listen } = Arguments::parse();
        let grip = Grip::from_env().map_err(|error| Self::refuse(&error))?;
        Ok(Self { listen, grip })
    }

    /// Says on one line of standard error why the server does not start.
    pub fn refuse(error: &(dyn std::error::Error + 'static)) -> ExitCode {
        eprintln!("{}", ErrorChain(error));
        ExitCode::from(2)
    }
}
