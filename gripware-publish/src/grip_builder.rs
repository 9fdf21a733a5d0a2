//! How a [`Grip`](crate::Grip) is set up.

use std::{env, fmt, sync::Arc, time::Duration};

use gripware_core::{
    ChannelError, ErrorChain, GripUrl, GripUrlError, Limits, LinkKey, Policy,
    sig::{Key, Verifier, VerifierBuilder, VerifierError},
    ws::AllowedOrigins,
};
use thiserror::Error;

use crate::{BuildError, Endpoint, Grip, Publisher, PublisherBuilder, trace};

const URL: &str = "GRIP_URL";
const PREFIX: &str = "GRIP_PREFIX";
const PROXY_REQUIRED: &str = "GRIP_PROXY_REQUIRED";
const ALLOW_INSECURE: &str = "GRIP_ALLOW_INSECURE_CREDENTIALS";

/// Builds a [`Grip`], in code or from the environment and in code.
///
/// ```
/// use std::time::Duration;
///
/// use gripware_publish::{ConfigError, Endpoint, Grip};
///
/// let vars = |name: &str| match name {
///     "GRIP_URL" => Some("http://push.internal:5561/?key=token".into()),
///     _ => None,
/// };
/// let grip = Grip::builder()
///     .vars(vars)?
///     .leeway(Duration::from_secs(5))
///     .publisher_with(|publisher| {
///         publisher
///             .timeout(Duration::from_secs(3))
///             .each_endpoint(Endpoint::allow_insecure_credentials)
///     })
///     .build()?;
/// assert!(!grip.publisher().is_none());
///
/// // Without that, the token would be readable on the way.
/// assert!(matches!(Grip::from_vars(vars), Err(ConfigError::Publisher(_))));
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct GripBuilder {
    urls: Vec<GripUrl>,
    keys: Vec<(Key, String)>,
    prefix: String,
    proxy_required: bool,
    allows_insecure: bool,
    trusts_unsigned: bool,
    trusts_forwarded_for: bool,
    leeway: Duration,
    limits: Limits,
    allowed_origins: AllowedOrigins,
    link_key: Option<LinkKey>,
    publisher: Source,
}

/// Where the publisher comes from.
#[derive(Default)]
enum Source {
    /// From the URLs.
    #[default]
    Urls,
    /// From the URLs, with more settings.
    Settings(Box<Settings>),
    Given(Publisher),
}

type Settings = dyn FnOnce(PublisherBuilder) -> PublisherBuilder + Send + Sync;

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Urls => f.write_str("Urls"),
            Self::Settings(_) => f.write_str("Settings"),
            Self::Given(publisher) => publisher.fmt(f),
        }
    }
}

impl GripBuilder {
    /// Reads `GRIP_URL`, `GRIP_PREFIX`, `GRIP_PROXY_REQUIRED` and `GRIP_ALLOW_INSECURE_CREDENTIALS` from
    /// the environment.
    ///
    /// The URLs are added to those that are there. The others are set where they have a value, and
    /// a setter that is called afterwards has the last word.
    ///
    /// # Errors
    /// If one of them cannot be used. No key or password is in the error.
    pub fn env(self) -> Result<Self, ConfigError> {
        for name in [URL, PREFIX, PROXY_REQUIRED, ALLOW_INSECURE] {
            if let Err(env::VarError::NotUnicode(_)) = env::var(name) {
                return Err(ConfigError::NotUnicode { name });
            }
        }
        self.vars(|name| env::var(name).ok())
    }

    /// The same from another place than the environment.
    ///
    /// # Errors
    /// As [`env`](Self::env).
    pub fn vars(mut self, vars: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        if let Some(urls) = vars(URL) {
            self.urls.extend(GripUrl::parse_many(&urls)?);
        }
        if let Some(prefix) = vars(PREFIX) {
            self.prefix = prefix;
        }
        if let Some(required) = switch(&vars, PROXY_REQUIRED)? {
            self.proxy_required = required;
        }
        if let Some(allows) = switch(&vars, ALLOW_INSECURE)? {
            self.allows_insecure = allows;
        }
        Ok(self)
    }

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

