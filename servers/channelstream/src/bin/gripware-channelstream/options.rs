//! The command line, its variables, and the keys of the ini file.

use std::{fmt, fs, net::IpAddr, path::PathBuf};

use clap::ValueEnum;
use gripware_channelstream::Wire;
use gripware_program::{LogFilter, parse};
use gripware_publish::CommandSocket;

const AFTER: &str = "\
Every flag is a key of the ini file, section [channelstream], with _ for each dash, and a variable:
CHANNELSTREAM_ and its name in capitals. A flag wins over its variable, that over the file.

With GRIP_URL set it works behind that proxy; otherwise the proxy is inside. With GRIPWARE_STATE
and GRIPWARE_RELAY set (redis://HOST) several processes are one.

gripware-channelstream make_config writes an ini file; see its --help.

Example:
  gripware-channelstream -i channelstream.ini
  CHANNELSTREAM_SECRET=s3cret gripware-channelstream --listen 127.0.0.1:8000 --demo";

/// Users, channels, presence and private messages for browsers, told what to do over a signed API:
/// in the place of channelstream.
#[derive(Debug, clap::Parser)]
#[command(name = "gripware-channelstream", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Options {
    /// The ini file of channelstream
    #[arg(short, long, value_name = "FILE")]
    pub(crate) ini: Option<PathBuf>,
    /// Where it listens: HOST:PORT, where port 0 is any that is free. Default: --host and --port
    #[arg(long, value_name = "ADDR", value_parser = parse::address)]
    listen: Option<String>,
    /// The host of the address where it listens
    #[arg(long, value_name = "HOST", default_value = "0.0.0.0")]
    host: String,
    /// The port of it
    #[arg(long, value_name = "PORT", default_value = "8000")]
    port: u16,
    /// What requests of the API are signed with: a text, or file: and a path. Required
    #[arg(long, value_name = "KEY", value_parser = secret)]
    pub(crate) secret: Secret,
    /// Who may look at everything at /admin
    #[arg(long, value_name = "NAME", default_value = "admin", value_parser = parse::text)]
    pub(crate) admin_user: String,
    /// The password of that one: a text, or file: and a path. Without it nobody may
    #[arg(long, value_name = "KEY", value_parser = secret)]
    pub(crate) admin_secret: Option<Secret>,
    /// What the cookie of a login is signed with; several processes need the same. Default: random
    #[arg(long, value_name = "KEY", value_parser = optional_secret)]
    pub(crate) cookie_secret: Option<Secret>,
    /// From which addresses the API may be called, separated by commas; 0.0.0.0 is everywhere
    #[arg(long, value_name = "ADDRESSES", default_value = "127.0.0.1", value_parser = addresses)]
    pub(crate) allow_posting_from: Addresses,
    /// Which proxies in front are believed, whom they forward for and that they speak HTTPS
    #[arg(long, value_name = "ADDRESSES", default_value = "", value_parser = addresses)]
    pub(crate) trusted_proxies: Addresses,
    /// Pages of which hosts may read answers, separated by commas. Default: all
    #[arg(long, value_name = "HOSTS", default_value = "", value_parser = words)]
    pub(crate) allow_cors: Words,
    /// Whether tokens expire after 60 s
    #[arg(long, value_name = "BOOL", default_value = "true", value_parser = switch)]
    pub(crate) validate_requests: bool,
    /// Whether the value that a token signs has to be the path
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = switch)]
    pub(crate) sign_paths: bool,
    /// Whether requests that did not come by HTTPS are refused
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = switch)]
    pub(crate) enforce_https: bool,
    /// Whether /listen may be asked for JSONP
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = switch)]
    pub(crate) jsonp: bool,
    /// Whether there is a chat at /demo
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = switch)]
    pub(crate) demo: bool,
    /// Which version answers and frames are like
    #[arg(long, value_name = "VERSION", default_value = "0.7.1")]
    pub(crate) wire: WireVersion,
    /// How many channels a connection may have. A proxy in front has to allow two more
    #[arg(long, value_name = "COUNT", default_value = "100",
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) max_channels: u16,
    /// How large the body of a request may be
    #[arg(long, value_name = "SIZE", default_value = "1 MiB", value_parser = parse::size)]
    pub(crate) max_body: usize,
    /// The command socket of a Pushpin in front, its command_spec: tcp://HOST:PORT. By it open
    /// WebSockets get new channels at once, and not with their next heartbeat
    #[arg(long, value_name = "URL", value_parser = command_socket)]
    pub(crate) command_socket: Option<CommandSocket>,
    /// Whether more is logged
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = switch)]
    debug: bool,
    /// What is logged to standard error: a level, or targets with levels
    #[arg(long, value_name = "LEVEL", default_value = "INFO", value_parser = level)]
    log_level: LogFilter,
}

impl Options {
    pub(crate) fn address(&self) -> String {
        match &self.listen {
            Some(address) => address.clone(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }

    pub(crate) fn log_filter(&self) -> LogFilter {
        match self.debug {
            true => LogFilter::parse("debug").unwrap_or_else(|_| self.log_level.clone()),
            false => self.log_level.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WireVersion {
    /// The newest
    #[value(name = "0.7.1")]
    Newest,
    /// The first
    #[value(name = "0.2")]
    First,
}

impl From<WireVersion> for Wire {
    fn from(version: WireVersion) -> Self {
        match version {
            WireVersion::Newest => Self::Newest,
            WireVersion::First => Self::First,
        }
    }
}

/// A text that never prints.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn secret(text: &str) -> Result<Secret, String> {
    let text = match text.strip_prefix("file:") {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
            text.trim_ascii().to_owned()
        }
        None => text.to_owned(),
    };
    let text = parse::text(&text).map_err(str::to_owned)?;
    Ok(Secret(text))
}

/// Empty in the ini file that channelstream writes.
fn optional_secret(text: &str) -> Result<Secret, String> {
    match text {
        "" => Ok(Secret(String::new())),
        text => secret(text),
    }
}

fn command_socket(text: &str) -> Result<CommandSocket, &'static str> {
    CommandSocket::new(text).map_err(|_| "it has to be tcp://HOST:PORT")
}

/// A switch in each way that channelstream reads one.
fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "t" => Ok(true),
        "no" | "n" | "off" | "f" | "" => Ok(false),
        text => parse::switch(text),
    }
}

fn level(text: &str) -> Result<LogFilter, &'static str> {
    // Python's names.
    LogFilter::parse(match text {
        "CRITICAL" | "ERROR" => "error",
        "WARNING" | "WARN" => "warn",
        "INFO" => "info",
        "DEBUG" => "debug",
        text => text,
    })
}

/// A list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(pub(crate) Vec<String>);

#[allow(clippy::unnecessary_wraps, reason = "clap's signature")]
fn words(text: &str) -> Result<Words, &'static str> {
    let words = text.split([',', '\n', ' ']).map(str::trim_ascii);
    let words = words.filter(|word| !word.is_empty());
    Ok(Words(words.map(str::to_owned).collect()))
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses(pub(crate) Vec<IpAddr>);

fn addresses(text: &str) -> Result<Addresses, &'static str> {
    let words = words(text)?;
    let addresses = words.0.iter().map(|word| word.parse::<IpAddr>());
    let addresses = addresses.collect::<Result<_, _>>();
    let addresses: Vec<IpAddr> = addresses.map_err(|_| "it has to be IP addresses")?;
    Ok(Addresses(
        addresses.iter().map(IpAddr::to_canonical).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Options::command().debug_assert();
    }
}
