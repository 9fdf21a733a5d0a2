//! The settings of the two programs, as clap has them.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use clap::Args;
use gripware_program::{ConfigError, Given, LogFilter, parse};

use super::restpipe;
use crate::{HttpHandler, Identity, Name, ServerAddress, Settings};

/// The end of pipes that clients dial: calls go in both directions over connections that machines
/// behind a NAT or a firewall have made.
#[derive(Debug, clap::Parser)]
#[command(
    name = "restpipe-server",
    version,
    override_usage = "restpipe-server --ca FILE --cert FILE --key FILE [OPTIONS]",
    after_help = super::help::server(),
    max_term_width = 100
)]
pub(super) struct Server {
    /// Where clients dial. Port 0 is any that is free
    #[arg(
        long,
        help_heading = "Addresses",
        value_name = "ADDR",
        default_value = "0.0.0.0:1234",
        value_parser = parse::address
    )]
    pub(super) pipe: String,
    #[command(flatten)]
    pub(super) addresses: Addresses,
    #[command(flatten)]
    pub(super) identity: IdentityFiles,
    #[command(flatten)]
    pub(super) clients: Clients,
    #[command(flatten)]
    pub(super) calls: Calls,
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(flatten)]
    pub(super) running: Running,
}

/// The end of a pipe that dials, from behind a NAT or a firewall, and dials again for ever.
#[derive(Debug, clap::Parser)]
#[command(
    name = "restpipe-client",
    version,
    override_usage = "restpipe-client --server HOST:PORT --ca FILE --cert FILE --key FILE [OPTIONS]",
    after_help = super::help::client(),
    max_term_width = 100
)]
pub(super) struct Client {
    /// The server to dial. Where there are several, the next one is tried whenever one fails. Required
    #[arg(
        long,
        help_heading = "Addresses",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        required = true
    )]
    pub(super) server: Vec<ServerAddress>,
    #[command(flatten)]
    pub(super) addresses: Addresses,
    #[command(flatten)]
    pub(super) identity: IdentityFiles,
    /// The name that the server's certificate has to have. Default: the host that is dialled
    #[arg(long, help_heading = "Trust", value_name = "NAME", value_parser = parse::text)]
    pub(super) server_name: Option<String>,
    #[command(flatten)]
    pub(super) calls: Calls,
    #[command(flatten)]
    pub(super) connection: Connection,
    /// The first time between two attempts; it doubles up to --retry-max
    #[arg(
        long,
        help_heading = "Connection",
        value_name = "TIME",
        default_value = "100ms",
        value_parser = parse::time
    )]
    pub(super) retry: Duration,
    /// The longest one. Up to half of it is left out by chance
    #[arg(
        long,
        help_heading = "Connection",
        value_name = "TIME",
        default_value = "5s",
        value_parser = parse::time
    )]
    pub(super) retry_max: Duration,
    #[command(flatten)]
    pub(super) running: Running,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(super) struct Addresses {
    /// The local REST entrance: HOST:PORT or unix:PATH. A machine that only answers needs none
    #[arg(long, value_name = "ADDR", value_parser = parse::place)]
    pub(super) web: Option<String>,
    /// A host name with a dot under which a loopback entrance is reached
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parse::text)]
    pub(super) web_host: Vec<String>,
    /// What answers events: http://HOST:PORT or unix:PATH of an HTTP server in any language. It gets
    /// `<verb> /<noun>//<params>`, and in Pipe-Caller who asks. Without it the built-in handlers of
    /// `time` and `cat` do
    #[arg(long, value_name = "URL")]
    pub(super) handler: Option<HttpHandler>,
    /// Where statistics are sent, with RestPipe's names. Without it none are
    #[arg(long, value_name = "HOST:PORT", value_parser = resolved)]
    pub(super) statsd: Option<std::net::SocketAddr>,
    /// A TOML file with the same names as these flags
    #[arg(id = "config", long = "config", value_name = "FILE")]
    _config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct IdentityFiles {
    /// The certificate authority of both ends, in PEM. Required
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The certificate of this end, in PEM. Required
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its private key, in PEM. Required
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The certificates that are revoked, as restpipe-cert writes them (X.509 CRL in PEM)
    #[arg(long, value_name = "FILE")]
    revoked: Option<PathBuf>,
    /// How often these files are read again
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse::time)]
    refresh: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Clients")]
pub(super) struct Clients {
    /// A client that is known before it connects: a call to it gets 503 and not 404
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) known: Vec<Name>,
    /// Whether no other client is accepted
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = parse::switch, action = clap::ArgAction::Set)]
    pub(super) only_known: bool,
    /// Another name of a client in the entrance, such as its address
    #[arg(long, value_name = "ALIAS=NAME", value_delimiter = ',', value_parser = alias)]
    pub(super) alias: Vec<(String, Name)>,
    /// Whether clients may call each other through this server
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = parse::switch, action = clap::ArgAction::Set)]
    pub(super) pass_on: bool,
    /// How many names of clients are remembered
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = count)]
    pub(super) max_clients: u32,
    /// How many connections may be in their handshakes
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = count)]
    pub(super) max_handshakes: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Calls")]
