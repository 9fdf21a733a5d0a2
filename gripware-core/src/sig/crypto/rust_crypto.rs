use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use rsa::{BoxedUint, pkcs1v15};
use sha2::Sha256;

use super::RsaParts;

/// HMAC with SHA-256.
pub(crate) struct Mac(Hmac<Sha256>);

impl Mac {
    pub(crate) fn new(secret: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }

    /// Compares in constant time.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(tag).is_ok()
    }
}

/// A public key with its one algorithm.
pub(in crate::sig) enum PublicKey {
    Ec(p256::ecdsa::VerifyingKey),
    Rsa(pkcs1v15::VerifyingKey<Sha256>),
    Ed(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// ES256, from an uncompressed point.
    pub(in crate::sig) fn ec(point: &[u8; 65]) -> Option<Self> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .ok()
            .map(Self::Ec)
    }

    /// RS256, from numbers without leading zeros.
    pub(in crate::sig) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let [n, e] = [n, e].map(BoxedUint::from_be_slice_vartime);
        let key = rsa::PublicKey::new(n, e).ok()?;
        Some(Self::Rsa(pkcs1v15::VerifyingKey::new(key)))
    }

    /// EdDSA with Ed25519.
    pub(in crate::sig) fn ed(public: &[u8; 32]) -> Option<Self> {
        ed25519_dalek::VerifyingKey::from_bytes(public)
            .ok()
            .map(Self::Ed)
    }

    pub(in crate::sig) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ec(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Rsa(key) => pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ed(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// A private key with its one algorithm.
pub(in crate::sig) enum PrivateKey {
    Ec(p256::ecdsa::SigningKey, Box<[u8]>),
    Rsa(Box<pkcs1v15::SigningKey<Sha256>>),
    Ed(ed25519_dalek::SigningKey, [u8; 32]),
}

impl PrivateKey {
    pub(in crate::sig) fn ec(scalar: &[u8; 32]) -> Option<Self> {
        let key = p256::ecdsa::SigningKey::from_slice(scalar).ok()?;
        let point = key.verifying_key().to_sec1_point(false);
        Some(Self::Ec(key, point.as_bytes().into()))
    }

    pub(in crate::sig) fn rsa(parts: &RsaParts<'_>) -> Option<Self> {
        let [n, e] = [parts.n, parts.e].map(BoxedUint::from_be_slice_vartime);
        // As wide as the modulus, so that the size of a secret number decides no timing.
        let secret = |number| BoxedUint::from_be_slice(number, n.bits_precision()).ok();
        let (d, primes) = (secret(parts.d)?, vec![secret(parts.p)?, secret(parts.q)?]);
        let key = rsa::PrivateKey::from_components(n, e, d, primes).ok()?;
        Some(Self::Rsa(Box::new(pkcs1v15::SigningKey::new(key))))
    }

    pub(in crate::sig) fn ed(seed: &[u8; 32]) -> Option<Self> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = key.verifying_key().to_bytes();
        Some(Self::Ed(key, public))
    }

    /// Returns the uncompressed point or the 32 bytes of the public half; empty for RSA, whose
    /// parts contain it already.
    pub(in crate::sig) fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Ec(_, public) => public,
            Self::Ed(_, public) => public,
            Self::Rsa(_) => &[],
        }
    }

    pub(in crate::sig) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ec(key, _) => {
                let signature: p256::ecdsa::Signature = key.try_sign(message).ok()?;
                Some(signature.to_vec())
            }
            Self::Ed(key, _) => Some(key.try_sign(message).ok()?.to_vec()),
            Self::Rsa(key) => Some(key.try_sign(message).ok()?.to_vec()),
        }
    }
}