    /// Trusts requests that are signed with this key by this issuer, without a proxy to publish to.
    pub fn verify_key(mut self, key: Key, issuer: impl Into<String>) -> Self {
        self.keys.push((key, issuer.into()));
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

    /// Believes a proxy that says in `X-Forwarded-For` who its client is, so that actix-web's
    /// `peer_addr` is that client's; see [`Policy::trusting_forwarded_for`]. A hub inside does this by
    /// itself. Default: off.
    pub fn trust_forwarded_for(mut self) -> Self {
        self.trusts_forwarded_for = true;
        self
    }

    /// **Dangerous.** Sends the credentials of all URLs over plain http where those say so, and logs a
    /// warning for each: whoever is on the way can read them and publish. Only for a network where
    /// nobody else can listen. In the environment it is `GRIP_ALLOW_INSECURE_CREDENTIALS=true`; for
    /// one endpoint it is
    /// [`Endpoint::allow_insecure_credentials`](crate::Endpoint::allow_insecure_credentials).
    pub fn allow_insecure_credentials(mut self) -> Self {
        self.allows_insecure = true;
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

    /// Changes some of the bounds.
    pub fn limits_with(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Sets from which pages browsers may open WebSockets, against cross-site WebSocket hijacking.
    /// Default: [`AllowedOrigins::same_host`], pages of the host that the request is for.
    ///
    /// It is checked before a handler with a `WebSocketContext` runs. Sockets that a proxy passes
    /// through to the application's own WebSocket server are checked there.
    pub fn allowed_origins(mut self, allowed: AllowedOrigins) -> Self {
        self.allowed_origins = allowed;
        self
    }

    /// Sets the key that signs the links of private streams: at least 32 random bytes, the same in
    /// all processes of the application. Default: none. See [`gripware_core::manual::logins`].
    pub fn link_key(mut self, key: LinkKey) -> Self {
        self.link_key = Some(key);
        self
    }

    /// Changes how the publisher is built, when it has the URLs and the prefix: time limits,
    /// retries, the queue, a transport, sinks, more endpoints. Each call adds to those before. Has
    /// the place of a [`publisher`](Self::publisher) that was given before.
    pub fn publisher_with(
        mut self,
        settings: impl FnOnce(PublisherBuilder) -> PublisherBuilder + Send + Sync + 'static,
    ) -> Self {
        self.publisher = Source::Settings(match self.publisher {
            Source::Settings(earlier) => Box::new(|publisher| settings(earlier(publisher))),
            Source::Urls | Source::Given(_) => Box::new(settings),
        });
        self
    }

    /// Publishes with this publisher, in place of one to the control URIs of the URLs. It has to
    /// have been built with the same prefix as is set here, or clients would be subscribed to
    /// other channels than those that are published to.
    pub fn publisher(mut self, publisher: Publisher) -> Self {
        self.publisher = Source::Given(publisher);
        self
    }

    /// Returns the configuration.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn build(self) -> Result<Grip, ConfigError> {
        let mut policy = Policy::new()
            .with_prefix(self.prefix.as_str())?
            .with_limits(self.limits)
            .with_allowed_origins(self.allowed_origins)
            .requiring_proxy(self.proxy_required);
        if let Some(key) = self.link_key {
            policy = policy.with_link_key(key);
        }
        if self.trusts_forwarded_for {
            policy = policy.trusting_forwarded_for();
        }
        let verifies =
            !self.keys.is_empty() || self.urls.iter().any(|url| !url.verify_keys().is_empty());
        if self.urls.iter().any(is_issuer_without_key) {
            trace::warning!(
                "a GRIP URL has verify-iss without verify-key: no key is there to check a signature \
                 with, so no request counts as one of that proxy"
            );
        }
        if verifies && self.trusts_unsigned {
            return Err(ConfigError::UnsignedBesideKey);
        }
        if verifies {
            let builder = Verifier::builder().with_leeway(self.leeway);
            let builder = self.urls.iter().fold(builder, VerifierBuilder::with_url);
            let with_key =
                |builder: VerifierBuilder, (key, issuer)| builder.with_key_of(key, issuer);
            let builder = self.keys.into_iter().fold(builder, with_key);
            policy = policy.with_verifier(builder.build()?);
        } else if self.trusts_unsigned {
            policy = policy.trusting_unsigned_proxies();
        }
        let allows_insecure = self.allows_insecure;
        let from_urls = || {
            let publisher = Publisher::builder().urls(self.urls).prefix(&self.prefix);
            match allows_insecure {
                true => publisher.each_endpoint(insecurely),
                false => publisher,
            }
        };
        let publisher = match self.publisher {
            Source::Urls => from_urls().build()?,
            Source::Settings(settings) => settings(from_urls()).build()?,
            Source::Given(publisher) => publisher,
        };
        if !publisher.is_none() && publisher.prefix() != self.prefix {
            return Err(ConfigError::PrefixDiffers);
        }
        Ok(Grip {
            policy: Arc::new(policy),
            publisher,
        })
    }
}

/// Reads `true` or `false`, or another word for one of them; `None` where nothing is set.
fn switch(
    vars: impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<bool>, ConfigError> {
    let text = vars(name).unwrap_or_default();
    match &*text.trim_ascii().to_ascii_lowercase() {
        "" => Ok(None),
        "true" | "yes" | "on" | "1" => Ok(Some(true)),
        "false" | "no" | "off" | "0" => Ok(Some(false)),
        _ => Err(ConfigError::NoBoolean { name }),
    }
}

/// Lets an endpoint have its credentials over plain http, and says so.
fn insecurely(endpoint: Endpoint) -> Endpoint {
    if endpoint.is_insecure() {
        trace::warning!(
            endpoint = endpoint.name(),
            "{ALLOW_INSECURE} is set: credentials are sent over plain http, where everybody on the \
             way can read them and publish with them"
        );
    }
    endpoint.allow_insecure_credentials()
}

/// Why a configuration cannot be used.
///
/// `Debug` has the causes in words as well: it is what a program prints whose `main` returns the
/// error.
#[derive(Clone, PartialEq, Eq, Error)]
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
    /// The publisher puts another prefix before channels than holds do.
    #[error("the publisher has another prefix than the holds")]
    PrefixDiffers,
    /// A variable is neither `true` nor `false`, nor another word for one of them.
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

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&ErrorChain(self), f)
    }
}

/// Whether a URL names who may sign, and not with which key.
fn is_issuer_without_key(url: &GripUrl) -> bool {
    url.verify_iss().is_some() && url.verify_keys().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(url: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| (name == URL).then(|| url.to_owned())
    }

    #[test]
    fn a_main_that_returns_the_error_prints_its_chain_in_words() {
        let error = Grip::from_vars(vars("ftp://localhost/")).unwrap_err();
        let shown = format!("{error:?}");
        assert_eq!(shown, ErrorChain(&error).to_string());
        assert!(shown.starts_with("GRIP_URL cannot be used: "), "{shown}");
        assert!(!shown.contains("Scheme"), "{shown}");
    }

    #[test]
    fn an_issuer_without_a_key_is_noticed() {
        let url = |query: &str| GripUrl::parse(&format!("http://localhost:5561/{query}")).unwrap();
        assert!(is_issuer_without_key(&url("?verify-iss=pushpin")));
        assert!(!is_issuer_without_key(&url(
            "?verify-iss=pushpin&verify-key=secret"
        )));
        assert!(!is_issuer_without_key(&url("?verify-key=secret")));
        assert!(!is_issuer_without_key(&url("")));
    }
}
