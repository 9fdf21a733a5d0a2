use std::{fmt, str, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    algorithm::Algorithm, error::KeyError, jwk, material::Material, pem, resemblance::resembles_key,
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
        if decode_base64(text).is_ok_and(|bytes| is_key(&bytes)) {
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
            clippy::missing_panics_doc,
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

    /// Whether `signature` is one of this key, or of its other half, for `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.material.verify(message, signature)
    }

    /// A signature for `message`; none where there is no private half.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.material.sign(message)
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
        if strip_bom(bytes).trim_ascii_start().starts_with(b"{") {
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

/// Whether bytes have the form of a key. A secret in hex is base64 too, of bytes that may start as
/// JSON does; but those are no text.
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

/// Both alphabets of base64, with or without padding, line breaks and all.
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

/// The text without a byte order mark.
fn as_text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(strip_bom(bytes)).ok()
}

fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
