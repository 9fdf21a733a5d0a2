//! A GRIP proxy as a program, in front of an application in any language.

mod args;
mod config;
mod file;
mod given;
mod help;
mod keys;
mod log;
mod parse;
mod run;
mod settings;
mod signals;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use crate::{
    args::Asked,
    config::Config,
    given::{ConfigError, Values},
    run::Failure,
};

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(error)) => {
            say(&error.to_string());
            ExitCode::from(2)
        }
        Err(Failure::Other(error)) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Failure> {
    let flags = match args::read(env::args_os())? {
        Asked::Run(flags) => flags,
        Asked::Print(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            return Ok(());
        }
    };
    let mut config = Config::read(&Values::collect(flags)?)?;
    log::start(std::mem::take(&mut config.log));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("no threads: {error}")))?;
    let ended = runtime.block_on(run::run(config));
    // What is still under way has had its time.
    runtime.shutdown_timeout(Duration::ZERO);
    ended
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// Where nobody can read it, the exit status says it.
fn say(error: &str) {
    let _ = writeln!(io::stderr(), "gripware-hub: {error}");
}
