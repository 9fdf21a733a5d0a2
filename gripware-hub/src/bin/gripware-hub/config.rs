use std::time::Duration;

use gripware_core::sig::Key;
use gripware_hub::SlowClients;
use tracing_subscriber::EnvFilter;

use crate::{
    given::{ConfigError, Given, Values},
    keys, parse, settings as s,
};

/// All settings, read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) control: String,
    pub(crate) origin: String,
    /// What requests to the origin are signed with, and as whom.
    pub(crate) signature: Option<(Key, String)>,
    pub(crate) control_key: Option<Secret>,
    pub(crate) trust_forwarded: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    pub(crate) slow_clients: SlowClients,
    pub(crate) queue_bytes: usize,
    pub(crate) queue_messages: usize,
    pub(crate) keep_alive_min: Duration,
    pub(crate) max_message: usize,
    pub(crate) message_timeout: Duration,
    pub(crate) max_head: usize,
    pub(crate) head_timeout: Duration,
    pub(crate) max_streams: u32,
    pub(crate) max_client_requests: usize,
    pub(crate) answer_timeout: Duration,
    pub(crate) max_connections: Option<usize>,
    pub(crate) message_wait: Duration,
    pub(crate) id_memory: Duration,
    pub(crate) backlog_bytes: usize,
    pub(crate) origin_timeout: Duration,
    pub(crate) max_origin_requests: usize,
    pub(crate) max_turns_per_address: usize,
    pub(crate) max_held_head: usize,
    pub(crate) max_held_request: usize,
    pub(crate) max_held_response: usize,
    pub(crate) shards: Option<usize>,
    pub(crate) drain: Duration,
    pub(crate) development: bool,
    pub(crate) log: EnvFilter,
}

/// Where the certificates and the key of the clients' address are.
#[cfg(feature = "tls")]
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) certificates: String,
    pub(crate) key: String,
}

/// A text that never prints.
pub(crate) struct Secret(pub(crate) String);

impl Config {
    pub(crate) fn read(values: &Values) -> Result<Self, ConfigError> {
        // It is looked at first, since it has no default: without it nothing else matters.
        let origin = values.require(&s::ORIGIN, parse::text)?;
        let issuer = values.require(&s::SIG_ISS, parse::text)?;
        let key = values.read(&s::SIG_KEY, keys::signing_key)?;
        Ok(Self {
            listen: values.require(&s::LISTEN, parse::address)?,
            control: values.require(&s::CONTROL, parse::address)?,
            origin,
            signature: key.map(|key| (key, issuer)),
            control_key: values.read(&s::CONTROL_KEY, keys::secret)?.map(Secret),
            trust_forwarded: values.require(&s::TRUST_FORWARDED, parse::boolean)?,
            #[cfg(feature = "tls")]
            tls: tls(values)?,
            slow_clients: values.require(&s::SLOW_CLIENTS, slow_clients)?,
            queue_bytes: values.require(&s::QUEUE_BYTES, parse::size)?,
            queue_messages: values.require(&s::QUEUE_MESSAGES, parse::count)?,
            keep_alive_min: values.require(&s::KEEP_ALIVE_MIN, parse::some_time)?,
            max_message: values.require(&s::MAX_MESSAGE, parse::size)?,
            message_timeout: values.require(&s::MESSAGE_TIMEOUT, parse::some_time)?,
            max_head: values.require(&s::MAX_HEAD, head)?,
            head_timeout: values.require(&s::HEAD_TIMEOUT, parse::some_time)?,
            max_streams: values.require(&s::MAX_STREAMS, streams)?,
            max_client_requests: values.require(&s::MAX_CLIENT_REQUESTS, parse::count)?,
            answer_timeout: values.require(&s::ANSWER_TIMEOUT, parse::some_time)?,
            max_connections: values.read(&s::MAX_CONNECTIONS, parse::count)?,
            message_wait: values.require(&s::MESSAGE_WAIT, parse::time)?,
            id_memory: values.require(&s::ID_MEMORY, parse::time)?,
            backlog_bytes: values.require(&s::BACKLOG_BYTES, parse::size)?,
            origin_timeout: values.require(&s::ORIGIN_TIMEOUT, parse::some_time)?,
            max_origin_requests: values.require(&s::MAX_ORIGIN_REQUESTS, parse::count)?,
            max_turns_per_address: values.require(&s::MAX_TURNS_PER_ADDRESS, parse::count)?,
            max_held_head: values.require(&s::MAX_HELD_HEAD, parse::size)?,
            max_held_request: values.require(&s::MAX_HELD_REQUEST, parse::size)?,
            max_held_response: values.require(&s::MAX_HELD_RESPONSE, parse::size)?,
            shards: values.read(&s::SHARDS, shards)?,
            drain: values.require(&s::DRAIN, parse::time)?,
            development: values.require(&s::DEVELOPMENT, parse::boolean)?,
            log: values.require(&s::LOG, filter)?,
        })
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

fn slow_clients(given: &Given) -> Result<SlowClients, &'static str> {
    match given.text.as_str() {
        "close" => Ok(SlowClients::Close),
        "drop" => Ok(SlowClients::Drop),
        _ => Err("it has to be close or drop"),
    }
}

/// Less than this would not hold what browsers send.
fn head(given: &Given) -> Result<usize, &'static str> {
    match parse::size(given)? {
        ..8192 => Err("it has to be 8KiB or more"),
        size => Ok(size),
    }
}

/// HTTP/2 has 32 bits for it.
fn streams(given: &Given) -> Result<u32, &'static str> {
    u32::try_from(parse::count(given)?).map_err(|_| "it has to be 4294967295 or less")
}

/// Each is a thread.
fn shards(given: &Given) -> Result<usize, &'static str> {
    match parse::count(given)? {
        shards @ ..=64 => Ok(shards),
        _ => Err("it has to be 64 or less"),
    }
}

fn filter(given: &Given) -> Result<EnvFilter, &'static str> {
    if given.text.is_empty() {
        return Err("it is empty");
    }
    EnvFilter::try_new(&given.text).map_err(|_| "it is no filter for logs")
}

#[cfg(feature = "tls")]
fn tls(values: &Values) -> Result<Option<Tls>, ConfigError> {
    let certificates = values.read(&s::TLS_CERT, parse::text)?;
    let key = values.read(&s::TLS_KEY, parse::text)?;
    match (certificates, key) {
        (Some(certificates), Some(key)) => Ok(Some(Tls { certificates, key })),
        (None, None) => Ok(None),
        _ => Err(ConfigError::new("--tls-cert and --tls-key need each other")),
    }
}
