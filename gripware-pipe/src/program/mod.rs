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

mod cert;
mod client;
mod end;
mod help;
mod options;
mod restpipe;
mod server;

use std::{env, process::ExitCode};

use gripware_program::{Failure, block_on, exit, read};

use self::options::Program;
use crate::events::Events;

/// Runs `restpipe-server` with the arguments of this process. Its own handlers answer what no
/// `--handler` does.
#[must_use]
pub fn server(events: Events) -> ExitCode {
    run(|options| server::start(options, events))
}

/// Runs `restpipe-client` with the arguments of this process. Its own handlers answer what no
/// `--handler` does.
#[must_use]
pub fn client(events: Events) -> ExitCode {
    run(|options| client::start(options, events))
}

/// Runs `restpipe-cert` with the arguments of this process.
#[must_use]
pub fn cert() -> ExitCode {
    exit("restpipe-cert", cert::run(env::args_os()))
}

fn run<P: Program, F>(start: impl FnOnce(P) -> Result<F, Failure>) -> ExitCode
where
    F: Future<Output = Result<(), Failure>>,
{
    exit(P::NAME, started(start))
}

fn started<P: Program, F>(start: impl FnOnce(P) -> Result<F, Failure>) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let Some(options) = read::<P>(P::PREFIX, env::args_os(), P::older()?)? else {
        return Ok(());
    };
    options.log().start();
    for name in restpipe::without_effect(P::PREFIX) {
        tracing::warn!("{name} has no effect here: see --help");
    }
    block_on(|| start(options))
}
