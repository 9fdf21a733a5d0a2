//! A small certificate authority for pipes, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gripware_pipe::program::cert()
}
