//! Flags, variables and the file, in this order of precedence.

use std::{fs, io, path::PathBuf};

use clap::{Parser, ValueEnum};
use gripware_core::ws::{AllowedOriginError, AllowedOrigins};
use gripware_templar::{Backend, BackendAddressError, Broker, HeaderMapping, HeaderSource, Rooms};
use http::HeaderName;
use serde::Deserialize;
use thiserror::Error;

/// Rooms over WebSockets for an API that only speaks HTTP.
///
/// Clients connect to /ws/, and the API is asked once for each which rooms it may enter. With
/// GRIP_URL set it works behind that proxy; otherwise the proxy is inside.
#[derive(Debug, Parser, Deserialize)]
#[command(name = "gripware-templar", version)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Given {
    /// Where clients connect [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", env = "GRIPWARE_TEMPLAR_LISTEN")]
    listen: Option<String>,
    /// The URL of the API, which paths are appended to: http://localhost:8000/api/.
    #[arg(long, value_name = "URL", env = "API_URL")]
    api_url: Option<String>,
    /// A unix socket that the API is behind.
    #[arg(long, value_name = "PATH", env = "API_SOCKET")]
    api_socket: Option<PathBuf>,
    /// The broker that triggers come from: amqp://user:password@host:port/vhost [default: none].
    #[arg(
        long,
        value_name = "URL",
        env = "GRIPWARE_TEMPLAR_AMQP",
        hide_env_values = true
    )]
    amqp: Option<String>,
    /// The exchange of triggers [default: hightemplar].
    #[arg(long, value_name = "NAME", env = "GRIPWARE_TEMPLAR_EXCHANGE")]
    exchange: Option<String>,
    /// The key that POST /trigger/ is signed with, or file:PATH; several are separated by blanks
    /// [default: none, and there is no such route].
    #[arg(
        long,
        value_name = "KEY",
        env = "GRIPWARE_TEMPLAR_TRIGGER_KEY",
        hide_env_values = true
    )]
    trigger_key: Option<String>,
    /// What a * in a trigger or a subscription means [default: exact].
    #[arg(long, value_name = "MODE", env = "GRIPWARE_TEMPLAR_ROOMS")]
    rooms: Option<RoomsMode>,
    /// Whether answers to frames repeat their requestId [default: false].
    #[arg(
        long,
        value_name = "BOOL",
        env = "GRIPWARE_TEMPLAR_REQUEST_IDS_IN_REPLIES"
    )]
    request_ids_in_replies: Option<bool>,
    /// Whether the API is told who is online, at user/notify_online/ and user/notify_offline/
    /// [default: false].
    #[arg(long, value_name = "BOOL", env = "GRIPWARE_TEMPLAR_NOTIFY_ONLINE")]
    notify_online: Option<bool>,
    /// From which pages of other hosts clients may connect, such as https://app.example, several
    /// separated by blanks, or * for any [default: none, and pages of the own host may].
    #[arg(long, value_name = "ORIGINS", env = "GRIPWARE_TEMPLAR_ALLOWED_ORIGINS")]
    allowed_origins: Option<String>,
    /// A TOML file with the same names, and a table `headers` of those that the API sees.
    #[arg(long, value_name = "FILE", env = "GRIPWARE_TEMPLAR_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    #[arg(skip)]
    #[serde(default)]
    headers: toml::Table,
}

#[derive(Clone, Copy, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoomsMode {
    /// It is a value like any other.
    Exact,
    /// It stands for any value.
    Wildcard,
}

/// What the program is to do.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) rooms: Rooms,
    pub(crate) request_ids_in_replies: bool,
    pub(crate) notify_online: bool,
    given: Given,
}

