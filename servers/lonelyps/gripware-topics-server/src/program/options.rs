//! The command line, its variables, and the file of settings.

use std::{path::PathBuf, str::FromStr};

use clap::Args;
use gripware_program::{LogFilter, parse};
use gripware_publish::CommandSocket;
use gripware_topics::{
    Address,
    auth::{Kind, SecretError},
};

use super::tls::TlsOptions;
use crate::Network;

const EXAMPLE: &str = "Example:
  gripware-topics --setup . --to-broadcasters-auth hmac --to-subscribers-auth hmac
  gripware-topics --secrets broadcaster-secrets.json --db sqlite:topics.db --allow-target 10.0.0.0/8";

/// Delivers the messages of topics to HTTP endpoints: a broadcaster of httppubsub.
#[derive(Debug, clap::Parser)]
#[command(name = "gripware-topics", version, after_help = EXAMPLE, max_term_width = 100)]
pub(super) struct Options {
    /// Where to serve: HOST:PORT, where port 0 is any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3003", value_parser = parse::address)]
    pub(super) listen: String,
    /// broadcaster-secrets.json; without it nothing is signed, on loopback alone
    #[arg(long, value_name = "FILE")]
    pub(super) secrets: Option<PathBuf>,
    /// Where subscriptions are kept: memory, or sqlite:PATH
    #[arg(long, value_name = "DB", default_value = "memory")]
    pub(super) db: Db,
    /// Where other broadcasters with the same GRIPWARE_STATE reach this one, for its WebSockets
    #[arg(long, value_name = "URL", value_parser = |url: &str| Address::new(url))]
    pub(super) host: Option<Address>,
    /// A network that it may POST to, beside public addresses; repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(super) allow_target: Vec<Network>,
    /// Compress messages over WebSockets, for subscribers that ask for it too
    #[arg(long)]
    pub(super) compression: bool,
    /// The command socket of a Pushpin in front (GRIP_URL), its command_spec: tcp://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = command_socket)]
    pub(super) command_socket: Option<CommandSocket>,
    /// What is logged to stderr: error, warn, info, debug, trace, or targets with levels
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = LogFilter::parse)]
    pub(super) log: LogFilter,
    /// A TOML file with the same names as these flags
    #[arg(id = "config", long = "config", value_name = "FILE")]
    _config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tls: TlsOptions,
    #[command(flatten)]
    pub(super) setup: SetupOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Setup")]
pub(super) struct SetupOptions {
    /// Write broadcaster-secrets.json and subscriber-secrets.json there, and end
    #[arg(id = "setup", long = "setup", value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
    /// With --setup: none, token or hmac
    #[arg(long, value_name = "A", default_value = "hmac", value_parser = to_broadcasters)]
    pub(super) to_broadcasters_auth: Kind,
    /// With --setup: none, token, hmac or standard-webhooks
    #[arg(long, value_name = "A", default_value = "hmac")]
    pub(super) to_subscribers_auth: Kind,
}

/// Where subscriptions are kept.
#[derive(Clone, Debug)]
pub(super) enum Db {
    Memory,
    Sqlite(PathBuf),
}

impl FromStr for Db {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("sqlite:")) {
            ("memory", _) => Ok(Self::Memory),
            (_, Some(path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err("it is neither memory nor sqlite:PATH"),
        }
    }
}

fn command_socket(text: &str) -> Result<CommandSocket, &'static str> {
    CommandSocket::new(text).map_err(|_| "it has to be tcp://HOST:PORT")
}

fn to_broadcasters(text: &str) -> Result<Kind, SecretError> {
    match text.parse()? {
        Kind::StandardWebhooks => Err(SecretError::OnlyToSubscribers),
        kind => Ok(kind),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Options::command().debug_assert();
    }
}