pub(super) struct Calls {
    /// How long a call waits for an end that is known and not connected. 0 is 503 at once
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse::time)]
    wait: Duration,
    /// How long a response may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse::time)]
    pub(super) response_timeout: Duration,
    /// How long a body may go without a byte
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = parse::time)]
    idle_timeout: Duration,
    /// How many calls may be under way on one pipe, in each direction
    #[arg(long, value_name = "COUNT", default_value = "256", value_parser = count)]
    max_calls: u32,
    /// How many more may wait. Any more get 503
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = count)]
    max_queued: u32,
    /// What may be received of one body and not yet read
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    stream_window: u32,
    /// Whether an idempotent call without a body is sent once more when the pipe is lost
    #[arg(long, value_name = "BOOL", default_value = "true", value_parser = parse::switch, action = clap::ArgAction::Set)]
    repeat: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connection {
    /// How long a connection may be silent before it is asked for a sign of life
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse::time)]
    heartbeat: Duration,
    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse::time)]
    heartbeat_timeout: Duration,
    /// How long TCP, TLS and the first exchange may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse::time)]
    connect_timeout: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(super) struct Running {
    /// How long calls under way may take at the end
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = parse::time)]
    drain: Duration,
    /// Whether exceptions have a traceback
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = parse::switch, action = clap::ArgAction::Set)]
    pub(super) development: bool,
    /// What is logged to standard error: error, warn, info, debug, trace, or a filter such as
    /// gripware_pipe=debug
    #[arg(long, value_name = "FILTER", default_value = "warn", value_parser = LogFilter::parse)]
    pub(super) log: LogFilter,
}

/// One of the two programs.
pub(super) trait Program: clap::CommandFactory + clap::FromArgMatches {
    const NAME: &str;
    /// What its variables begin with.
    const PREFIX: &str;

    /// What RestPipe's variables say, by the names of flags.
    fn older() -> Result<HashMap<String, Given>, ConfigError>;

    fn log(&self) -> &LogFilter;
}

impl Program for Server {
    const NAME: &str = "restpipe-server";
    const PREFIX: &str = "RP_SERVER";

    fn older() -> Result<HashMap<String, Given>, ConfigError> {
        restpipe::server()
    }

    fn log(&self) -> &LogFilter {
        &self.running.log
    }
}

impl Program for Client {
    const NAME: &str = "restpipe-client";
    const PREFIX: &str = "RP_CLIENT";

    fn older() -> Result<HashMap<String, Given>, ConfigError> {
        restpipe::client()
    }

    fn log(&self) -> &LogFilter {
        &self.running.log
    }
}

impl IdentityFiles {
    pub(super) fn identity(&self) -> Identity {
        let identity = Identity::from_files(self.ca.clone(), self.cert.clone(), self.key.clone());
        match &self.revoked {
            Some(revoked) => identity.with_revoked_file(revoked.clone()),
            None => identity,
        }
    }
}

/// The library's settings.
pub(super) fn settings(
    files: &IdentityFiles,
    calls: &Calls,
    connection: &Connection,
    running: &Running,
) -> Settings {
    Settings::new()
        .heartbeat(connection.heartbeat, connection.heartbeat_timeout)
        .connect_timeout(connection.connect_timeout)
        .response_timeout(calls.response_timeout)
        .idle_timeout(calls.idle_timeout)
        .wait(calls.wait)
        .drain(running.drain)
        .refresh(files.refresh)
        .max_calls(calls.max_calls)
        .max_queued(calls.max_queued)
        .stream_window(calls.stream_window)
        .repeat_idempotent(calls.repeat)
        .development(running.development)
}

/// A count of at least one.
fn count(text: &str) -> Result<u32, &'static str> {
    match parse::count(text)?.try_into() {
        Ok(0) | Err(_) => Err("it has to be a whole number above 0"),
        Ok(count) => Ok(count),
    }
}

/// A number of bytes, above 0.
fn size(text: &str) -> Result<u32, &'static str> {
    match parse::size(text)?.try_into() {
        Ok(0) | Err(_) => Err("it has to be a number of bytes above 0, or one with KiB or MiB"),
        Ok(size) => Ok(size),
    }
}

/// An address that is looked up now.
fn resolved(text: &str) -> Result<std::net::SocketAddr, &'static str> {
    use std::net::ToSocketAddrs;
    let found = parse::address(text)?.to_socket_addrs();
    let found = found.map_err(|_| "the host cannot be found")?.next();
    found.ok_or("the host has no address")
}

fn alias(text: &str) -> Result<(String, Name), String> {
    let (alias, name) = text.split_once('=').ok_or("it has to be ALIAS=NAME")?;
    let name = name.parse().map_err(|error| format!("{name}: {error}"))?;
    Ok((alias.to_owned(), name))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_lines_are_consistent() {
        Server::command().debug_assert();
        Client::command().debug_assert();
    }

    #[test]
    fn what_may_be_repeated_is_a_list() {
        let arguments = [
            "x",
            "--server",
            "a:1",
            "--server",
            "b:2,c:3",
            "--development",
            "--ca",
            "a",
            "--cert",
            "b",
            "--key",
            "c",
        ];
        let arguments = arguments.map(Into::into);
        let read = gripware_program::read::<Client>("NONE", arguments, HashMap::new());
        let client = read.unwrap().unwrap();
        assert_eq!(client.server.len(), 3);
        assert!(client.running.development);
    }
}
