//! The program `gripware-topics`, as a function.
//!
//! | flag | variable | default | |
//! |---|---|---|---|
//! | `--listen ADDR` | `GRIPWARE_TOPICS_LISTEN` | `127.0.0.1:3003` | where it serves; port 0 takes a free one |
//! | `--secrets FILE` | `GRIPWARE_TOPICS_SECRETS` | none | `broadcaster-secrets.json`; without it nothing is signed, and only loopback is listened on |
//! | `--db DB` | `GRIPWARE_TOPICS_DB` | `memory` | or `sqlite:PATH` |
//! | `--host URL` | `GRIPWARE_TOPICS_HOST` | none | where other broadcasters reach this one |
//! | `--allow-target CIDR` | `GRIPWARE_TOPICS_ALLOW_TARGET` | none | repeatable, or separated by commas: networks beside public addresses that it may POST to |
//! | `--compression` | `GRIPWARE_TOPICS_COMPRESSION` | off | compresses messages over WebSockets, for subscribers that ask for it too |
//! | `--log FILTER` | `GRIPWARE_TOPICS_LOG` | `info` | of `tracing` |
//! | `--config FILE` | `GRIPWARE_TOPICS_CONFIG` | none | a TOML file with the names of the flags |
//! | `--setup DIR` | `GRIPWARE_TOPICS_SETUP` | none | writes the files with the secrets, and ends |
//! | `--to-broadcasters-auth A` | `GRIPWARE_TOPICS_TO_BROADCASTERS_AUTH` | `hmac` | with `--setup`: `none`, `token` or `hmac` |
//! | `--to-subscribers-auth A` | `GRIPWARE_TOPICS_TO_SUBSCRIBERS_AUTH` | `hmac` | or `standard-webhooks` |
//!
//! Several broadcasters share subscriptions where `GRIPWARE_STATE` names a Redis, and each has its own
//! `--host` then, within a network that is allowed. `GRIPWARE_RELAY` is the hub's.
//!
//! It prints `listening on ADDR` when it is ready, ends with 0 on SIGTERM and SIGINT, and answers a
//! wrong setting with a line on standard error and status 2.
//!
//! Requests come in through a [`Hub`](gripware_hub::Hub) in the same process: HTTP/1.1 and HTTP/2, with
//! its limits for heads and idle connections, and WebSockets. Where `GRIP_URL` names a proxy, that one is
//! in front, and WebSockets carry what it lets pass.

mod options;
mod run;
mod setup;

use std::{collections::HashMap, env, process::ExitCode};

use gripware_program::{Failure, block_on, exit, read};

use self::options::Options;

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    exit("gripware-topics", start())
}

fn start() -> Result<(), Failure> {
    let options = read::<Options>("GRIPWARE_TOPICS", env::args_os(), HashMap::new())?;
    let Some(options) = options else {
        return Ok(());
    };
    if let Some(folder) = &options.setup.folder {
        return setup::write(folder, &options.setup);
    }
    options.log.start();
    block_on(|| Ok(run::run(options)))
}
