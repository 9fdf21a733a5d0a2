//! A GRIP proxy as a program, in front of an application in any language.

mod help;
mod hub_settings;
mod keys;
mod options;
mod origin;
mod run;
mod tls;

use std::{collections::HashMap, env, process::ExitCode};

use gripware_program::{ConfigError, Failure, block_on, exit, read};

use crate::options::Options;

fn main() -> ExitCode {
    exit("gripware-hub", start())
}

fn start() -> Result<(), Failure> {
    let Some(options) = options()? else {
        return Ok(());
    };
    options.log.start();
    block_on(|| Ok(run::run(options)))
}

/// Reads what the program is started with.
fn options() -> Result<Option<Options>, ConfigError> {
    read("GRIPWARE_HUB", env::args_os(), HashMap::new())
}
