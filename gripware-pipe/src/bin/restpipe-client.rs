//! The end of a pipe that dials, as a program.

use std::process::ExitCode;

use gripware_pipe::{events::Events, program};

fn main() -> ExitCode {
    program::client(Events::built_in("client"))
}
