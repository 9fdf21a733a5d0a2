//! Connections, dedicated to one purpose each. There is no reconnecting inside of them: the crate's
//! `ConnectionManager` gives up after a few attempts, without an event.

use std::time::Duration;

use gripware_relay::{BrokerError, BrokerErrorKind, RelayUrl};
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind,
    aio::MultiplexedConnection,
};

/// How long a connection may take, with its handshakes.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take. A server that is stopped keeps its connections open, and nothing
/// else tells of it.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// The parameters of the URL that are not the client's.
const OWN_PARAMETERS: [&str; 2] = ["maxlen", "ca"];

/// Returns a client for a URL. Nothing is connected to.
pub(crate) fn open(url: &RelayUrl) -> Result<Client, BrokerError> {
    let mut plain = url.expose_without_parameters().to_owned();
    let mut separator = '?';
    for (name, value) in url.parameters() {
        if !OWN_PARAMETERS.contains(&name) {
            plain.push_str(&format!("{separator}{name}={value}"));
            separator = '&';
        }
    }
    let client = match url.parameter("ca") {
        None => {
            if url.scheme() == "rediss" {
                provide_cryptography();
            }
            Client::open(plain)
        }
        Some(file) => return open_trusting(url, &plain, file),
    };
    client.map_err(|error| broker_error(&url.to_string(), &error))
}

#[cfg(feature = "tls")]
fn open_trusting(url: &RelayUrl, plain: &str, file: &str) -> Result<Client, BrokerError> {
    provide_cryptography();
    let name = url.to_string();
    let pem = std::fs::read(file).map_err(|error| {
        BrokerError::new(BrokerErrorKind::Settings, &name, format!("{file}: {error}"))
    })?;
    let certificates = redis::TlsCertificates {
        client_tls: None,
        root_cert: Some(pem),
    };
    Client::build_with_tls(plain, certificates).map_err(|error| broker_error(&name, &error))
}

#[cfg(not(feature = "tls"))]
fn open_trusting(url: &RelayUrl, _: &str, _: &str) -> Result<Client, BrokerError> {
    let message = "TLS needs the feature `tls` of gripware-redis";
    Err(BrokerError::new(
        BrokerErrorKind::Settings,
        &url.to_string(),
        message,
    ))
}

/// Without a process-wide provider of cryptography, rustls panics where several are compiled in.
/// One that the application has installed stays.
fn provide_cryptography() {
    #[cfg(feature = "tls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails where another thread has been faster.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Connects, for commands that are answered at once and ones that block for `block`.
pub(crate) async fn connect(
    client: &Client,
    block: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(block + ANSWER));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// An error of the broker with this name.
pub(crate) fn broker_error(name: &str, error: &RedisError) -> BrokerError {
    let kind = match error.kind() {
        ErrorKind::AuthenticationFailed => BrokerErrorKind::Denied,
        ErrorKind::InvalidClientConfig => BrokerErrorKind::Settings,
        _ if error.is_timeout() => BrokerErrorKind::TimedOut,
        ErrorKind::Io => BrokerErrorKind::Unreachable,
        ErrorKind::Server(ServerErrorKind::NoPerm) => BrokerErrorKind::Denied,
        _ => match codes(error).iter().any(|code| is_denial(code)) {
            true => BrokerErrorKind::Denied,
            false => BrokerErrorKind::Refused,
        },
    };
    BrokerError::new(kind, name, error)
}

/// The codes of what the server said; of a transaction those of its commands.
fn codes(error: &RedisError) -> Vec<String> {
    let own = error.code().map(ToOwned::to_owned);
    let parts = error.clone().into_server_errors();
    let parts = parts.iter().flat_map(|parts| parts.iter());
    own.into_iter()
        .chain(parts.map(|(_, error)| error.code().to_owned()))
        .collect()
}

fn is_denial(code: &str) -> bool {
    matches!(code, "NOPERM" | "NOAUTH" | "WRONGPASS")
}
