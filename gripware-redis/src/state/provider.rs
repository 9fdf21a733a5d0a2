use std::{error::Error, fs, sync::Arc, time::Duration};

use gripware_state::{Backends, Namespace, StateProvider};
use redis::{Client, IntoConnectionInfo, ProtocolVersion};
use thiserror::Error;

use super::{
    connection::{Connection, TIMEOUT},
    history::RedisHistory,
    keys::Keys,
    presence::RedisPresence,
    records::RedisRecords,
    scripts::Scripts,
};

/// Opens history, presence and records at `redis://` and `rediss://`, for
/// [`State::with`](gripware_state::State::with).
#[must_use]
pub fn state() -> RedisState {
    RedisState {
        relays: false,
        timeout: TIMEOUT,
    }
}

/// Opens state in Redis. See the [module](super); built by [`state`].
#[derive(Clone, Debug)]
pub struct RedisState {
    relays: bool,
    timeout: Duration,
}

impl RedisState {
    /// Hands each appended item, and each event of presence, to all nodes in the same step: for an
    /// application whose hubs are nodes of the relay at the same Redis, with the same cluster. Then
    /// nobody need publish it, and nothing that is stored stays unpublished.
    #[must_use]
    pub fn relaying(mut self) -> Self {
        self.relays = true;
        self
    }

    /// Sets how long connecting may take, and a reply. Default: [`TIMEOUT`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl StateProvider for RedisState {
    fn schemes(&self) -> &[&str] {
        &["redis", "rediss"]
    }

    fn open(
        &self,
        url: &str,
        namespace: &Namespace,
    ) -> Result<Backends, Box<dyn Error + Send + Sync>> {
        let shared = Arc::new(Shared {
            connection: Connection::new(client(url)?, self.timeout),
            scripts: Scripts::new(),
            keys: Keys::new(namespace.cluster()),
            relay_prefix: self.relays.then(|| namespace.prefix().to_owned()),
        });
        Ok(Backends {
            history: Arc::new(RedisHistory(Arc::clone(&shared))),
            presence: Arc::new(RedisPresence(Arc::clone(&shared))),
            records: Arc::new(RedisRecords(shared)),
        })
    }
}

/// What the three backends have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) connection: Connection,
    pub(super) scripts: Scripts,
    pub(super) keys: Keys,
    /// What goes before a channel's name on the relay; `None` where nothing is relayed.
    pub(super) relay_prefix: Option<String>,
}

/// Why a URL of Redis cannot be used. The URL is not in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is no URL of Redis.
    #[error("the URL is not `redis://[user[:password]@]host[:port][/database]`")]
    Malformed,
    /// A parameter has no meaning, or no meaning without TLS.
    #[error("the parameter `{name}` is not known here")]
    Parameter {
        /// Its name.
        name: String,
    },
    /// A file that a parameter names cannot be read.
    #[error("the file of the parameter `{name}` cannot be read")]
    File {
        /// The parameter.
        name: &'static str,
        /// What is wrong.
        source: std::io::Error,
    },
    /// `cert` stands without `key`, or `key` without `cert`.
    #[error("the parameters `cert` and `key` need each other")]
    HalfIdentity,
    /// The certificates or keys cannot be used.
    #[error("the certificates or the key cannot be used")]
    Tls {
        /// What is wrong.
        source: redis::RedisError,
    },
    /// `rediss://` needs the feature `tls`.
    #[error("`rediss:` needs the feature `tls` of gripware-redis")]
    NoTls,
}

/// The parameters that name files.
#[derive(Default)]
struct Files {
    ca: Option<Vec<u8>>,
    cert: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

fn client(url: &str) -> Result<Client, UrlError> {
    let mut url = redis::parse_redis_url(url).ok_or(UrlError::Malformed)?;
    let is_tls = url.scheme() == "rediss";
    let mut files = Files::default();
    for (name, value) in url.query_pairs() {
        let read = |name| fs::read(&*value).map_err(|source| UrlError::File { name, source });
        match &*name {
            "ca" if is_tls => files.ca = Some(read("ca")?),
            "cert" if is_tls => files.cert = Some(read("cert")?),
            "key" if is_tls => files.key = Some(read("key")?),
            _ => {
                let name = name.chars().take(64).collect();
                return Err(UrlError::Parameter { name });
            }
        }
    }
    if files.cert.is_some() != files.key.is_some() {
        return Err(UrlError::HalfIdentity);
    }
    url.set_query(None);
    let info = url
        .into_connection_info()
        .map_err(|_| UrlError::Malformed)?;
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP2);
    let info = info.set_redis_settings(settings);
    if is_tls {
        return tls(info, files);
    }
    Client::open(info).map_err(|_| UrlError::Malformed)
}

#[cfg(feature = "tls")]
fn tls(info: redis::ConnectionInfo, files: Files) -> Result<Client, UrlError> {
    use redis::{ClientTlsConfig, TlsCertificates};

    let client_tls = files.cert.zip(files.key);
    let certificates = TlsCertificates {
        client_tls: client_tls.map(|(client_cert, client_key)| ClientTlsConfig {
            client_cert,
            client_key,
        }),
        root_cert: files.ca,
    };
    Client::build_with_tls(info, certificates).map_err(|source| UrlError::Tls { source })
}

#[cfg(not(feature = "tls"))]
fn tls(_: redis::ConnectionInfo, _: Files) -> Result<Client, UrlError> {
    Err(UrlError::NoTls)
}
