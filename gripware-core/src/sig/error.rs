use thiserror::Error;

/// Why a text is no key. No part of the text is in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key: an empty text, or a set in which no key is for signatures.
    #[error("there is no key")]
    Empty,
    /// The text is longer than [`MAX_KEY_LEN`](super::MAX_KEY_LEN).
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
    /// It looks like a key that was damaged, quoted or encoded twice, or like the place of one.
    #[error("it looks like a key and cannot be read as one; a secret is given with `Key::secret`")]
    Unreadable,
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
