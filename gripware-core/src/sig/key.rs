use std::{fmt, str, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use thiserror::Error;

use super::{
    jwk,
    material::{Algorithm, Material},
    pem,
};

/// The most bytes that the text of keys may have.
///
/// An RSA key of 8192 bits takes about 6.5 KiB; this leaves room for a set of several.
pub const MAX_KEY_LEN: usize = 64 * 1024;

/// The most keys that one text may hold, and the most that one
/// [`Verifier`](super::Verifier) tries: a token that no key fits costs an attempt with each.
pub const MAX_KEYS: usize = 32;

const BASE64_PREFIX: &[u8] = b"base64:";

/// Standard base64, with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that verifies `Grip-Sig`, and signs where it holds a secret or a private half.
///
/// The kind of key decides the one [`Algorithm`] it is used with. A token's own word about its
/// algorithm is compared with that and chooses nothing.
///
/// Cloning is cheap. `Debug` prints no key bytes.
///
/// # What [`parse`](Self::parse) takes
/// | text | key |
/// |---|---|
/// | PEM `PUBLIC KEY`, `PRIVATE KEY` | P-256, RSA or Ed25519 |
/// | PEM `RSA PUBLIC KEY`, `RSA PRIVATE KEY` | RSA |
/// | PEM `EC PRIVATE KEY` | P-256 |
/// | JWK of `kty` `EC`, `RSA`, `OKP`, `oct` | P-256, RSA, Ed25519, shared secret |
/// | DER of any of these | the same |
/// | anything else | a shared secret, the bytes as they are |
/// | `base64:` and any of these in base64 | the same |
///
/// What has `-----BEGIN` in it is PEM, and what starts with `{` is a JWK. Where that cannot be
/// read it is an error and never becomes a shared secret: a public key used as one would let
/// everybody sign. For the same reason a key in base64 without `base64:` is an error. For a secret
/// that does look like that there is [`secret`](Self::secret).
/// RSA keys have 2048 to 8192 bits; a private one at most 4096 with the feature `rust-crypto`.
#[derive(Clone)]
pub struct Key {
    material: Arc<Material>,
    kid: Option<Arc<str>>,
}

impl Key {
    /// A shared secret, whatever it looks like.
    ///
    /// # Errors
    /// Where it is empty or longer than [`MAX_KEY_LEN`].
    pub fn secret(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        within_limit(secret)?;
        Material::secret(secret).map(|material| Self::new(material, None))
    }

    /// The one key of a text in any of the forms above.
    ///
    /// # Errors
    /// Where it is none, or more than one.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let mut keys = Self::parse_all(text)?;
        match (keys.pop(), keys.len()) {
            (Some(key), 0) => Ok(key),
            (_, others) => Err(KeyError::TooMany {
                count: others + 1,
                limit: 1,
            }),
        }
    }

    /// All keys of a text: as [`parse`](Self::parse), and of a JWK set or of several PEM blocks
    /// each key, in their order. There is at least one and at most [`MAX_KEYS`].
    ///
    /// # Errors
    /// Where there is none, or where one of them cannot be read. Keys of a JWK set that are of an
    /// unknown kind or have `"use":"enc"` are left out (RFC 7517, section 5).
    pub fn parse_all(text: impl AsRef<[u8]>) -> Result<Vec<Self>, KeyError> {
        let text = text.as_ref();
        within_limit(text)?;
        if let Some(encoded) = text.strip_prefix(BASE64_PREFIX) {
            return Self::read(&decode_base64(encoded)?);
        }
        // Taken as they are, these would make a shared secret of a public key.
        if decode_base64(text).is_ok_and(|bytes| !matches!(Form::of(&bytes), Form::Other)) {
            return Err(KeyError::NoPrefix);
        }
        Self::read(text)
    }

    /// The public key that Fastly signs with (GRIP 1.3).
    ///
    /// It is one for all of Fastly's customers. Only the issuer, `fastly:` and the service's id,
    /// tells requests through one's own service from requests through anybody's, so a
    /// [`Verifier`](super::Verifier) takes this key with an issuer only.
    #[must_use]
    pub fn fastly() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "a constant, and a test loads it with either library"
        )]
        let material = Material::fastly().expect("Fastly's key is a point of P-256");
        Self::new(material, None)
    }

    /// The algorithm that this key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.material.algorithm()
    }

    /// The `kid` of its JWK. It says which key is tried first and proves nothing.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it holds a secret or a private half.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.material.can_sign()
    }

    /// Whether this is the key of [`fastly`](Self::fastly), from wherever it was read.
    #[must_use]
    pub fn is_fastly(&self) -> bool {
        self.material.is_fastly()
    }

    pub(super) fn material(&self) -> &Material {
        &self.material
    }

    fn new(material: Material, kid: Option<String>) -> Self {
        Self {
            material: Arc::new(material),
            kid: kid.map(Arc::from),
        }
    }

    /// The keys of a text without `base64:`.
    fn read(bytes: &[u8]) -> Result<Vec<Self>, KeyError> {
        let keys = match Form::of(bytes) {
            Form::Pem => pem::parse(as_text(bytes).ok_or(KeyError::Pem)?)?
                .into_iter()
                .map(|key| Self::new(key, None))
                .collect(),
            Form::Json => jwk::parse(as_text(bytes).ok_or(KeyError::Json)?)?
                .into_iter()
                .map(|(key, kid)| Self::new(key, kid))
                .collect(),
            Form::Der(key) => vec![Self::new(key?, None)],
            Form::Other => vec![Self::secret(bytes)?],
        };
        match keys.len() {
            0 => Err(KeyError::Empty),
            count if count > MAX_KEYS => Err(KeyError::TooMany {
                count,
                limit: MAX_KEYS,
            }),
            _ => Ok(keys),
        }
    }
}

