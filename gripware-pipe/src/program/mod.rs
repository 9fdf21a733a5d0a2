//! The programs `restpipe-server`, `restpipe-client` and `restpipe-cert`, as functions.
//!
//! They are here so that a program of one's own has the same flags, variables and file, and handlers
//! in Rust besides:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use gripware_pipe::{events::{Event, Events, Json}, program};
//! use http::Method;
//!
//! fn main() -> ExitCode {
//!     let events = Events::built_in("client")
//!         .on(Method::GET, "disk/free", |_: Event, name: String| async move { Json(name.len()) });
//!     program::client(events)
//! }
//! ```
//!
//! With `--handler` an HTTP server takes the place of these handlers.

mod args;
mod cert;
mod client;
mod end;
mod file;
mod given;
mod help;
mod parse;
mod server;
mod settings;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use tracing_subscriber::EnvFilter;

use self::{
    args::Asked,
    given::{ConfigError, Values},
    settings::Program,
};
use crate::events::Events;

/// Runs `restpipe-server` with the arguments of this process. Its own handlers answer what no
/// `--handler` does.
#[must_use]
pub fn server(events: Events) -> ExitCode {
    run(&settings::SERVER, |values| server::start(values, events))
}

/// Runs `restpipe-client` with the arguments of this process. Its own handlers answer what no
/// `--handler` does.
#[must_use]
pub fn client(events: Events) -> ExitCode {
    run(&settings::CLIENT, |values| client::start(values, events))
}

/// Runs `restpipe-cert` with the arguments of this process.
#[must_use]
pub fn cert() -> ExitCode {
    match cert::run(env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit("restpipe-cert"),
    }
}

/// Why a program ends.
enum Failure {
    /// A setting is wrong.
    Config(ConfigError),
    Other(String),
}

impl Failure {
    fn exit(&self, program: &str) -> ExitCode {
        let (text, status) = match self {
            Self::Config(error) => (error.to_string(), 2),
            Self::Other(text) => (text.replace(char::is_control, " "), 1),
        };
        // Where nobody can read it, the status says it.
        let _ = writeln!(io::stderr(), "{program}: {text}");
        ExitCode::from(status)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

fn run<F>(program: &'static Program, start: impl FnOnce(&Values) -> Result<F, Failure>) -> ExitCode
where
    F: Future<Output = Result<(), Failure>>,
{
    match run_with(program, env::args_os(), start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit(program.name),
    }
}

fn run_with<F>(
    program: &'static Program,
    arguments: impl IntoIterator<Item = OsString>,
    start: impl FnOnce(&Values) -> Result<F, Failure>,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let flags = match args::read(program, arguments)? {
        Asked::Run(flags) => flags,
        Asked::Print(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            return Ok(());
        }
    };
    let values = Values::collect(program, flags)?;
    let filter = values.require(&settings::LOG, |text| {
        EnvFilter::try_new(text).map_err(|_| "it is no filter for logs")
    })?;
    // There is no other one in this program.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
    for name in values.without_effect() {
        tracing::warn!("{name} has no effect here: see --help");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("no threads: {error}")))?;
    let ended = {
        let _inside = runtime.enter();
        runtime.block_on(start(&values)?)
    };
    // What is still under way has had its time.
    runtime.shutdown_timeout(Duration::ZERO);
    ended
}
