//! The program `gripware-topics`, as a function.
//!
//! | flag | variable | default | |
//! |---|---|---|---|
//! | `--listen ADDR` | `GRIPWARE_TOPICS_LISTEN` | `127.0.0.1:3003` | where it serves; port 0 takes a free one |
//! | `--secrets FILE` | `GRIPWARE_TOPICS_SECRETS` | none | `broadcaster-secrets.json`; without it nothing is signed, and only loopback is listened on |
//! | `--db DB` | `GRIPWARE_TOPICS_DB` | `memory` | or `sqlite:PATH` |
//! | `--allow-target CIDR` | `GRIPWARE_TOPICS_ALLOW_TARGET` | none | repeatable, or separated by commas: networks beside public addresses that it may POST to |
//! | `--log FILTER` | `GRIPWARE_TOPICS_LOG` | `info` | of `tracing` |
//! | `--setup DIR` | `GRIPWARE_TOPICS_SETUP` | none | writes the files with the secrets, and ends |
//! | `--to-broadcasters-auth A` | `GRIPWARE_TOPICS_TO_BROADCASTERS_AUTH` | `hmac` | with `--setup`: `none`, `token` or `hmac` |
//! | `--to-subscribers-auth A` | `GRIPWARE_TOPICS_TO_SUBSCRIBERS_AUTH` | `hmac` | or `standard-webhooks` |
//!
//! It prints `listening on ADDR` when it is ready, ends with 0 on SIGTERM and SIGINT, and answers a
//! wrong setting with a line on standard error and status 2.

mod args;
mod run;
mod setup;

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use tracing_subscriber::EnvFilter;

use self::args::Asked;

/// Why the program ends.
#[derive(Debug)]
enum Failure {
    /// A setting is wrong: status 2.
    Setting(String),
    /// Status 1.
    Other(String),
}

impl Failure {
    fn setting(name: &str, error: impl Display) -> Self {
        Self::Setting(format!("{name}: {error}"))
    }
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (text, status) = match failure {
                Failure::Setting(text) => (text, 2),
                Failure::Other(text) => (text, 1),
            };
            let text = text.replace(char::is_control, " ");
            // Where nobody can read it, the status says it.
            let _ = writeln!(io::stderr(), "gripware-topics: {text}");
            ExitCode::from(status)
        }
    }
}

fn start() -> Result<(), Failure> {
    match args::read(env::args_os())? {
        Asked::Print(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            Ok(())
        }
        Asked::Setup(setup) => setup.write(),
        Asked::Serve(serve) => {
            let filter = EnvFilter::try_new(&serve.log)
                .map_err(|_| Failure::setting("--log", "it is no filter for logs"))?;
            // There is no other one in this program.
            let _ = tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_ansi(io::stderr().is_terminal())
                .with_writer(io::stderr)
                .try_init();
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::Other(format!("no threads: {error}")))?;
            let ended = runtime.block_on(run::run(serve));
            // What is still under way has had its time.
            runtime.shutdown_timeout(Duration::ZERO);
            ended
        }
    }
}
