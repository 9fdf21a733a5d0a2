use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use thiserror::Error;

use super::{
    builder::{Entry, VerifierBuilder},
    claims::Claims,
    token::{MAX_TOKEN_LEN, Payload, SIGNATURE_SPACE, Token},
    token_cache::TokenCache,
};

/// Verifies `Grip-Sig` with one or more keys, each for any issuer or for one only.
///
/// A token is accepted if one of the keys fits. Several are needed while a key is rotated, and with
/// several proxies in front of one application.
///
/// Verified tokens are cached. Clones share the cache; a new verifier starts with an empty one, so
/// no token outlives the key it was signed with.
#[derive(Clone, Debug)]
pub struct Verifier {
    entries: Arc<[Entry]>,
    leeway: Duration,
    cache: Arc<TokenCache>,
}

impl Verifier {
    /// Returns a builder without keys.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    pub(super) fn new(entries: Vec<Entry>, leeway: Duration, remembered: usize) -> Self {
        Self {
            entries: entries.into(),
            leeway,
            cache: Arc::new(TokenCache::new(remembered)),
        }
    }

    /// Returns the claims of a token that is signed with one of the keys, from its issuer, and
    /// valid at `now`.
    ///
    /// A token is valid before its `exp`, which is required, and from its `nbf` on, if it has one;
    /// the leeway extends both ends. A time before 1970 counts as 1970.
    ///
    /// # Errors
    /// See [`SigError`]. With any of them the request has to be treated like one without a
    /// signature (GRIP 1.3).
    pub fn verify(&self, token: &[u8], now: SystemTime) -> Result<Claims, SigError> {
        if let Some(claims) = self.cache.look_up(token, Claims::clone) {
            self.check_time(&claims, now)?;
            return Ok(claims);
        }
        let claims = self.check_signature(token)?;
        self.check_time(&claims, now)?;
        self.cache.remember(token, claims.clone());
        Ok(claims)
    }

    /// Whether [`verify`](Self::verify) would return claims. Nothing is copied for a token that is
    /// cached.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn check(&self, token: &[u8], now: SystemTime) -> Result<(), SigError> {
        let cached = self
            .cache
            .look_up(token, |claims| self.check_time(claims, now));
        cached.unwrap_or_else(|| self.verify(token, now).map(drop))
    }

    /// Verifies all values of a request's `Grip-Sig` header; `None` if there is no value.
    ///
    /// # Errors
    /// As [`verify`](Self::verify). Two values are malformed, even if both verify: no proxy sends
    /// two, and a component in front of the application may have checked the other one.
    pub fn verify_headers<'a>(
        &self,
        values: impl IntoIterator<Item = &'a [u8]>,
        now: SystemTime,
    ) -> Result<Option<Claims>, SigError> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(token), None) => self.verify(token, now).map(Some),
            (Some(_), Some(_)) => Err(SigError::Malformed),
        }
    }

    fn check_signature(&self, token: &[u8]) -> Result<Claims, SigError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(SigError::Malformed);
        }
        let token = Token::parse(token).ok_or(SigError::Malformed)?;
        let payload = token.payload().ok_or(SigError::Malformed)?;
        let payload = Payload::parse(&payload).ok_or(SigError::Malformed)?;
        let mut space = [0; SIGNATURE_SPACE];
        let signature = token.signature(&mut space).ok_or(SigError::Malformed)?;

        // Unverified, the header only excludes keys or orders them; it is the key that verifies,
        // with the algorithm of its kind. The unverified issuer too is used for the order alone.
        let able = |entry: &&Entry| Some(entry.key.algorithm()) == token.header.algorithm;
        let named = |entry: &&Entry| {
            token.header.kid.is_some() && entry.key.kid() == token.header.kid.as_deref()
        };
        let expected = |entry: &&Entry| {
            let issuer = entry.issuer.as_deref();
            issuer.is_none() || issuer == payload.issuer()
        };
        let verifies = |entry: &Entry| entry.key.verify(token.signed, signature);

        let able = self.entries.iter().filter(able);
        let right = able.clone().filter(expected);
        let first = right.clone().filter(named);
        let mut candidates = first.chain(right.filter(|entry| !named(entry)));
        if let Some(entry) = candidates.find(|entry| verifies(entry)) {
            let issuer = entry.issuer.clone();
            return Ok(Claims {
                issuer: issuer.or_else(|| payload.issuer().map(Arc::from)),
                expires: payload.exp,
                not_before: payload.nbf,
            });
        }
        if able.filter(|entry| !expected(entry)).any(verifies) {
            return Err(SigError::WrongIssuer);
        }
        Err(SigError::Forged)
    }

    fn check_time(&self, claims: &Claims, now: SystemTime) -> Result<(), SigError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if now >= Duration::from_secs(claims.expires).saturating_add(self.leeway) {
            return Err(SigError::Expired);
        }
        let not_before = Duration::from_secs(claims.not_before.unwrap_or(0));
        if now.saturating_add(self.leeway) < not_before {
            return Err(SigError::NotYetValid);
        }
        Ok(())
    }
}

/// Why a token is refused. For logs and metrics only: the client is told none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SigError {
    /// It is not a valid token: not three parts of base64, too long, without an integer `exp`, with
    /// a `crit` extension, or one of two headers. A fault of the proxy, or an attack.
    #[error("the signature is malformed")]
    Malformed,
    /// No key fits: it is signed with another key, or its header names an algorithm that none of
    /// the keys has. Proxy and application are configured with different keys, or it is an attack.
    #[error("the signature is of none of the keys")]
    Forged,
    /// Its `exp` has passed. A replay, or a clock is wrong.
    #[error("the signature is expired")]
    Expired,
    /// Its `nbf` is in the future. A clock is wrong.
    #[error("the signature is not valid yet")]
    NotYetValid,
    /// A key fits, but the issuer is another one. With Fastly's key, the request came through
    /// somebody else's service.
    #[error("the signature is of another issuer")]
    WrongIssuer,
}

impl SigError {
    /// Returns one word for it, for use as the label of a metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::{Key, Signer};

    #[test]
    fn only_what_was_accepted_is_remembered() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let verifier = Verifier::builder()
            .with_key_of(Key::parse("changeme").unwrap(), "pushpin")
            .build()
            .unwrap();
        let signed = |secret: &str, issuer: &str, now| {
            let signer = Signer::new(Key::parse(secret).unwrap()).unwrap();
            signer.with_issuer(issuer).sign(now).unwrap()
        };
        for (token, expected) in [
            (signed("changeme", "pushpin", now), Ok(())),
            (signed("wrong", "pushpin", now), Err(SigError::Forged)),
            (signed("changeme", "other", now), Err(SigError::WrongIssuer)),
            (
                signed("changeme", "pushpin", now - Duration::from_secs(3600)),
                Err(SigError::Expired),
            ),
        ] {
            let verdict = verifier.verify(token.as_bytes(), now).map(drop);
            assert_eq!(verdict, expected);
            let remembered = verifier.cache.look_up(token.as_bytes(), Claims::clone);
            assert_eq!(remembered.is_some(), expected.is_ok(), "{expected:?}");
        }
    }
}