/// What a text looks like, from its first look only.
enum Form {
    Pem,
    Json,
    Der(Result<Material, KeyError>),
    Other,
}

impl Form {
    fn of(bytes: &[u8]) -> Self {
        let begin = pem::BEGIN.as_bytes();
        if bytes.windows(begin.len()).any(|window| window == begin) {
            return Self::Pem;
        }
        if without_mark(bytes).trim_ascii_start().starts_with(b"{") {
            return Self::Json;
        }
        match pem::der(bytes) {
            Err(KeyError::Pem) => Self::Other,
            key => Self::Der(key),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm())
            .field("can_sign", &self.can_sign())
            .field("kid", &self.kid)
            .field("bytes", &format_args!("[redacted]"))
            .finish()
    }
}

impl TryFrom<&str> for Key {
    type Error = KeyError;

    fn try_from(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

impl str::FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

/// Why a text is no key. No part of the text is in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key: an empty text, or a set in which no key is for signatures.
    #[error("there is no key")]
    Empty,
    /// The text is longer than [`MAX_KEY_LEN`].
    #[error("a key of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more keys than can be used here.
    #[error("{count} keys are over the limit of {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// What follows `base64:` is not base64.
    #[error("what follows `base64:` is not base64")]
    Base64,
    /// It is a key in base64 without `base64:` before it.
    #[error("a key in base64 needs `base64:` before it")]
    NoPrefix,
    /// It looks like PEM and cannot be read as such.
    #[error("the PEM block cannot be read")]
    Pem,
    /// It is a certificate. The public key in it is wanted
    /// (`openssl x509 -pubkey -noout -in certificate.pem`).
    #[error("a certificate is no key; take the public key out of it")]
    Certificate,
    /// It is a private key under a passphrase.
    #[error("the private key is encrypted")]
    Encrypted,
    /// It starts with `{` and is no JSON object.
    #[error("what looks like a JWK is no JSON object")]
    Json,
    /// It is a JWK or a JWK set in which a member is not what it has to be.
    #[error("the member `{member}` of the JWK is missing or malformed")]
    Jwk {
        /// The member.
        member: &'static str,
    },
    /// The JWK says that it is for something else than signatures of this kind of key.
    #[error("the member `{member}` of the JWK contradicts its use for signatures")]
    Contradiction {
        /// `alg`, `use` or `key_ops`.
        member: &'static str,
    },
    /// It is a key that no GRIP proxy signs with.
    #[error("{what} is not supported")]
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// Its numbers are no key: not on the curve, of a wrong length, or of two different pairs.
    #[error("the numbers of the key do not fit together")]
    Invalid,
    /// It is an RSA key that is too short to be safe.
    #[error("an RSA key of {bits} bits is under the limit of {limit}")]
    WeakRsa {
        /// The length of its modulus, in bits.
        bits: usize,
        /// The least, in bits.
        limit: usize,
    },
}

fn within_limit(text: &[u8]) -> Result<(), KeyError> {
    if text.len() > MAX_KEY_LEN {
        return Err(KeyError::TooLong {
            length: text.len(),
            limit: MAX_KEY_LEN,
        });
    }
    Ok(())
}

/// Both alphabets of base64, with or without padding, line breaks and all.
fn decode_base64(encoded: &[u8]) -> Result<Vec<u8>, KeyError> {
    let encoded: Vec<u8> = encoded
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    BASE64.decode(encoded).map_err(|_| KeyError::Base64)
}

/// The text without a byte order mark.
fn as_text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(without_mark(bytes)).ok()
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
