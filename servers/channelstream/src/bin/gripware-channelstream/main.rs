//! The program: users and channels for browsers, set up by the ini file of channelstream.

mod ini;
mod make_config;
mod options;
mod run;

use std::{env, ffi::OsString, process::ExitCode};

use gripware_program::{Failure, block_on, exit, read};

use self::options::Options;

/// What the settings' variables begin with, as channelstream has it.
const PREFIX: &str = "CHANNELSTREAM";

fn main() -> ExitCode {
    exit("gripware-channelstream", start())
}

fn start() -> Result<(), Failure> {
    let arguments: Vec<OsString> = env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "make_config") {
        return make_config::run(arguments.into_iter().skip(1));
    }
    let file = ini::path(&arguments);
    let read_file = match &file {
        Some(path) => ini::read(path)?,
        None => ini::Settings::default(),
    };
    let options = read::<Options>(PREFIX, arguments, read_file.given)?;
    let Some(options) = options else {
        return Ok(());
    };
    options.log_filter().start();
    for line in &read_file.unknown {
        tracing::warn!("{line}");
    }
    block_on(|| Ok(run::run(options)))
}
