//! What a handler knows about the proxy in front of it.
//!
//! ```
//! use std::{sync::Arc, time::{Duration, SystemTime}};
//!
//! use gripware_core::{Policy, sig::{Key, Signer, Verifier}};
//! use http::{HeaderMap, HeaderValue};
//!
//! let key = Key::parse("changeme")?;
//! let verifier = Verifier::builder().with_key(key.clone()).build()?;
//! let policy = Arc::new(Policy::new().with_verifier(verifier));
//!
//! let now = SystemTime::now();
//! let token = Signer::new(key)?.with_issuer("pushpin").sign(now)?;
//! let mut headers = HeaderMap::new();
//! headers.insert("grip-sig", HeaderValue::try_from(token)?);
//! headers.insert("grip-feature", HeaderValue::from_static("status, link:next"));
//! headers.insert("grip-last", HeaderValue::from_static("news; last-id=41"));
//!
//! let cx = policy.admit(&headers, || now);
//! assert!(cx.is_signed());
//! assert!(cx.has_feature("link:next"));
//! assert_eq!(cx.last().get("news"), Some("41"));
//!
//! // An hour later the same headers prove nothing, and nothing in them is believed.
//! let late = policy.admit(&headers, || now + Duration::from_secs(3600));
//! assert!(!late.is_proxied());
//! assert!(!late.has_feature("link:next"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{fmt, sync::Arc};

use http::HeaderValue;

use crate::{LastIds, Policy, SharedPolicy, header::trim_ows, sig::SigError};

/// How far a request's claim to come from a proxy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// It is signed by a key that the application trusts.
    Signed,
    /// It has the headers of a proxy, and the application is set to trust unsigned ones.
    Unsigned,
    /// It has no `Grip-Sig` header.
    Direct,
    /// It has a `Grip-Sig` header, and no verify key is configured that could check it.
    NoKey,
    /// Its signature was checked and refused.
    Refused(SigError),
}

impl Trust {
    /// Returns `true` if the request counts as sent by a proxy.
    #[must_use]
    #[inline]
    pub fn is_proxied(&self) -> bool {
        matches!(self, Self::Signed | Self::Unsigned)
    }
}

/// For the log of whoever runs the application: what came, and what to look at.
impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signed => "signed by a trusted proxy",
            Self::Unsigned => "not signed, and trusted as the configuration says",
            Self::Direct => "no Grip-Sig header came: the client connects past the proxy, or the proxy has no sig_key",
            Self::NoKey => "a Grip-Sig header came, and no verify key is configured to check it: add verify-key to GRIP_URL",
            Self::Refused(error) => return write!(f, "Grip-Sig was refused: {error}"),
        })
    }
}

/// One request's view of the proxy it came through, if it did.
///
/// Of a request that is not proxied nothing is believed: no features, no last ids.
#[derive(Clone)]
pub struct GripContext {
    policy: SharedPolicy,
    trust: Trust,
    features: Option<HeaderValue>,
    last: LastIds,
    has_login: bool,
}

impl GripContext {
    pub(crate) fn new(
        policy: SharedPolicy,
        trust: Trust,
        features: Option<HeaderValue>,
        last: LastIds,
    ) -> Self {
        Self {
            policy,
            trust,
            features,
            last,
            has_login: false,
        }
    }

    /// Sets whether the request has a `Cookie` or an `Authorization`. An adapter says so, and a
    /// handler is told in development of a link that is followed without them.
    #[must_use]
    pub fn with_login(mut self, has_login: bool) -> Self {
        self.has_login = has_login;
        self
    }

    pub(crate) fn has_login(&self) -> bool {
        self.has_login
    }

    /// Returns the same without what the proxy said: all that an adapter needs for the answer.
    #[must_use]
    pub fn for_response(&self) -> Self {
        Self::new(
            self.policy.clone(),
            self.trust.clone(),
            None,
            LastIds::default(),
        )
        .with_login(self.has_login)
    }

    /// Returns `true` if the request came through a proxy that the application trusts. Holds work
    /// then.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        self.trust.is_proxied()
    }

    /// Returns `true` if the proxy proved itself by a signature.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.trust == Trust::Signed
    }

    /// Why the request is trusted or not.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What the proxy says it can do, from `Grip-Feature`, such as `status` or `link:next`.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .split(',')
            .map(trim_ows)
            .filter(|feature| !feature.is_empty())
    }

    /// Returns `true` if the proxy says it can do this.
    #[must_use]
    pub fn has_feature(&self, feature: &str) -> bool {
        self.features().any(|known| known == feature)
    }

    /// Returns the last id that the proxy delivered on each channel, from `Grip-Last`.
    #[must_use]
    pub fn last(&self) -> &LastIds {
        &self.last
    }

    /// Returns the policy that the request was admitted under.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        self.policy.policy()
    }
}

impl fmt::Debug for GripContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GripContext")
            .field("trust", &self.trust)
            .field("features", &self.features)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
