//! The broadcaster of httppubsub, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gripware_topics_server::program::main()
}
