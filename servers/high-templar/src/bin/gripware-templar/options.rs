//! The command line, its variables, and the file of settings.

use std::{fmt, fs, path::PathBuf, time::Duration};

use clap::ValueEnum;
use gripware_core::{
    ErrorChain,
    webhook::WebhookKey,
    ws::{AllowedOriginError, AllowedOrigins},
};
use gripware_program::{LogFilter, parse};
use gripware_publish::CommandSocket;
use gripware_templar::{HeaderSource, Rooms};
use http::HeaderName;
use serde::Deserialize;

use crate::{
    rabbitmq::{self, RabbitmqEntry},
    request_kwargs::{self, RequestArgument},
};

/// One less than the channels that a hub has for a connection at most.
const MAX_SUBSCRIPTIONS: i64 = 9_999;

const AFTER: &str = "\
Every flag has a variable: GRIPWARE_TEMPLAR_ and its name in capitals, with _ for each dash. The file
of --config is TOML and has the same names as the flags. A flag wins over its variable, that over
those of high-templar, those over the file.

Settings of high-templar are read by their own names from the environment and the file: API_URL,
API_SOCKET, RABBITMQ (host, username, password, exchange_name, enabled), CONNECTION_HEADERS,
REQUEST_KWARGS (timeout, params), USER_ID_PATH and FORWARD_IP. RABBITMQ, CONNECTION_HEADERS and
REQUEST_KWARGS are JSON objects in the environment, and tables in the file; USER_ID_PATH is a list.

With GRIP_URL set it works behind that proxy; otherwise the proxy is inside. With GRIPWARE_STATE set
(redis://HOST) any of several processes may have the next turn of a connection.

Example:
  gripware-templar --api-url http://localhost:8000/api/ \\
    --amqp amqp://rabbitmq:rabbitmq@localhost/%2f --trigger-key file:trigger.key";

/// Rooms over WebSockets for an API that only speaks HTTP.
///
/// Clients connect to /ws/, and the API is asked once for each which rooms it may enter.
#[derive(Debug, clap::Parser)]
#[command(name = "gripware-templar", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Options {
    /// Where clients connect: HOST:PORT, where port 0 is any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = parse::address)]
    pub(crate) listen: String,
    /// The URL of the API, which paths are appended to: http://localhost:8000/api/. Required, or
    /// --api-socket
    #[arg(long, value_name = "URL")]
    pub(crate) api_url: Option<String>,
    /// A unix socket that the API is behind
    #[arg(long, value_name = "PATH")]
    pub(crate) api_socket: Option<PathBuf>,
    /// The broker that triggers come from: amqp://user:password@host:port/vhost. Without it there is
    /// none
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub(crate) amqp: Option<Secret>,
    /// An entry of high-templar's RABBITMQ, as a line of TOML. --amqp wins over all of them
    #[arg(long, value_name = "ENTRY", hide = true, value_parser = rabbitmq::entry)]
    pub(crate) rabbitmq: Vec<RabbitmqEntry>,
    /// The exchange of triggers [default: hightemplar]
    #[arg(long, value_name = "NAME", value_parser = parse::text)]
    pub(crate) exchange: Option<String>,
    /// What POST /trigger/ is signed with: a text, whsec_ and base64, or file: and a path; several
    /// are separated by blanks. Without it there is no such route
    #[arg(long, value_name = "KEY", value_parser = trigger_keys)]
    pub(crate) trigger_key: Option<TriggerKeys>,
    /// What a * in a trigger or a subscription means
    #[arg(long, value_name = "MODE", default_value = "exact")]
    pub(crate) rooms: RoomsMode,
    /// A header that the API sees, as a line of TOML: x-theme = { cookie = "theme" }. In the file it
    /// is a table of them. Repeatable
    #[arg(long, alias = "connection-headers", value_name = "HEADER", value_parser = header)]
    pub(crate) headers: Vec<Header>,
    /// An entry of high-templar's REQUEST_KWARGS, as a line of TOML
    #[arg(long, value_name = "ENTRY", hide = true, value_parser = request_kwargs::argument)]
    pub(crate) request_kwargs: Vec<RequestArgument>,
    /// high-templar's FORWARD_IP: where the address comes from that the API sees as X-Forwarded-For
    #[arg(long, value_name = "NAME", hide = true, value_parser = forward_ip)]
    pub(crate) forward_ip: Option<HeaderSource>,
    /// Where the id of a user is in the API's answer to bootstrap/, as names with dots between them:
    /// user.data.id. The API may name the user by it whose permissions have changed
    #[arg(long, value_name = "PATH", value_parser = parse::text)]
    pub(crate) user_id_path: Vec<String>,
    /// Where a Pushpin older than 1.38 takes commands, tcp://HOST:PORT, by which permissions are
    /// asked for again when the API says so. Repeatable
    #[arg(long, value_name = "ADDR", value_parser = CommandSocket::new)]
    pub(crate) command_socket: Vec<CommandSocket>,
    /// Whether answers to frames repeat their requestId
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = parse::switch)]
    pub(crate) request_ids_in_replies: bool,
    /// Whether the API is told who is online, at user/notify_online/ and user/notify_offline/
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = parse::switch)]
    pub(crate) notify_online: bool,
    /// How long a client may say nothing before it is closed
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = parse::some_time)]
    pub(crate) idle: Duration,
    /// How many subscriptions a connection may have; beyond them a client gets an error. 1000, and 19
    /// behind a proxy, since Pushpin as shipped drops what is over 20 channels in silence. For more set
    /// this, and let the proxy have one channel more: Pushpin's connection_subscription_max, or
    /// --max-channels and --max-meta of gripware-hub
    #[arg(long, value_name = "COUNT",
        value_parser = clap::value_parser!(u16).range(1..=MAX_SUBSCRIPTIONS))]
    pub(crate) max_subscriptions: Option<u16>,
    /// The cookie by which the API names a user whose permissions have changed
    #[arg(long, value_name = "NAME", default_value = "sessionid", value_parser = parse::text)]
    pub(crate) session_cookie: String,
    /// Whether X-Forwarded-For and X-Real-IP are believed, as a server in front sets them
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = parse::switch)]
    pub(crate) trust_forwarded: bool,
    /// From which pages of other hosts clients may connect, such as https://app.example, several
    /// separated by blanks, or * for any. Pages of the own host may
    #[arg(long, value_name = "ORIGINS", default_value = "", value_parser = origins)]
    pub(crate) allowed_origins: AllowedOrigins,
    /// What is logged to stderr: error, warn, info, debug, trace, or targets with levels
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = LogFilter::parse)]
    pub(crate) log: LogFilter,
    /// A TOML file with the same names as these flags
    #[arg(id = "config", long = "config", value_name = "FILE")]
    _config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoomsMode {
    /// It is a value like any other.
    Exact,
    /// It stands for any value.
    Wildcard,
}

