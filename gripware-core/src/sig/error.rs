use thiserror::Error;

/// Why a text cannot be read as a key. Contains no part of the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is empty, or a set without a key for signatures.
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
    /// There are more keys than are allowed here.
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
    /// The text is a key in base64 and lacks the prefix `base64:`.
    #[error("a key in base64 needs `base64:` before it")]
    NoPrefix,
    /// The text resembles a key that was damaged, quoted or encoded twice, or the path or URL of
    /// one.
    #[error("it looks like a key and cannot be read as one; a secret is given with `Key::secret`")]
    Unreadable,
    /// The text contains `-----BEGIN` and is no valid PEM.
    #[error("the PEM block cannot be read")]
    Pem,
    /// The text is a certificate. Extract its public key with
    /// `openssl x509 -pubkey -noout -in certificate.pem`.
    #[error("a certificate is no key; take the public key out of it")]
    Certificate,
    /// The text is a private key encrypted with a passphrase.
    #[error("the private key is encrypted")]
    Encrypted,
    /// The text starts with `{` and is no JSON object.
    #[error("what looks like a JWK is no JSON object")]
    Json,
    /// A member of a JWK or JWK set is missing or malformed.
    #[error("the member `{member}` of the JWK is missing or malformed")]
    Jwk {
        /// The member.
        member: &'static str,
    },
    /// A member of the JWK excludes signatures with the algorithm of this kind of key.
    #[error("the member `{member}` of the JWK contradicts its use for signatures")]
    Contradiction {
        /// `alg`, `use` or `key_ops`.
        member: &'static str,
    },
    /// The kind of key is not one that GRIP proxies sign with.
    #[error("{what} is not supported")]
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// The numbers are no valid key: not on the curve, of a wrong length, or of two different
    /// pairs.
    #[error("the numbers of the key do not fit together")]
    Invalid,
    /// The RSA key is too short to be secure.
    #[error("an RSA key of {bits} bits is under the limit of {limit}")]
    WeakRsa {
        /// The length of its modulus, in bits.
        bits: usize,
        /// The least, in bits.
        limit: usize,
    },
}
