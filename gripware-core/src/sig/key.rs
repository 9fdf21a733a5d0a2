use std::{fmt, str, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    algorithm::Algorithm, der, error::KeyError, jwk, material::Material, pem,
    resemblance::resembles_key,
};

/// Upper bound on the text of one or more keys, in bytes.
///
/// An RSA key of 8192 bits takes about 6.5 KiB; this leaves room for a set of several.
pub const MAX_KEY_LEN: usize = 64 * 1024;

/// Upper bound on the keys in one text and in one [`Verifier`](super::Verifier): a token that no
/// key fits costs an attempt with each.
pub const MAX_KEYS: usize = 32;

const BASE64_PREFIX: &[u8] = b"base64:";

/// Standard base64, with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that verifies `Grip-Sig`, and signs if it is a shared secret or a private key.
///
/// The kind of key determines the one [`Algorithm`] it is used with. The `alg` of a token's header
/// is compared with it and never chooses.
///
/// Cloning is cheap. `Debug` prints no key bytes.
///
/// # Formats that [`parse`](Self::parse) accepts
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
/// A text that contains `-----BEGIN` is PEM, and one that starts with `{` is a JWK. If it cannot be
/// read, that is an error; it never becomes a shared secret, because a public key used as one would
/// let anyone sign (algorithm confusion). For the same reason a key in base64 without `base64:` is
/// an error. Use [`secret`](Self::secret) for a secret that looks like any of these.
/// RSA keys have 2048 to 8192 bits.
///
/// ```
/// use gripware_core::sig::{Algorithm, Key, KeyError};
///
/// let secret = Key::parse("base64:Y2hhbmdlbWU=")?;
/// assert_eq!(secret.algorithm(), Algorithm::Hs256);
/// assert!(secret.can_sign());
///
/// // A public key that was damaged on its way.
/// let damaged = Key::parse("-----BEGIN PUBLIC KEY-----\nMFkw");
/// assert_eq!(damaged.unwrap_err(), KeyError::Pem);
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    material: Arc<Material>,
    kid: Option<Arc<str>>,
}

impl Key {
    /// Creates a shared secret from these bytes, whatever they look like.
    ///
    /// # Errors
    /// Returns an error if it is empty or longer than [`MAX_KEY_LEN`].
    pub fn secret(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        within_limit(secret)?;
        Material::secret(secret).map(|material| Self::new(material, None))
    }

    /// Reads one key in any of the formats above.
    ///
    /// # Errors
    /// Returns an error if the text is not exactly one key.
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

    /// Reads all keys of a text: one as with [`parse`](Self::parse), or the keys of a JWK set or of
    /// several PEM blocks, in their order. Returns between one and [`MAX_KEYS`] keys.
    ///
    /// # Errors
    /// Returns an error if there is no key, or if one of them cannot be read. Keys of a JWK set
    /// that are of an unknown kind or have `"use":"enc"` are skipped (RFC 7517, section 5).
    pub fn parse_all(text: impl AsRef<[u8]>) -> Result<Vec<Self>, KeyError> {
        let text = text.as_ref();
        within_limit(text)?;
        if let Some(encoded) = text.strip_prefix(BASE64_PREFIX) {
            return Self::read(&decode_base64(encoded)?);
        }
        // Used as it is, the base64 of a public key would become a shared secret.
        if decode_base64(text).is_ok_and(|bytes| is_key(&bytes)) {
            return Err(KeyError::NoPrefix);
        }
        Self::read(text)
    }

    /// Returns the public key that Fastly signs with (GRIP 1.3).
    ///
    /// All customers of Fastly share this key. Only the issuer, `fastly:` followed by the service's
    /// id, tells requests through one's own service from those through any other, so a
    /// [`Verifier`](super::Verifier) accepts this key only together with an issuer.
    #[must_use]
    pub fn fastly() -> Self {
        #[expect(
            clippy::expect_used,
            clippy::missing_panics_doc,
            reason = "a constant, and a test loads it with either library"
        )]
        let material = Material::fastly().expect("Fastly's key is a point of P-256");
        Self::new(material, None)
    }

    /// Returns the algorithm that this key is used with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.material.algorithm()
    }

    /// Returns the `kid` of its JWK, if it has one. A token with the same `kid` tries this key
    /// first; it proves nothing.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns `true` for a shared secret or a private key.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.material.can_sign()
    }

    /// Returns `true` for the key of [`fastly`](Self::fastly), in whatever format it was read.
    #[must_use]
    pub fn is_fastly(&self) -> bool {
        self.material.is_fastly()
    }

    /// Returns whether `signature` was made for `message` with this key or its private half.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.material.verify(message, signature)
    }

    /// Returns a signature for `message`; `None` if this is a public key.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.material.sign(message)
    }

    fn new(material: Material, kid: Option<String>) -> Self {
        Self {
            material: Arc::new(material),
            kid: kid.map(Arc::from),
        }
    }

    /// Reads the keys of a text that has no `base64:` prefix.
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
            Form::Other if bytes.iter().all(u8::is_ascii_whitespace) => {
                return Err(KeyError::Empty);
            }
            Form::Other if resembles_key(bytes) => return Err(KeyError::Unreadable),
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

/// The format that a text appears to have.
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
        if strip_bom(bytes).trim_ascii_start().starts_with(b"{") {
            return Self::Json;
        }
        match der::any(bytes) {
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

/// Returns whether bytes have the format of a key. A secret in hex is base64 too, of bytes that may
/// start like JSON; but those are hardly UTF-8.
fn is_key(bytes: &[u8]) -> bool {
    match Form::of(bytes) {
        Form::Other => false,
        Form::Der(_) => true,
        _ => str::from_utf8(bytes).is_ok(),
    }
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

/// Decodes either alphabet of base64, with or without padding, ignoring whitespace.
pub(crate) fn decode_base64(encoded: &[u8]) -> Result<Vec<u8>, KeyError> {
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

/// Returns the text without a byte order mark; `None` if it is not UTF-8.
fn as_text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(strip_bom(bytes)).ok()
}

fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