impl From<RoomsMode> for Rooms {
    fn from(mode: RoomsMode) -> Self {
        match mode {
            RoomsMode::Exact => Self::Exact,
            RoomsMode::Wildcard => Self::Wildcard,
        }
    }
}

/// A text that never prints.
#[derive(Clone, Deserialize)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn secret(text: &str) -> Result<Secret, &'static str> {
    parse::text(text).map(Secret)
}

#[derive(Clone, Debug)]
pub(crate) struct TriggerKeys(pub(crate) Vec<Secret>);

fn trigger_keys(text: &str) -> Result<TriggerKeys, String> {
    let keys = text.split_ascii_whitespace().map(|key| {
        let key = match key.strip_prefix("file:") {
            Some(path) => {
                let text = fs::read_to_string(path);
                let text = text.map_err(|error| format!("{path}: {error}"))?;
                text.trim_ascii().to_owned()
            }
            None => key.to_owned(),
        };
        match WebhookKey::parse(&key) {
            Ok(_) => Ok(Secret(key)),
            Err(error) => Err(ErrorChain(&error).to_string()),
        }
    });
    keys.collect::<Result<_, _>>().map(TriggerKeys)
}

#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    pub(crate) source: HeaderSource,
}

fn header(text: &str) -> Result<Header, String> {
    let table: toml::Table = text.parse().map_err(|_| "it is no line of TOML")?;
    let mut entries = table.into_iter();
    let (Some((name, source)), None) = (entries.next(), entries.next()) else {
        return Err("it has to be one header".to_owned());
    };
    let wrong = |reason: &str| format!("{name}: {reason}");
    Ok(Header {
        source: source
            .try_into()
            .map_err(|error: toml::de::Error| wrong(error.message()))?,
        name: name
            .parse()
            .map_err(|_| wrong("no header can have this name"))?,
    })
}

/// A name of WSGI: the client's address by any of its names, or else a header.
fn forward_ip(text: &str) -> Result<HeaderSource, &'static str> {
    if let "REMOTE_ADDR" | "HTTP_X_REAL_IP" | "HTTP_X_FORWARDED_FOR" = text {
        return Ok(HeaderSource::Address);
    }
    let header = text
        .strip_prefix("HTTP_")
        .map(|name| name.replace('_', "-"));
    header
        .filter(|name| HeaderName::try_from(name.as_str()).is_ok())
        .map(HeaderSource::Key)
        .ok_or("it has to be REMOTE_ADDR, or HTTP_ and the name of a header: HTTP_X_REAL_IP")
}

fn origins(text: &str) -> Result<AllowedOrigins, AllowedOriginError> {
    if text.trim_ascii() == "*" {
        return Ok(AllowedOrigins::any());
    }
    let mut origins = text.split_ascii_whitespace();
    origins.try_fold(AllowedOrigins::same_host(), AllowedOrigins::and)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Options::command().debug_assert();
    }
}
