use std::{
    collections::{HashMap, HashSet},
    net::{SocketAddr, UdpSocket},
    sync::{Arc, RwLock},
};

use thiserror::Error;

use super::{Inner, MayPassOn, PipeServer};
use crate::{
    Hooks, Identity, IdentityError, Name, Settings, SettingsError,
    registry::Registry,
    telemetry::{Telemetry, statsd},
    tls::ServerTls,
};

/// How many names of clients are remembered by default.
const DEFAULT_MAX_CLIENTS: usize = 10_000;

/// How many connections may be in their handshakes by default. What is beyond it is closed, so that
/// somebody without a certificate occupies no more than this.
const DEFAULT_MAX_HANDSHAKES: usize = 1024;

/// Settings of a [`PipeServer`].
#[must_use]
pub struct PipeServerBuilder {
    identity: Identity,
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    known: Vec<Name>,
    is_only_known: bool,
    aliases: HashMap<String, Name>,
    may_pass_on: MayPassOn,
    max_clients: usize,
    max_handshakes: usize,
    statsd: Option<SocketAddr>,
}

/// Why an end of a pipe cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A client has no server to dial.
    #[error("no server is named")]
    NoServer,
    /// The name that a server is to be verified under is neither a DNS name nor an IP address.
    #[error("{name:?} is no name that a certificate can have")]
    ServerName {
        /// The name.
        name: String,
    },
    /// There is no socket for statsd.
    #[error("nothing can be sent to statsd")]
    Statsd(#[source] std::io::Error),
}

impl PipeServerBuilder {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            settings: Settings::new(),
            hooks: Arc::new(()),
            known: Vec::new(),
            is_only_known: false,
            aliases: HashMap::new(),
            may_pass_on: Box::new(|_, _| false),
            max_clients: DEFAULT_MAX_CLIENTS,
            max_handshakes: DEFAULT_MAX_HANDSHAKES,
            statsd: None,
        }
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

    /// Names clients that are known before they connect: a call to one is answered with 503 and not
    /// with 404.
    pub fn known(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.known.extend(names);
        self
    }

    /// Sets whether only clients of [`known`](Self::known) are accepted. Default: whoever has a
    /// certificate of the authority.
    pub fn only_known(mut self, only: bool) -> Self {
        self.is_only_known = only;
        self
    }

    /// Lets a client be found under another name as well, such as its address. It identifies
    /// nobody: who a client is, is in its certificate.
    pub fn alias(mut self, alias: impl Into<String>, name: Name) -> Self {
        self.aliases.insert(alias.into(), name);
        self
    }

    /// Sets which calls are passed on between clients, by who makes a call and to whom. Default:
    /// none.
    pub fn pass_on(mut self, may: impl Fn(&Name, &Name) -> bool + Send + Sync + 'static) -> Self {
        self.may_pass_on = Box::new(may);
        self
    }

    /// Sets how many names of clients are remembered. A client with a new one is refused where
    /// that many are connected. Default: 10 000.
    pub fn max_clients(mut self, clients: usize) -> Self {
        self.max_clients = clients;
        self
    }

    /// Sets how many connections may be in their handshakes. Default: 1024.
    pub fn max_handshakes(mut self, handshakes: usize) -> Self {
        self.max_handshakes = handshakes;
        self
    }

    /// Sets an address of statsd. Default: nothing is sent.
    pub fn statsd(mut self, address: SocketAddr) -> Self {
        self.statsd = Some(address);
        self
    }

    /// Builds the server, and reads its certificates.
    ///
    /// # Errors
    /// Where a setting is out of its range, or the certificates cannot be used.
    pub fn build(self) -> Result<PipeServer, BuildError> {
        self.settings.check()?;
        let statsd = self.statsd.map(statsd).transpose();
        let statsd: Option<UdpSocket> = statsd.map_err(BuildError::Statsd)?;
        let tls = ServerTls::new(self.identity.read()?)?;
        let registry = Registry::new(self.max_clients);
        let known: HashSet<_> = self.known.iter().chain(self.aliases.values()).collect();
        let known = known.into_iter().map(|name| registry.know(name)).collect();
        let only = self.is_only_known.then_some(self.known);
        Ok(PipeServer {
            inner: Arc::new(Inner {
                identity: self.identity,
                tls: RwLock::new(Arc::new(tls)),
                settings: Arc::new(self.settings),
                telemetry: Arc::new(Telemetry::new(statsd)),
                hooks: self.hooks,
                registry,
                _known: known,
                only,
                aliases: self.aliases,
                may_pass_on: self.may_pass_on,
                max_handshakes: self.max_handshakes,
                trusted: std::sync::Mutex::default(),
            }),
        })
    }
}

impl std::fmt::Debug for PipeServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeServerBuilder")
            .field("identity", &self.identity)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
