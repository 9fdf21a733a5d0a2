//! `X-HMAC TIME:NONCE:CODE`, and why a signature is refused.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use thiserror::Error;

use super::{TOLERANCE, credential::random_bytes};
use crate::{Authorization, WireError};

const SCHEME: &str = "X-HMAC ";

/// What makes two signatures of the same thing in the same second differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(Box<str>);

impl Nonce {
    /// Most bytes it may have.
    pub const MAX_LEN: usize = 255;

    /// Takes a text without a colon.
    ///
    /// # Errors
    /// [`WireError::Value`] where there is a colon, a control character or a character that is not
    /// ASCII, [`WireError::TooLong`] over 255 bytes.
    pub fn new(text: &str) -> Result<Self, WireError> {
        let field = "the nonce";
        if text.len() > Self::MAX_LEN {
            return Err(WireError::TooLong {
                field,
                length: text.len(),
                limit: Self::MAX_LEN,
            });
        }
        match text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':')
        {
            true => Ok(Self(text.into())),
            false => Err(WireError::Value { field }),
        }
    }

    /// Makes one of 12 random bytes: three times those of the original, whose 32 bits meet again
    /// where the same is signed some thousand times a second.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_bytes::<12>()).into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a signature is not accepted. The log has the reason; the other side learns no more than the
/// [status](Self::status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is none: 401.
    #[error("there is no authorization")]
    Missing,
    /// It is none that can be read: 403.
    #[error("the authorization is malformed or of another kind")]
    Malformed,
    /// Its time is more than [`TOLERANCE`] seconds from now: 403.
    #[error("the signature is too old, or from the future")]
    Expired,
    /// It is not that of the secret, or of something else: 403.
    #[error("the signature is not that of this message and secret")]
    Mismatch,
    /// It was accepted before: 403.
    #[error("the signature was used before")]
    Replayed,
    /// No more signatures can be remembered now: 503.
    #[error("there is no room to remember signatures")]
    Unavailable,
}

impl Refusal {
    /// Returns the status of the answer: 401, 403 or 503.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Missing => 401,
            Self::Unavailable => 503,
            Self::Malformed | Self::Expired | Self::Mismatch | Self::Replayed => 403,
        }
    }
}

/// A signature in its parts.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) timestamp: u64,
    pub(super) nonce: Nonce,
    pub(super) code: [u8; 64],
}

impl Signature {
    pub(super) fn encode(&self) -> Option<Authorization> {
        let Self {
            timestamp, nonce, ..
        } = self;
        let code = STANDARD.encode(self.code);
        // Its parts have at most 20, 255 and 88 bytes, so it always is one.
        Authorization::new(format!("{SCHEME}{timestamp}:{}:{code}", nonce.as_str())).ok()
    }

    pub(super) fn decode(header: &str, now: u64) -> Result<Self, Refusal> {
        let mut parts = header
            .strip_prefix(SCHEME)
            .ok_or(Refusal::Malformed)?
            .splitn(3, ':');
        let mut part = || parts.next().ok_or(Refusal::Malformed);
        let (timestamp, nonce, code) = (part()?, part()?, part()?);
        if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::Malformed);
        }
        let timestamp: u64 = timestamp.parse().map_err(|_| Refusal::Malformed)?;
        if now.abs_diff(timestamp) > TOLERANCE {
            return Err(Refusal::Expired);
        }
        let nonce = Nonce::new(nonce).map_err(|_| Refusal::Malformed)?;
        let code = STANDARD.decode(code).map_err(|_| Refusal::Malformed)?;
        let code = code.try_into().map_err(|_| Refusal::Malformed)?;
        Ok(Self {
            timestamp,
            nonce,
            code,
        })
    }
}
