//! A secret of one direction: signs, and verifies.

use std::{fmt, str::FromStr};

use base64::{
    Engine, alphabet,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD},
    },
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::{Nonce, Refusal, ReplayStore, Signed, header::Signature};
use crate::{Authorization, Tracing, webhook::WebhookKey};

/// URL-safe base64, with padding or without.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How one direction is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Not at all.
    None,
    /// By a shared secret that is sent along.
    Token,
    /// By an HMAC over each message.
    Hmac,
    /// As Standard Webhooks are, to subscribers alone.
    StandardWebhooks,
}

impl Kind {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::None, "none"),
        (Self::Token, "token"),
        (Self::Hmac, "hmac"),
        (Self::StandardWebhooks, "standard-webhooks"),
    ];

    /// Returns its name in files and flags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(kind, _)| *kind == self);
        found.map_or("none", |(_, name)| name)
    }
}

impl FromStr for Kind {
    type Err = SecretError;

    fn from_str(name: &str) -> Result<Self, SecretError> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(kind, _)| *kind).ok_or(SecretError::UnknownKind)
    }
}

/// Why a secret cannot be used. Contains no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is none where one is needed.
    #[error("the secret is missing or empty")]
    Missing,
    /// A secret for HMAC is 64 bytes in URL-safe base64.
    #[error("a secret for hmac is 64 bytes in URL-safe base64")]
    NotHmac,
    /// A token stands in a header.
    #[error("a token has 1 to 4096 visible ASCII characters")]
    NotToken,
    /// A secret for Standard Webhooks is `whsec_` and base64, or a text.
    #[error("a secret for standard-webhooks is a text, or `whsec_` and base64")]
    NotWebhook,
    /// Standard Webhooks go to subscribers.
    #[error("standard-webhooks is only for what goes to subscribers")]
    OnlyToSubscribers,
    /// The kind is none of those there are.
    #[error("the kind is none of none, token, hmac and standard-webhooks")]
    UnknownKind,
}

/// The secret of one direction. Clones share it.
#[derive(Clone)]
pub struct Credential(Inner);

#[derive(Clone)]
enum Inner {
    None,
    Token(Box<str>),
    /// The keyed state, which is half the work of a short message, and the secret as it was given.
    Hmac(Box<Hmac<Sha512>>, Box<str>),
    Webhook(WebhookKey, Box<str>),
}

