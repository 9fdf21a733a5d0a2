//! The validated numbers of a key, and the one algorithm they are used with.

use super::{
    algorithm::Algorithm,
    crypto::{Mac, PrivateKey, PublicKey, RsaParts},
    error::KeyError,
};

/// The least bits of an RSA modulus (RFC 7518, section 3.3).
const MIN_RSA_BITS: usize = 2048;
/// The most bits. The cost of verification grows with their square, and nobody uses more.
const MAX_RSA_BITS: usize = 8192;

/// The point of the public key that Fastly signs with, for every customer (GRIP 1.3).
const FASTLY_POINT: [u8; 65] = *b"\x04\
    \x08\xaa\x39\x03\x57\x9b\xc8\x57\x27\x99\x55\x7c\x48\x4e\x4e\x9f\
    \xef\x06\xf3\x52\x72\x06\x34\xaf\x72\xbc\x78\x54\xb7\xad\x58\x28\
    \xee\x0c\x09\xa9\xa5\x3a\x37\xc4\xcf\xf3\xcf\xbe\xb7\x08\xe4\xc2\
    \x80\x77\xe9\xff\xa9\x4f\x74\x2c\x98\x8e\x3a\x9c\xf8\x63\x3b\xb3";

pub(super) enum Material {
    Secret(Box<Mac>),
    Pair(Box<Pair>),
}

pub(super) struct Pair {
    algorithm: Algorithm,
    public: PublicKey,
    private: Option<PrivateKey>,
    is_fastly: bool,
}

impl Material {
    pub(super) fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self::Secret(Box::new(Mac::new(secret))))
    }

    pub(super) fn fastly() -> Result<Self, KeyError> {
        Self::ec_public(&FASTLY_POINT)
    }

    pub(super) fn ec_public(point: &[u8]) -> Result<Self, KeyError> {
        let point: &[u8; 65] = match point.first() {
            Some(4) => point.try_into().map_err(|_| KeyError::Invalid)?,
            Some(2 | 3) => {
                return Err(KeyError::Unsupported {
                    what: "a compressed point",
                });
            }
            _ => return Err(KeyError::Invalid),
        };
        Ok(Self::Pair(Box::new(Pair {
            algorithm: Algorithm::Es256,
            public: PublicKey::ec(point).ok_or(KeyError::Invalid)?,
            private: None,
            is_fastly: *point == FASTLY_POINT,
        })))
    }

    /// Creates a private key. `point` is its public half, if the format has it, and must fit.
    pub(super) fn ec_private(scalar: &[u8], point: Option<&[u8]>) -> Result<Self, KeyError> {
        let scalar = scalar.try_into().map_err(|_| KeyError::Invalid)?;
        let private = PrivateKey::ec(scalar).ok_or(KeyError::Invalid)?;
        Self::ec_public(fitting(&private, point)?)?.with_private(private)
    }

    pub(super) fn ed_public(public: &[u8]) -> Result<Self, KeyError> {
        let public = public.try_into().map_err(|_| KeyError::Invalid)?;
        Ok(Self::Pair(Box::new(Pair {
            algorithm: Algorithm::EdDsa,
            public: PublicKey::ed(public).ok_or(KeyError::Invalid)?,
            private: None,
            is_fastly: false,
        })))
    }

    /// Creates a private key. `public` is its public half, if the format has it, and must fit.
    pub(super) fn ed_private(seed: &[u8], public: Option<&[u8]>) -> Result<Self, KeyError> {
        let seed = seed.try_into().map_err(|_| KeyError::Invalid)?;
        let private = PrivateKey::ed(seed).ok_or(KeyError::Invalid)?;
        Self::ed_public(fitting(&private, public)?)?.with_private(private)
    }

    /// Creates a public key from numbers without leading zeros.
    pub(super) fn rsa_public(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let bits = bits(n);
        if bits < MIN_RSA_BITS {
            return Err(KeyError::WeakRsa {
                bits,
                limit: MIN_RSA_BITS,
            });
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        // An exponent of 1 lets anybody sign.
        if bits > MAX_RSA_BITS || !odd(n) || !odd(e) || e == [1] || self::bits(e) > 33 {
            return Err(KeyError::Invalid);
        }
        Ok(Self::Pair(Box::new(Pair {
            algorithm: Algorithm::Rs256,
            public: PublicKey::rsa(n, e).ok_or(KeyError::Invalid)?,
            private: None,
            is_fastly: false,
        })))
    }

    pub(super) fn rsa_private(parts: &RsaParts<'_>) -> Result<Self, KeyError> {
        let public = Self::rsa_public(parts.n, parts.e)?;
        // The libraries divide by these less one.
        if bits(parts.p) < 2 || bits(parts.q) < 2 {
            return Err(KeyError::Invalid);
        }
        public.with_private(PrivateKey::rsa(parts).ok_or(KeyError::Invalid)?)
    }

    fn with_private(mut self, private: PrivateKey) -> Result<Self, KeyError> {
        const PROBE: &[u8] = b"gripware";
        if let Self::Pair(pair) = &mut self {
            let fits = private
                .sign(PROBE)
                .is_some_and(|signature| pair.public.verify(PROBE, &signature));
            if !fits {
                return Err(KeyError::Invalid);
            }
            pair.private = Some(private);
        }
        Ok(self)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::Hs256,
            Self::Pair(pair) => pair.algorithm,
        }
    }

    pub(super) fn can_sign(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::Pair(pair) => pair.private.is_some(),
        }
    }

    pub(super) fn is_fastly(&self) -> bool {
        matches!(self, Self::Pair(pair) if pair.is_fastly)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(mac) => mac.verify(message, signature),
            Self::Pair(pair) => pair.public.verify(message, signature),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Secret(mac) => Some(mac.sign(message)),
            Self::Pair(pair) => pair.private.as_ref()?.sign(message),
        }
    }
}

/// Returns the public half of `private`; an error if `declared` is another one.
fn fitting<'a>(private: &'a PrivateKey, declared: Option<&[u8]>) -> Result<&'a [u8], KeyError> {
    let public = private.public_bytes();
    if declared.is_some_and(|declared| declared != public) {
        return Err(KeyError::Invalid);
    }
    Ok(public)
}

/// Returns the bit length of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let head = number
        .first()
        .map_or(0, |byte| 8 - byte.leading_zeros() as usize);
    head + 8 * number.len().saturating_sub(1)
}
