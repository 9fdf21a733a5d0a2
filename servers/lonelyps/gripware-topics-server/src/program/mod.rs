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
//! | `--command-socket URL` | `GRIPWARE_TOPICS_COMMAND_SOCKET` | none | of a Pushpin in front, see below |
//! | `--tls-cert FILE`, `--tls-key FILE` | `GRIPWARE_TOPICS_TLS_CERT`, `…_TLS_KEY` | none | serves over HTTPS, with a certificate and its key in PEM |
//! | `--tls-client-ca FILE` | `GRIPWARE_TOPICS_TLS_CLIENT_CA` | none | asks whoever connects for a certificate of these authorities (mutual TLS) |
//! | `--deliver-ca FILE` | `GRIPWARE_TOPICS_DELIVER_CA` | the system's | authorities of the subscribers that it POSTs to |
//! | `--deliver-cert FILE`, `--deliver-key FILE` | `GRIPWARE_TOPICS_DELIVER_CERT`, `…_DELIVER_KEY` | none | the certificate that it shows them (mutual TLS) |
//! | `--log FILTER` | `GRIPWARE_TOPICS_LOG` | `info` | of `tracing` |
//! | `--config FILE` | `GRIPWARE_TOPICS_CONFIG` | none | a TOML file with the names of the flags |
//! | `--setup DIR` | `GRIPWARE_TOPICS_SETUP` | none | writes the files with the secrets, and ends |
//! | `--to-broadcasters-auth A` | `GRIPWARE_TOPICS_TO_BROADCASTERS_AUTH` | `hmac` | with `--setup`: `none`, `token` or `hmac` |
//! | `--to-subscribers-auth A` | `GRIPWARE_TOPICS_TO_SUBSCRIBERS_AUTH` | `hmac` | or `standard-webhooks` |
//!
//! Several broadcasters share subscriptions where `GRIPWARE_STATE` names a Redis, and each has its own
//! `--host` then, within a network that is allowed. What they say to each other goes over their hosts, so
//! that `GRIPWARE_RELAY`, which is the hub's and names a Redis or a NATS, is not needed for it.
//!
//! It prints `listening on ADDR` when it is ready, ends with 0 on SIGTERM and SIGINT, and answers a
//! wrong setting with a line on standard error and status 2.
//!
//! Requests come in through a [`Hub`](gripware_hub::Hub) in the same process: HTTP/1.1 and HTTP/2, with
//! its limits for heads and idle connections, and WebSockets. Where `GRIP_URL` names a proxy, that one is
//! in front, and WebSockets carry what it lets pass: behind a Pushpin of Debian (1.36) a message to a
//! subscriber of more than about 16 KiB stalls, and one from it of 200 000 bytes ends its connection. That
//! Pushpin makes turns by its command socket alone (`--command-socket`, its `command_spec`); without it a
//! subscriber gets what is due as it sends something, or within a minute.

mod options;
mod run;
mod setup;
mod tls;

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
