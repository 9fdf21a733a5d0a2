//! What a publisher proves itself with to a control endpoint.

use std::fmt;

use super::GripUrlError;
use crate::sig::{Algorithm, Key};

/// What is sent along with items, so that the control endpoint takes them (GRIP 3.3).
///
/// All but [`None`](Self::None) give whoever reads them the right to publish, so they belong on
/// `https` only. `Debug` prints no secret.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// Nothing. Pushpin asks for nothing.
    #[default]
    None,
    /// `Authorization: Basic`.
    Basic {
        /// The name. It has no `:`.
        user: String,
        /// The password, maybe empty.
        password: String,
    },
    /// `Authorization: Bearer` with this token.
    Bearer(String),
    /// `Authorization: Bearer` with a JWT that is signed for each request.
    Jwt {
        /// The issuer.
        iss: String,
        /// The key that signs. Its kind decides the algorithm.
        key: Key,
    },
    /// `Fastly-Key` with this token.
    FastlyKey(String),
}

impl Credentials {
    /// The credentials themselves, where they can be sent.
    pub(super) fn checked(self) -> Result<Self, GripUrlError> {
        match &self {
            Self::None => {}
            Self::Basic { user, password } => {
                let sendable = |text: &str| !text.contains(char::is_control);
                if user.contains(':') || !sendable(user) || !sendable(password) {
                    return Err(GripUrlError::Userinfo);
                }
            }
            Self::Bearer(token) | Self::FastlyKey(token) => {
                // A private key that lost its `iss` must not be sent to anybody.
                let is_secret = |key: Key| key.algorithm() == Algorithm::Hs256;
                let is_blank = token.trim_ascii().is_empty();
                if !is_blank && !Key::parse(token).is_ok_and(is_secret) {
                    return Err(GripUrlError::TokenIsKey);
                }
                if is_blank || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(GripUrlError::Token);
                }
            }
            Self::Jwt { key, .. } => {
                if !key.can_sign() {
                    return Err(GripUrlError::CannotSign);
                }
            }
        }
        Ok(self)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = format_args!("[redacted]");
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { .. } => f.debug_tuple("Basic").field(&redacted).finish(),
            Self::Bearer(_) => f.debug_tuple("Bearer").field(&redacted).finish(),
            Self::FastlyKey(_) => f.debug_tuple("FastlyKey").field(&redacted).finish(),
            Self::Jwt { iss, key } => f
                .debug_struct("Jwt")
                .field("iss", iss)
                .field("key", key)
                .finish(),
        }
    }
}
