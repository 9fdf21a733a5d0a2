use std::{
    net::SocketAddr,
    sync::{Arc, RwLock},
    time::Duration,
};

use rustls::pki_types::ServerName;

use super::{Inner, PipeClient, ServerAddress};
use crate::{
    BuildError, Hooks, Identity, Settings, SettingsError,
    slot::Slot,
    telemetry::{Telemetry, statsd},
    tls::ClientTls,
};

/// The first time between two attempts.
const DEFAULT_FIRST_RETRY: Duration = Duration::from_millis(100);

/// The longest one. RestPipe's shortest: a client that was away for long is back as soon.
const DEFAULT_LAST_RETRY: Duration = Duration::from_secs(5);

/// Settings of a [`PipeClient`].
#[must_use]
pub struct PipeClientBuilder {
    identity: Identity,
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    servers: Vec<ServerAddress>,
    server_name: Option<String>,
    first_retry: Duration,
    last_retry: Duration,
    statsd: Option<SocketAddr>,
}

impl PipeClientBuilder {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            settings: Settings::new(),
            hooks: Arc::new(()),
            servers: Vec::new(),
            server_name: None,
            first_retry: DEFAULT_FIRST_RETRY,
            last_retry: DEFAULT_LAST_RETRY,
            statsd: None,
        }
    }

    /// Adds a server to dial. Where there are several, the next one is tried whenever one fails or
    /// ends the pipe.
    pub fn server(mut self, address: ServerAddress) -> Self {
        self.servers.push(address);
        self
    }

    /// Sets the name that the server's certificate has to have. Default: the host that is dialled.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Sets times and limits.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets what is told of connections made and lost.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks = Arc::new(hooks);
        self
    }

    /// Sets the times between attempts: the first, and the longest, which doubling ends at. Up to
    /// half of each is left out by chance. Default: 100 ms and 5 s.
    pub fn retry(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_retry, self.last_retry) = (first, longest);
        self
    }

    /// Sets an address of statsd. Default: nothing is sent.
    pub fn statsd(mut self, address: SocketAddr) -> Self {
        self.statsd = Some(address);
        self
    }

    /// Builds the client, and reads its certificates. It dials when it is
    /// [served](PipeClient::serve).
    ///
    /// # Errors
    /// Where a setting is out of its range, no server is named, or the certificates cannot be used.
    pub fn build(self) -> Result<PipeClient, BuildError> {
        self.settings.check()?;
        if self.servers.is_empty() {
            return Err(BuildError::NoServer);
        }
        if self.first_retry.is_zero() {
            let name = "time between attempts";
            return Err(SettingsError::Zero { name }.into());
        }
        let named = self.server_name.map(|name| {
            ServerName::try_from(name.clone()).map_err(|_| BuildError::ServerName { name })
        });
        let statsd = self.statsd.map(statsd).transpose();
        let statsd = statsd.map_err(BuildError::Statsd)?;
        let tls = ClientTls::new(self.identity.read()?)?;
        Ok(PipeClient {
            inner: Arc::new(Inner {
                identity: self.identity,
                tls: RwLock::new(Arc::new(tls)),
                settings: Arc::new(self.settings),
                telemetry: Arc::new(Telemetry::new(statsd)),
                hooks: self.hooks,
                servers: self.servers,
                server_name: named.transpose()?,
                first_retry: self.first_retry,
                last_retry: self.last_retry.max(self.first_retry),
                slot: Arc::new(Slot::new()),
            }),
        })
    }
}

impl std::fmt::Debug for PipeClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeClientBuilder")
            .field("servers", &self.servers)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