impl Credential {
    /// Checks nothing and signs nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(Inner::None)
    }

    /// A shared secret that is sent along.
    ///
    /// # Errors
    /// [`SecretError::NotToken`] where it cannot stand in a header.
    pub fn token(secret: &str) -> Result<Self, SecretError> {
        let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
        match (1..=4096).contains(&secret.len()) && visible {
            true => Ok(Self(Inner::Token(secret.into()))),
            false => Err(SecretError::NotToken),
        }
    }

    /// A secret of 64 bytes in URL-safe base64, with padding or without.
    ///
    /// # Errors
    /// [`SecretError::NotHmac`] for anything else.
    pub fn hmac(secret: &str) -> Result<Self, SecretError> {
        let bytes = URL_SAFE.decode(secret).map_err(|_| SecretError::NotHmac)?;
        if bytes.len() != 64 {
            return Err(SecretError::NotHmac);
        }
        let keyed = Hmac::new_from_slice(&bytes).map_err(|_| SecretError::NotHmac)?;
        Ok(Self(Inner::Hmac(Box::new(keyed), secret.into())))
    }

    /// A secret for Standard Webhooks.
    ///
    /// # Errors
    /// [`SecretError::NotWebhook`] where it is none.
    pub fn webhook(secret: &str) -> Result<Self, SecretError> {
        let key = WebhookKey::parse(secret).map_err(|_| SecretError::NotWebhook)?;
        Ok(Self(Inner::Webhook(key, secret.into())))
    }

    /// Reads a secret of a kind.
    ///
    /// # Errors
    /// Where it is none of that kind.
    pub fn new(kind: Kind, secret: &str) -> Result<Self, SecretError> {
        match kind {
            Kind::None => Ok(Self::none()),
            Kind::Token => Self::token(secret),
            Kind::Hmac => Self::hmac(secret),
            Kind::StandardWebhooks => Self::webhook(secret),
        }
    }

    /// Makes a secret of 64 random bytes, and of 32 for Standard Webhooks.
    ///
    /// # Errors
    /// None as things are: what is made is of the kind that is asked for.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    pub fn generate(kind: Kind) -> Result<Self, SecretError> {
        let secret = match kind {
            Kind::StandardWebhooks => format!("whsec_{}", STANDARD.encode(random_bytes::<32>())),
            _ => URL_SAFE_NO_PAD.encode(random_bytes::<64>()),
        };
        Self::new(kind, &secret)
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Inner::None => Kind::None,
            Inner::Token(_) => Kind::Token,
            Inner::Hmac(..) => Kind::Hmac,
            Inner::Webhook(..) => Kind::StandardWebhooks,
        }
    }

    pub(super) fn secret(&self) -> Option<&str> {
        match &self.0 {
            Inner::None => None,
            Inner::Token(secret) | Inner::Hmac(_, secret) | Inner::Webhook(_, secret) => {
                Some(secret)
            }
        }
    }

    /// Returns the key for Standard Webhooks, where it is one.
    #[must_use]
    pub fn webhook_key(&self) -> Option<&WebhookKey> {
        match &self.0 {
            Inner::Webhook(key, _) => Some(key),
            _ => None,
        }
    }

    /// Signs at `now`, in seconds since 1970. `None` where the kind has nothing to send along; for
    /// Standard Webhooks see [`webhook_key`](Self::webhook_key).
    #[must_use]
    pub fn sign(
        &self,
        signed: &Signed<'_>,
        tracing: &Tracing,
        now: u64,
        nonce: &Nonce,
    ) -> Option<Authorization> {
        match &self.0 {
            Inner::None | Inner::Webhook(..) => None,
            Inner::Token(secret) => Authorization::new(format!("Bearer {secret}")).ok(),
            Inner::Hmac(keyed, _) => Signature {
                timestamp: now,
                nonce: nonce.clone(),
                code: mac(keyed, signed, tracing, now, nonce)
                    .finalize()
                    .into_bytes()
                    .into(),
            }
            .encode(),
        }
    }

    /// Checks a signature at `now`, in seconds since 1970, and remembers it. In constant time as to
    /// the secret.
    ///
    /// # Errors
    /// A [`Refusal`], whose [status](Refusal::status) is all the other side should learn. Where the
    /// kind is Standard Webhooks everything is refused: what comes from such a subscriber has no
    /// signature of this protocol.
    pub fn verify(
        &self,
        authorization: Option<&str>,
        signed: &Signed<'_>,
        tracing: &Tracing,
        now: u64,
        seen: &mut ReplayStore,
    ) -> Result<(), Refusal> {
        self.check(authorization, signed, tracing, now)?
            .map_or(Ok(()), |accepted| accepted.remember(seen, now))
    }

    /// Checks a signature at `now` without remembering it: the half of [`verify`](Self::verify) that
    /// takes time, for whoever shares a [`ReplayStore`] between threads.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn check(
        &self,
        authorization: Option<&str>,
        signed: &Signed<'_>,
        tracing: &Tracing,
        now: u64,
    ) -> Result<Option<Accepted>, Refusal> {
        let keyed = match &self.0 {
            Inner::None => return Ok(None),
            Inner::Webhook(..) => return Err(Refusal::Mismatch),
            Inner::Token(secret) => {
                let given = authorization.ok_or(Refusal::Missing)?;
                let given = given.strip_prefix("Bearer ").ok_or(Refusal::Malformed)?;
                return match given.as_bytes().ct_eq(secret.as_bytes()).into() {
                    true => Ok(None),
                    false => Err(Refusal::Mismatch),
                };
            }
            Inner::Hmac(keyed, _) => keyed,
        };
        let header = authorization.ok_or(Refusal::Missing)?;
        let Signature {
            timestamp,
            nonce,
            code,
        } = Signature::decode(header, now)?;
        match mac(keyed, signed, tracing, timestamp, &nonce).verify_slice(&code) {
            Ok(()) => Ok(Some(Accepted { timestamp, code })),
            Err(_) => Err(Refusal::Mismatch),
        }
    }
}

/// A signature that is good, where it was not used before.
#[derive(Debug)]
#[must_use = "a signature that is not remembered can be used again"]
pub struct Accepted {
    timestamp: u64,
    code: [u8; 64],
}

impl Accepted {
    /// Remembers it.
    ///
    /// # Errors
    /// [`Refusal::Replayed`] where it is known, and [`Refusal::Unavailable`] where the store is full.
    pub fn remember(&self, seen: &mut ReplayStore, now: u64) -> Result<(), Refusal> {
        let expires = self.timestamp.saturating_add(super::TOLERANCE);
        seen.insert(expires, &self.code, now)
    }
}

fn mac(
    keyed: &Hmac<Sha512>,
    signed: &Signed<'_>,
    tracing: &Tracing,
    timestamp: u64,
    nonce: &Nonce,
) -> Hmac<Sha512> {
    let mut bytes = Vec::with_capacity(256);
    signed.write(tracing, timestamp, nonce, &mut bytes);
    let mut mac = keyed.clone();
    mac.update(&bytes);
    mac
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::None => f.write_str("Credential(none)"),
            kind => write!(f, "Credential({}, [redacted])", kind.as_str()),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "a system without random numbers has no secrets to offer, and going on would make guessable ones"
)]
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}
