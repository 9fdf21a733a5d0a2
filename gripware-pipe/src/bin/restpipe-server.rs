//! The end of a pipe that clients dial, as a program.

use std::process::ExitCode;

use gripware_pipe::{events::Events, program};

fn main() -> ExitCode {
    program::server(Events::built_in("server"))
}
