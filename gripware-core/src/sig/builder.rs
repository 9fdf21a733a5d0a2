use std::{sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    key::{Key, MAX_KEYS},
    token_cache::DEFAULT_REMEMBERED,
    verify::Verifier,
};
use crate::GripUrl;

/// The most leeway: as long as a token holds, an hour.
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

    /// Accepts what is signed with this key, by any issuer.
    pub fn with_key(mut self, key: Key) -> Self {
        self.entries.push(Entry { key, issuer: None });
        self
    }

    /// Accepts what is signed with this key by this issuer.
    pub fn with_key_of(mut self, key: Key, issuer: impl Into<String>) -> Self {
        let issuer = Some(issuer.into().into());
        self.entries.push(Entry { key, issuer });
        self
    }

    /// Accepts what is signed by the proxy of this URL, with each of its keys. A URL without keys
    /// adds nothing.
    pub fn with_url(mut self, url: &GripUrl) -> Self {
        let entries = url.verify_keys().iter().map(|key| Entry {
            key: key.clone(),
            issuer: url.verify_iss().map(Arc::from),
        });
        self.entries.extend(entries);
        self
    }

    /// How far the clocks of proxy and application may be apart. Default 0: tokens hold for an
    /// hour, so it is wanted only where a clock is off by that much. At most [`MAX_LEEWAY`].
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How many verified tokens are remembered. Default [`DEFAULT_REMEMBERED`], and 2 MiB of them
    /// at most; 0 remembers none.
    pub fn with_remembered(mut self, tokens: usize) -> Self {
        self.remembered = tokens;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// Where there is no key or more than [`MAX_KEYS`], where Fastly's key is without an issuer,
    /// and where the leeway is over its limit.
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

/// A key with the issuer it is for; none where any will do.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) issuer: Option<Arc<str>>,
}

/// Why a [`VerifierBuilder`] builds nothing.
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
    /// Fastly's key is there without an issuer, and it is one for all of Fastly's customers.
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
