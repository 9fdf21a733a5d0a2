use std::{env, sync::Arc, time::Duration};

use gripware_core::{
    ChannelError, GripUrl, GripUrlError, Limits, Policy,
    sig::{Verifier, VerifierBuilder, VerifierError},
};
use thiserror::Error;

use crate::{BuildError, Publisher};

/// What an application starts with: whom it trusts, and where it publishes.
///
/// It is read once, from the environment or from a [`builder`](Self::builder), and given to the
/// layer of an adapter. Clones share everything.
///
/// ```
/// use gripware_publish::{ConfigError, Grip};
///
/// let vars = |name: &str| match name {
///     "GRIP_URL" => Some("http://localhost:5561/?verify-iss=pushpin&verify-key=secret".into()),
///     "GRIP_PREFIX" => Some("app-".into()),
///     _ => None,
/// };
/// let grip = Grip::from_vars(vars)?;
/// assert_eq!(grip.policy().prefix(), "app-");
///
/// // A key that cannot be read stops the application, and is not printed.
/// let error = Grip::from_vars(|name| {
///     (name == "GRIP_URL").then(|| "http://localhost:5561/?verify-key=-----BEGIN".into())
/// });
/// assert!(matches!(error, Err(ConfigError::Url(_))));
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grip {
    policy: Arc<Policy>,
    publisher: Publisher,
}

impl Grip {
    /// Reads `GRIP_URL`, `GRIP_PREFIX` and `GRIP_PROXY_REQUIRED`.
    ///
    /// Without `GRIP_URL` no request is trusted, and publishing fails with an error that says so.
    ///
    /// # Errors
    /// Where one of them cannot be used. No key or password is in the error.
    pub fn from_env() -> Result<Self, ConfigError> {
        for name in [URL, PREFIX, PROXY_REQUIRED] {
            if let Err(env::VarError::NotUnicode(_)) = env::var(name) {
                return Err(ConfigError::NotUnicode { name });
            }
        }
        Self::from_vars(|name| env::var(name).ok())
    }

    /// The same from another place than the environment.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(vars: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut builder = Self::builder();
        if let Some(urls) = vars(URL) {
            builder = builder.urls(GripUrl::parse_many(&urls)?);
        }
        if let Some(prefix) = vars(PREFIX) {
            builder = builder.prefix(prefix);
        }
        let required = match vars(PROXY_REQUIRED).as_deref().map(str::trim) {
            Some("true" | "1") => true,
            None | Some("" | "false" | "0") => false,
            Some(_) => {
                return Err(ConfigError::NoBoolean {
                    name: PROXY_REQUIRED,
                });
            }
        };
        builder.proxy_required(required).build()
    }

    /// Starts without any proxy.
    pub fn builder() -> GripBuilder {
        GripBuilder::default()
    }

    /// What is trusted, and how instructions are written. For adapters.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// A publisher to every configured endpoint, with the prefix. Each call gives a handle to the
    /// same one.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }
}

const URL: &str = "GRIP_URL";
const PREFIX: &str = "GRIP_PREFIX";
const PROXY_REQUIRED: &str = "GRIP_PROXY_REQUIRED";

/// Builds a [`Grip`] in code.
#[derive(Debug, Default)]
#[must_use]
pub struct GripBuilder {
    urls: Vec<GripUrl>,
    prefix: String,
    proxy_required: bool,
    trusts_unsigned: bool,
    leeway: Duration,
    limits: Limits,
    publisher: Option<Publisher>,
}

impl GripBuilder {
    /// Adds a proxy: where to publish, and whose signatures to trust.
    pub fn url(mut self, url: GripUrl) -> Self {
        self.urls.push(url);
        self
    }

    /// Adds several proxies.
    pub fn urls(mut self, urls: impl IntoIterator<Item = GripUrl>) -> Self {
        self.urls.extend(urls);
        self
    }

    /// Sets what is put before every channel name: in holds, subscriptions and published items
    /// alike. Default: nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets whether requests that did not come through a proxy are refused with 501. Default: no.
    pub fn proxy_required(mut self, required: bool) -> Self {
        self.proxy_required = required;
        self
    }

    /// **Dangerous.** Trusts proxies that do not sign; see
    /// [`Policy::trusting_unsigned_proxies`].
    pub fn trust_unsigned_proxies(mut self) -> Self {
        self.trusts_unsigned = true;
        self
    }

    /// Sets by how much a signature may be past its `exp`, for clocks that differ. Default: 0.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the bounds that holds and WebSocket bodies are kept to. Default: those of Pushpin.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Publishes with this publisher, in place of one to the control URIs of the URLs. It has a
    /// prefix of its own.
    pub fn publisher(mut self, publisher: Publisher) -> Self {
        self.publisher = Some(publisher);
        self
    }

    /// The configuration.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn build(self) -> Result<Grip, ConfigError> {
        let mut policy = Policy::new()
            .with_prefix(self.prefix.as_str())?
            .with_limits(self.limits)
            .requiring_proxy(self.proxy_required);
        let verifies = self.urls.iter().any(|url| !url.verify_keys().is_empty());
        if verifies && self.trusts_unsigned {
            return Err(ConfigError::UnsignedBesideKey);
        }
        if verifies {
            let builder = Verifier::builder().with_leeway(self.leeway);
            let builder = self.urls.iter().fold(builder, VerifierBuilder::with_url);
            policy = policy.with_verifier(builder.build()?);
        } else if self.trusts_unsigned {
            policy = policy.trusting_unsigned_proxies();
        }
        let publisher = match self.publisher {
            Some(publisher) => publisher,
            None => Publisher::builder()
                .urls(self.urls)
                .prefix(self.prefix)
                .build()?,
        };
        Ok(Grip {
            policy: Arc::new(policy),
            publisher,
        })
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `GRIP_URL` has a URL that is none.
    #[error("GRIP_URL cannot be used")]
    Url(#[from] GripUrlError),
    /// The prefix is no part of a channel name.
    #[error("the prefix cannot stand before a channel name")]
    Prefix(#[from] ChannelError),
    /// The keys cannot be used together.
    #[error("the verify keys cannot be used")]
    Verifier(#[from] VerifierError),
    /// The publisher cannot be built.
    #[error("the control endpoints cannot be published to")]
    Publisher(#[from] BuildError),
    /// Unsigned proxies are to be trusted, and a verify key is there that would refuse them.
    #[error("unsigned proxies cannot be trusted beside a verify key")]
    UnsignedBesideKey,
    /// A variable is neither `true` nor `false`.
    #[error("{name} is neither true nor false")]
    NoBoolean {
        /// The variable.
        name: &'static str,
    },
    /// A variable is not UTF-8.
    #[error("{name} is not UTF-8")]
    NotUnicode {
        /// The variable.
        name: &'static str,
    },
}
