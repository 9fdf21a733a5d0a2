use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaPublicKeyComponents,
    },
};

use super::RsaParts;

/// What stands before and after the 32 bytes of a P-256 key in its SEC1 form (RFC 5915).
const SEC1_P256: (&[u8], &[u8]) = (
    b"\x30\x31\x02\x01\x01\x04\x20",
    b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
);

/// HMAC with SHA-256.
pub(crate) struct Mac(hmac::Key);

impl Mac {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, message).as_ref().to_vec()
    }

    /// Compares in constant time.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

/// A public key with its one algorithm.
pub(in crate::sig) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// ES256, from an uncompressed point.
    pub(in crate::sig) fn ec(point: &[u8; 65]) -> Option<Self> {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .ok()
            .map(Self)
    }

    /// RS256, from numbers without leading zeros.
    pub(in crate::sig) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .ok()
            .map(Self)
    }

    /// EdDSA with Ed25519.
    pub(in crate::sig) fn ed(public: &[u8; 32]) -> Option<Self> {
        ParsedPublicKey::new(&ED25519, public).ok().map(Self)
    }

    pub(in crate::sig) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A private key with its one algorithm.
pub(in crate::sig) enum PrivateKey {
    Ec(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
    Ed(Ed25519KeyPair),
}

impl PrivateKey {
    pub(in crate::sig) fn ec(scalar: &[u8; 32]) -> Option<Self> {
        let (before, after) = SEC1_P256;
        let der = [before, scalar, after].concat();
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .ok()
            .map(Self::Ec)
    }

    pub(in crate::sig) fn rsa(parts: &RsaParts<'_>) -> Option<Self> {
        rsa::KeyPair::from_components(&rsa::KeyPairComponents {
            public_key: RsaPublicKeyComponents {
                n: parts.n,
                e: parts.e,
            },
            d: parts.d,
            p: parts.p,
            q: parts.q,
            dP: parts.dp,
            dQ: parts.dq,
            qInv: parts.qi,
        })
        .ok()
        .map(Self::Rsa)
    }

    pub(in crate::sig) fn ed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self::Ed)
    }

    /// Returns the uncompressed point or the 32 bytes of the public half; empty for RSA, whose
    /// parts contain it already.
    pub(in crate::sig) fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Ec(pair) => pair.public_key().as_ref(),
            Self::Ed(pair) => pair.public_key().as_ref(),
            Self::Rsa(_) => &[],
        }
    }

    pub(in crate::sig) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Ed(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}