/// Why it cannot do it.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    #[error("{}", first_line(.0))]
    Usage(clap::Error),
    #[error("{} cannot be read", .path.display())]
    File {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{} is not valid: {}", .path.display(), .error.message())]
    Toml {
        path: PathBuf,
        error: toml::de::Error,
    },
    #[error("--api-url is required")]
    NoApi,
    #[error("--api-url")]
    Api(#[source] BackendAddressError),
    #[error("--allowed-origins")]
    Origins(#[source] AllowedOriginError),
    #[error("the header {name}: {reason}")]
    Header { name: String, reason: String },
    #[error("it cannot listen on {address}")]
    Listen {
        address: String,
        #[source]
        error: io::Error,
    },
}

impl Settings {
    pub(crate) fn read() -> Result<Self, SettingsError> {
        let mut given = Given::try_parse().map_err(SettingsError::Usage)?;
        if let Some(path) = given.config.clone() {
            given = given.or(read_file(path)?);
        }
        Ok(Self {
            listen: given
                .listen
                .clone()
                .unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            rooms: match given.rooms {
                None | Some(RoomsMode::Exact) => Rooms::Exact,
                Some(RoomsMode::Wildcard) => Rooms::Wildcard,
            },
            request_ids_in_replies: given.request_ids_in_replies.unwrap_or_default(),
            notify_online: given.notify_online.unwrap_or_default(),
            given,
        })
    }

    pub(crate) fn backend(&self) -> Result<Backend, SettingsError> {
        let url = self.given.api_url.as_deref();
        match &self.given.api_socket {
            Some(path) => Backend::socket(path, url.unwrap_or("http://localhost/")),
            None => Backend::url(url.ok_or(SettingsError::NoApi)?),
        }
        .map_err(SettingsError::Api)
    }

    pub(crate) fn headers(&self) -> Result<HeaderMapping, SettingsError> {
        let mut mapping = HeaderMapping::default();
        for (name, source) in &self.given.headers {
            let wrong = |reason: String| SettingsError::Header {
                name: name.clone(),
                reason,
            };
            let header: HeaderName = name
                .parse()
                .map_err(|_| wrong("no header can have this name".to_owned()))?;
            let source: HeaderSource = source
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
            mapping = mapping.with(header, source);
        }
        Ok(mapping)
    }

    pub(crate) fn allowed_origins(&self) -> Result<AllowedOrigins, SettingsError> {
        let given = self.given.allowed_origins.as_deref().unwrap_or_default();
        let mut origins = given.split_ascii_whitespace();
        if given.trim_ascii() == "*" {
            return Ok(AllowedOrigins::any());
        }
        origins
            .try_fold(AllowedOrigins::same_host(), AllowedOrigins::and)
            .map_err(SettingsError::Origins)
    }

    pub(crate) fn trigger_keys(&self) -> Result<Vec<String>, SettingsError> {
        let Some(keys) = &self.given.trigger_key else {
            return Ok(Vec::new());
        };
        let keys = keys.split_ascii_whitespace();
        keys.map(|key| match key.strip_prefix("file:") {
            Some(path) => match fs::read_to_string(path) {
                Ok(key) => Ok(key.trim_ascii().to_owned()),
                Err(error) => Err(SettingsError::File {
                    path: path.into(),
                    error,
                }),
            },
            None => Ok(key.to_owned()),
        })
        .collect()
    }

    /// With the hub inside each process publishes each trigger to clients of its own.
    pub(crate) fn broker(&self, is_embedded: bool) -> Option<Broker> {
        let mut broker = Broker::new(self.given.amqp.clone()?);
        if let Some(exchange) = &self.given.exchange {
            broker = broker.exchange(exchange);
        }
        Some(if is_embedded { broker } else { broker.shared() })
    }
}

impl Given {
    fn or(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            api_url: self.api_url.or(file.api_url),
            api_socket: self.api_socket.or(file.api_socket),
            amqp: self.amqp.or(file.amqp),
            exchange: self.exchange.or(file.exchange),
            trigger_key: self.trigger_key.or(file.trigger_key),
            rooms: self.rooms.or(file.rooms),
            request_ids_in_replies: self.request_ids_in_replies.or(file.request_ids_in_replies),
            notify_online: self.notify_online.or(file.notify_online),
            allowed_origins: self.allowed_origins.or(file.allowed_origins),
            config: self.config,
            headers: file.headers,
        }
    }
}

fn read_file(path: PathBuf) -> Result<Given, SettingsError> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Err(SettingsError::File { path, error }),
    };
    toml::from_str(&text).map_err(|error| SettingsError::Toml { path, error })
}

/// Without what clap adds for whoever types it.
fn first_line(usage: &clap::Error) -> String {
    let text = usage.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
