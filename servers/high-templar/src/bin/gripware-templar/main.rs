//! The program: rooms for a backend at an HTTP address or behind a unix socket.

mod older;
mod options;
mod rabbitmq;
mod request_kwargs;
mod run;

use std::{env, process::ExitCode};

use gripware_program::{Failure, block_on, exit, read};

use self::options::Options;

fn main() -> ExitCode {
    exit("gripware-templar", start())
}

fn start() -> Result<(), Failure> {
    let options = read::<Options>("GRIPWARE_TEMPLAR", env::args_os(), older::read()?)?;
    let Some(options) = options else {
        return Ok(());
    };
    options.log.start();
    block_on(|| Ok(run::run(options)))
}
