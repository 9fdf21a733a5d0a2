//! Keys in DER: the five forms in which private and public keys are written.
//!
//! `pkcs8`, `pkcs1` and `sec1` read them strictly: each length and number in its shortest form,
//! and no bytes left over. They are read here and not by the library of the cryptography, so that
//! what is accepted does not depend on which of them is built in.

use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef,
    der::{Decode, asn1::OctetStringRef},
};
use sec1::{EcParameters, EcPrivateKey};

use super::{crypto::RsaParts, error::KeyError, material::Material};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA: ObjectIdentifier = pkcs1::ALGORITHM_OID;
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

const CURVE: KeyError = KeyError::Unsupported {
    what: "a curve other than P-256",
};

/// Reads a key in whichever form it has; [`KeyError::Pem`] if it has none of them.
pub(super) fn any(der: &[u8]) -> Result<Material, KeyError> {
    [
        public_key_info,
        private_key_info,
        rsa_public,
        rsa_private,
        ec_private,
    ]
    .into_iter()
    .map(|read| read(der))
    .find(|key| !matches!(key, Err(KeyError::Pem)))
    .unwrap_or(Err(KeyError::Pem))
}

/// Returns whether the bytes contain the DER of a key, or most of it.
pub(super) fn resembles_key(bytes: &[u8]) -> bool {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    // PKCS#1 and SEC1 name no algorithm: in a SEQUENCE, with whatever length, there is a number.
    let starts = match bytes {
        [0x30, 0x80, rest @ ..]
        | [0x30, 0x81, _, rest @ ..]
        | [0x30, 0x82, _, _, rest @ ..]
        | [0x30, 0x83, _, _, _, rest @ ..] => matches!(rest, [0x02 | 0x30, ..]),
        [0x30, _, rest @ ..] => rest.starts_with(b"\x02\x01\x01\x04"),
        _ => Material::ec_public(bytes).is_ok(),
    };
    let names = [EC, P256, RSA].iter().any(|oid| has(oid.as_bytes()));
    // The three bytes of Ed25519 occur by chance; with tag and length they hardly do.
    starts || names || has(b"\x06\x03\x2b\x65\x70")
}

/// `SubjectPublicKeyInfo` (RFC 5280).
pub(super) fn public_key_info(der: &[u8]) -> Result<Material, KeyError> {
    let info: SubjectPublicKeyInfoRef<'_> = decode(der)?;
    let key = info.subject_public_key.as_bytes().ok_or(KeyError::Pem)?;
    match KeyKind::of(&info.algorithm)? {
        KeyKind::Ec => Material::ec_public(key),
        KeyKind::Rsa => rsa_public(key),
        KeyKind::Ed => Material::ed_public(key),
    }
}

/// PKCS#8 `PrivateKeyInfo` (RFC 5208), or `OneAsymmetricKey` (RFC 5958) with the public half.
pub(super) fn private_key_info(der: &[u8]) -> Result<Material, KeyError> {
    let info: PrivateKeyInfoRef<'_> = decode(der)?;
    let key = info.private_key.as_bytes();
    match KeyKind::of(&info.algorithm)? {
        // These two carry their public half inside.
        KeyKind::Ec => ec_private_on(Some(P256), key),
        KeyKind::Rsa => rsa_private(key),
        KeyKind::Ed => {
            let seed: &OctetStringRef = decode(key)?;
            let public = info.public_key.map(|bits| bits.as_bytes());
            let public = public.map(|bits| bits.ok_or(KeyError::Pem)).transpose()?;
            Material::ed_private(seed.as_bytes(), public)
        }
    }
}

/// PKCS#1 `RSAPublicKey` (RFC 8017).
pub(super) fn rsa_public(der: &[u8]) -> Result<Material, KeyError> {
    let key: RsaPublicKeyRef<'_> = decode(der)?;
    Material::rsa_public(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

/// PKCS#1 `RSAPrivateKey` (RFC 8017) of two primes.
pub(super) fn rsa_private(der: &[u8]) -> Result<Material, KeyError> {
    let key: RsaPrivateKeyRef<'_> = decode(der)?;
    // Further primes are read only if some crate of the build enables `alloc` of `pkcs1`.
    if key.other_prime_infos.is_some() {
        return Err(KeyError::Pem);
    }
    Material::rsa_private(&RsaParts {
        n: key.modulus.as_bytes(),
        e: key.public_exponent.as_bytes(),
        d: key.private_exponent.as_bytes(),
        p: key.prime1.as_bytes(),
        q: key.prime2.as_bytes(),
        dp: key.exponent1.as_bytes(),
        dq: key.exponent2.as_bytes(),
        qi: key.coefficient.as_bytes(),
    })
}

/// SEC1 `ECPrivateKey` (RFC 5915) that names its curve.
pub(super) fn ec_private(der: &[u8]) -> Result<Material, KeyError> {
    ec_private_on(None, der)
}

/// SEC1 `ECPrivateKey`; `curve` is that of the PKCS#8 around it, for a key that names none.
fn ec_private_on(curve: Option<ObjectIdentifier>, der: &[u8]) -> Result<Material, KeyError> {
    let key: EcPrivateKey<'_> = decode(der)?;
    let named = key.parameters.and_then(EcParameters::named_curve);
    if named.or(curve) != Some(P256) {
        return Err(CURVE);
    }
    Material::ec_private(key.private_key, key.public_key)
}

fn decode<'a, T: Decode<'a>>(der: &'a [u8]) -> Result<T, KeyError> {
    T::from_der(der).map_err(|_| KeyError::Pem)
}

enum KeyKind {
    Ec,
    Rsa,
    Ed,
}

impl KeyKind {
    fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, KeyError> {
        match algorithm.oid {
            EC if algorithm.parameters_oid() == Ok(P256) => Ok(Self::Ec),
            EC => Err(CURVE),
            RSA => Ok(Self::Rsa),
            ED25519 => Ok(Self::Ed),
            _ => Err(KeyError::Unsupported {
                what: "a key that is not P-256, RSA or Ed25519",
            }),
        }
    }
}
