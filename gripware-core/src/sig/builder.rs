use std::{sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    key::{Key, MAX_KEYS},
    token_cache::DEFAULT_REMEMBERED,
    verify::Verifier,
};
use crate::GripUrl;

/// Upper bound on the leeway: an hour, as long as a token is valid.
pub const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// Builds a [`Verifier`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifierBuilder {
    entries: Vec<Entry>,
    leeway: Duration,
    remembered: usize,
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            leeway: Duration::ZERO,
            remembered: DEFAULT_REMEMBERED,
        }
    }

    /// Accepts tokens signed with this key, from any issuer.
    pub fn with_key(mut self, key: Key) -> Self {
        self.entries.push(Entry { key, issuer: None });
        self
    }

    /// Accepts tokens signed with this key, from this issuer only.
    pub fn with_key_of(mut self, key: Key, issuer: impl Into<String>) -> Self {
        let issuer = Some(issuer.into().into());
        self.entries.push(Entry { key, issuer });
        self
    }

    /// Accepts tokens of this URL's proxy: signed with any of its `verify-key`s, from its
    /// `verify-iss` if it has one. A URL without keys adds nothing.
    pub fn with_url(mut self, url: &GripUrl) -> Self {
        let entries = url.verify_keys().iter().map(|key| Entry {
            key: key.clone(),
            issuer: url.verify_iss().map(Arc::from),
        });
        self.entries.extend(entries);
        self
    }

    /// Sets the clock skew to tolerate between proxy and application. Default 0, at most
    /// [`MAX_LEEWAY`]. Tokens are valid for an hour, so only a clock that is slow or fast by about
    /// that much needs it.
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets how many verified tokens are cached. Default [`DEFAULT_REMEMBERED`]; 0 disables the
    /// cache. It never holds more than 2 MiB of tokens.
    pub fn with_remembered(mut self, tokens: usize) -> Self {
        self.remembered = tokens;
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    /// Returns an error if there is no key or more than [`MAX_KEYS`], if Fastly's key has no
    /// issuer, or if the leeway is over [`MAX_LEEWAY`].
    pub fn build(self) -> Result<Verifier, VerifierError> {
        if self.entries.is_empty() {
            return Err(VerifierError::NoKey);
        }
        if self.entries.len() > MAX_KEYS {
            return Err(VerifierError::TooManyKeys {
                count: self.entries.len(),
                limit: MAX_KEYS,
            });
        }
        let lacks_issuer = |entry: &Entry| entry.key.is_fastly() && entry.issuer.is_none();
        if self.entries.iter().any(lacks_issuer) {
            return Err(VerifierError::IssuerRequired);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(VerifierError::Leeway {
                leeway: self.leeway,
                limit: MAX_LEEWAY,
            });
        }
        Ok(Verifier::new(self.entries, self.leeway, self.remembered))
    }
}

/// A key and the issuer it is for; `None` accepts any issuer.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) issuer: Option<Arc<str>>,
}

/// Why a [`VerifierBuilder`] cannot build.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// There is no key, so nothing could be verified.
    #[error("there is no key to verify with")]
    NoKey,
    /// There are more keys than [`MAX_KEYS`].
    #[error("{count} keys are over the limit of {limit}")]
    TooManyKeys {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Fastly's key has no issuer. All customers of Fastly share that key, so the issuer is what
    /// tells their services apart.
    #[error("Fastly's key is one for all its customers: it needs an issuer")]
    IssuerRequired,
    /// The leeway is over its limit.
    #[error("a leeway of {leeway:?} is over the limit of {limit:?}")]
    Leeway {
        /// The leeway.
        leeway: Duration,
        /// The limit.
        limit: Duration,
    },
}
