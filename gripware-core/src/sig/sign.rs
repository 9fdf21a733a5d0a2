use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    key::Key,
    token::{MAX_TIME, header_for},
};

/// Default lifetime of a token: an hour, like those of Pushpin.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// Signs tokens as GRIP proxies do for `Grip-Sig`, and as legacy control endpoints expect them when
/// items are published.
///
/// A token has the header that Pushpin writes, and the claims `iss`, if an issuer is set, and `exp`
/// in whole seconds.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use gripware_core::sig::{Key, SignError, Signer};
///
/// let signer = Signer::new(Key::parse("changeme")?)?
///     .with_issuer("realm")
///     .with_lifetime(Duration::from_secs(600));
/// assert!(signer.sign(SystemTime::now())?.starts_with("eyJ"));
///
/// assert_eq!(Signer::new(Key::fastly()).unwrap_err(), SignError::PublicKey);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Signer {
    key: Key,
    issuer: Option<String>,
    lifetime: Duration,
    claims: Map<String, Value>,
}

impl Signer {
    /// Creates a signer with this key, [`DEFAULT_LIFETIME`] and no issuer.
    ///
    /// # Errors
    /// Returns [`SignError::PublicKey`] if the key cannot sign.
    pub fn new(key: Key) -> Result<Self, SignError> {
        if !key.can_sign() {
            return Err(SignError::PublicKey);
        }
        Ok(Self {
            key,
            issuer: None,
            claims: Map::new(),
            lifetime: DEFAULT_LIFETIME,
        })
    }

    /// Sets the `iss` claim.
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the lifetime of a token. Its end is rounded down to a whole second.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets further claims, beside `iss` and `exp`.
    ///
    /// # Errors
    /// Returns [`SignError::Claims`] if one of those two is among them.
    pub fn with_claims(mut self, claims: Map<String, Value>) -> Result<Self, SignError> {
        if ["iss", "exp"].iter().any(|own| claims.contains_key(*own)) {
            return Err(SignError::Claims);
        }
        self.claims = claims;
        Ok(self)
    }

    /// Signs a token that is valid from `now` on.
    ///
    /// # Errors
    /// Returns an error if the token would end before 1970 or after the year 9999, or if the
    /// cryptography fails, as it does without a source of random numbers.
    pub fn sign(&self, now: SystemTime) -> Result<String, SignError> {
        let end = now
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|now| now.checked_add(self.lifetime))
            .filter(|end| end.as_secs() <= MAX_TIME)
            .ok_or(SignError::Time)?;
        let claims = serde_json::to_vec(&Payload {
            iss: self.issuer.as_deref(),
            exp: end.as_secs(),
            claims: &self.claims,
        })
        .map_err(|_| SignError::Failed)?;
        let mut token = header_for(self.key.algorithm()).to_owned();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.key.sign(token.as_bytes()).ok_or(SignError::Failed)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    exp: u64,
    #[serde(flatten)]
    claims: &'a Map<String, Value>,
}

/// Why a token cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key is a public key.
    #[error("a public key cannot sign")]
    PublicKey,
    /// The token would end before 1970 or after the year 9999.
    #[error("the time at which the token ends is out of range")]
    Time,
    /// Further claims have `iss` or `exp` among them, which the signer makes.
    #[error("the claims iss and exp are not for the application to set")]
    Claims,
    /// The cryptography failed.
    #[error("the cryptography failed")]
    Failed,
}
