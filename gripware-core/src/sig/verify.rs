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

/// Verifies `Grip-Sig` with one or several keys, each of them maybe for one issuer only.
///
/// Several keys are wanted while a key is replaced, and where several proxies are in front of one
/// application. A token is accepted where it fits one of them.
///
/// It remembers tokens that it verified. Clones share that memory; one that is built anew has a
/// new one, so a key that is gone verifies nothing any more.
#[derive(Clone, Debug)]
pub struct Verifier {
    entries: Arc<[Entry]>,
    leeway: Duration,
    cache: Arc<TokenCache>,
}

impl Verifier {
    /// Starts with no key.
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

    /// The claims of a token that is signed with one of the keys, by its issuer, and holds at
    /// `now`.
    ///
    /// A token holds before its `exp`, which it must have, and from its `nbf` on where it has one;
    /// the leeway widens both. A time before 1970 counts as 1970.
    ///
    /// # Errors
    /// See [`SigError`]. All of them mean that the request is to be treated as one without a
    /// signature (GRIP 1.3).
    pub fn verify(&self, token: &[u8], now: SystemTime) -> Result<Claims, SigError> {
        if let Some(claims) = self.cache.claims(token) {
            self.check_time(&claims, now)?;
            return Ok(claims);
        }
        let claims = self.check_signature(token)?;
        self.check_time(&claims, now)?;
        self.cache.remember(token, claims.clone());
        Ok(claims)
    }

    /// The same from all values of a request's `Grip-Sig` header; none where there is no value.
    ///
    /// # Errors
    /// As [`verify`](Self::verify). Two values are malformed, even where both are good: no proxy
    /// sends two, and whatever stands before the application may have looked at the other.
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

        // The header only leaves keys out or changes their order; what verifies is the key, with
        // the algorithm of its kind. The issuer is read early for the order alone too.
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

/// Why a token is refused. It is for logs and metrics: a client is told none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SigError {
    /// It is no token: not three parts of base64, too long, without an integer `exp`, with a
    /// `crit` extension, or one of two headers. A proxy's fault, or somebody tries things.
    #[error("the signature is malformed")]
    Malformed,
    /// No key fits: it is signed with another, or says that its algorithm is another than that of
    /// the keys. The proxy and the application have different keys, or somebody tries things.
    #[error("the signature is of none of the keys")]
    Forged,
    /// It was good until its `exp`. A replay, or a clock is off.
    #[error("the signature is expired")]
    Expired,
    /// It will be good from its `nbf` on. A clock is off.
    #[error("the signature is not valid yet")]
    NotYetValid,
    /// A key fits, of another issuer. With Fastly's key it came through somebody else's service.
    #[error("the signature is of another issuer")]
    WrongIssuer,
}

impl SigError {
    /// One word for it, for the label of a metric.
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
            let remembered = verifier.cache.claims(token.as_bytes());
            assert_eq!(remembered.is_some(), expected.is_ok(), "{expected:?}");
        }
    }
}
