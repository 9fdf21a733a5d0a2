use std::env;

use crate::{
    ConfigError, History, Presence, Records,
    namespace::Namespace,
    provider::{Backends, NoProvider, StateProvider},
};

/// What the URL of the state is read from.
const URL: &str = "GRIPWARE_STATE";
const CLUSTER: &str = "GRIPWARE_CLUSTER";
const PREFIX: &str = "GRIP_PREFIX";
const PROXY: &str = "GRIP_URL";

/// History, presence and records, over one engine.
///
/// It is built once, in memory or over what the environment says, and handed to handlers. Clones
/// share everything.
///
/// ```
/// use gripware_state::{ConfigError, State};
///
/// // Memory, where GRIPWARE_STATE is not set.
/// let state = State::with::<gripware_state::NoProvider>([]).from_vars(|_| None)?;
/// let history = state.history();
/// # let _ = history;
///
/// // A scheme that nobody was handed in for stops the application, and names what to add.
/// let error = State::with::<gripware_state::NoProvider>([])
///     .from_vars(|name| (name == "GRIPWARE_STATE").then(|| "redis://:secret@localhost".into()))
///     .unwrap_err();
/// assert_eq!(error, ConfigError::UnknownScheme { scheme: "redis".into() });
/// assert!(error.to_string().contains("gripware-redis"));
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct State {
    backends: Backends,
    is_embedded: bool,
}

impl State {
    /// State in the memory of this process, with the default bounds, for a proxy inside of it.
    #[must_use]
    pub fn memory() -> Self {
        Self {
            backends: Backends::memory(),
            is_embedded: true,
        }
    }

    /// State in memory, for a proxy where the environment says: [`with`](Self::with) nobody who opens
    /// engines, and [`StateBuilder::from_env`].
    ///
    /// # Errors
    /// Where a variable cannot be used, such as `GRIPWARE_STATE` with the URL of an engine.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::with::<NoProvider>([]).from_env()
    }

    /// State over backends, for a proxy outside of this process.
    #[must_use]
    pub fn new(backends: Backends) -> Self {
        Self {
            backends,
            is_embedded: false,
        }
    }

    /// Starts with those who open engines, such as `gripware_redis::state()`. Memory needs none.
    pub fn with<P: StateProvider>(providers: impl IntoIterator<Item = P>) -> StateBuilder {
        let boxed = |provider| Box::new(provider) as Box<dyn StateProvider>;
        StateBuilder {
            providers: providers.into_iter().map(boxed).collect(),
            url: None,
            namespace: Namespace::default(),
            is_embedded: true,
        }
    }

    /// The history of channels, with the default size and time. Each call returns a handle to the
    /// same one.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(self.backends.history.clone())
    }

    /// Who is in channels. Call it once and clone the handle: each call has a node's lease of its
    /// own. Let a task run [`Presence::run`], or nobody is found to have gone.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let presence = Presence::new(self.backends.presence.clone());
        if self.is_embedded {
            presence.by_node()
        } else {
            presence
        }
    }

    /// Small values under keys.
    #[must_use]
    pub fn records(&self) -> Records {
        Records::new(self.backends.records.clone())
    }
}

/// Builds a [`State`].
#[derive(Debug)]
#[must_use = "it does nothing until it is built"]
pub struct StateBuilder {
    providers: Vec<Box<dyn StateProvider>>,
    url: Option<String>,
    namespace: Namespace,
    is_embedded: bool,
}

impl StateBuilder {
    /// Sets the engine: `memory:`, which is the default, or a URL of a scheme that somebody was
    /// handed in for.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets what the application's keys begin with, and the publisher's prefix. Default: the cluster
    /// `default` without a prefix.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Sets whether the proxy is in this process. Then presence goes
    /// [by node](Presence::by_node). Default: `true`.
    pub fn embedded(mut self, embedded: bool) -> Self {
        self.is_embedded = embedded;
        self
    }

    /// Reads the environment and builds:
    ///
    /// | variable | meaning | default |
    /// |---|---|---|
    /// | `GRIPWARE_STATE` | the [`url`](Self::url) | memory |
    /// | `GRIPWARE_CLUSTER` | [`Namespace::with_cluster`] | `default` |
    /// | `GRIP_PREFIX` | [`Namespace::with_prefix`] | none |
    /// | `GRIP_URL` | where it is set, the proxy is [not in this process](Self::embedded) | in it |
    ///
    /// What is not set there stays as it was set here.
    ///
    /// # Errors
    /// Where one of them cannot be used.
    pub fn from_env(self) -> Result<State, ConfigError> {
        for name in [URL, CLUSTER, PREFIX, PROXY] {
            if let Err(env::VarError::NotUnicode(_)) = env::var(name) {
                return Err(ConfigError::NotUnicode { name });
            }
        }
        self.from_vars(|name| env::var(name).ok())
    }

    /// The same from another place than the environment.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(
        mut self,
        vars: impl Fn(&str) -> Option<String>,
    ) -> Result<State, ConfigError> {
        let set = |name| vars(name).filter(|value| !value.is_empty());
        if let Some(url) = set(URL) {
            self.url = Some(url);
        }
        if let Some(cluster) = set(CLUSTER) {
            self.namespace = self.namespace.with_cluster(cluster)?;
        }
        if let Some(prefix) = set(PREFIX) {
            self.namespace = self.namespace.with_prefix(prefix)?;
        }
        if set(PROXY).is_some() {
            self.is_embedded = false;
        }
        self.build()
    }

    /// The state.
    ///
    /// # Errors
    /// Where the URL has no scheme, nobody was handed in for it, or it cannot be opened.
    pub fn build(self) -> Result<State, ConfigError> {
        Ok(State {
            backends: self.open()?,
            is_embedded: self.is_embedded,
        })
    }

    fn open(&self) -> Result<Backends, ConfigError> {
        let Some(url) = &self.url else {
            return Ok(Backends::memory());
        };
        let (scheme, _) = url.split_once(':').ok_or(ConfigError::NoScheme)?;
        if scheme == "memory" {
            return Ok(Backends::memory());
        }
        let scheme = scheme.to_owned();
        let mut providers = self.providers.iter();
        let Some(provider) = providers.find(|provider| provider.schemes().contains(&&*scheme))
        else {
            return Err(ConfigError::UnknownScheme { scheme });
        };
        let backends = provider.open(url, &self.namespace);
        backends.map_err(|error| ConfigError::Open {
            reason: gripware_core::ErrorChain(&*error).to_string(),
            scheme,
        })
    }
}
