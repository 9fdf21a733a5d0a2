//! Keys in PEM: what stands between `-----BEGIN` and `-----END`, as written by OpenSSL and others.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    crypto::RsaParts,
    der::{Der, tag},
    error::KeyError,
    material::Material,
};

/// Starts a PEM block. A text with it anywhere is never a shared secret.
pub(super) const BEGIN: &str = "-----BEGIN";

const DASHES: &str = "-----";

const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const ED25519: &[u8] = b"\x2b\x65\x70";

/// Reads a key from one form of DER.
type Read = fn(&[u8]) -> Result<Material, KeyError>;

/// The keys of all blocks of a text, in their order.
pub(super) fn parse(text: &str) -> Result<Vec<Material>, KeyError> {
    // A PEM in an environment variable often has its line ends written as `\n`.
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    let mut keys = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, block) = block.split_once(DASHES).ok_or(KeyError::Pem)?;
        let label = label.strip_prefix(' ').ok_or(KeyError::Pem)?;
        let end = format!("-----END {label}-----");
        let (body, after) = block.split_once(end.as_str()).ok_or(KeyError::Pem)?;
        rest = after;
        if let Some(key) = key(label, body)? {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The key of one block; none for parameters, which OpenSSL writes before an EC key.
fn key(label: &str, body: &str) -> Result<Option<Material>, KeyError> {
    let read: Read = match label {
        "PUBLIC KEY" => public_key_info,
        "PRIVATE KEY" => private_key_info,
        "RSA PUBLIC KEY" => rsa_public,
        "RSA PRIVATE KEY" => rsa_private,
        "EC PRIVATE KEY" => |der| ec_private(der, None),
        "EC PARAMETERS" => return Ok(None),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            return Err(KeyError::Certificate);
        }
        "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
        _ => {
            return Err(KeyError::Unsupported {
                what: "this kind of PEM block",
            });
        }
    };
    if body.contains("Proc-Type:") {
        return Err(KeyError::Encrypted);
    }
    let mut body = body.as_bytes().to_vec();
    body.retain(|byte| !byte.is_ascii_whitespace());
    let der = STANDARD.decode(body).map_err(|_| KeyError::Pem)?;
    read(&der).map(Some)
}

/// The key that these bytes are in one of the forms of DER, or [`KeyError::Pem`] for none.
pub(super) fn der(bytes: &[u8]) -> Result<Material, KeyError> {
    let forms: [Read; 5] = [
        public_key_info,
        private_key_info,
        rsa_public,
        rsa_private,
        |der| ec_private(der, None),
    ];
    forms
        .into_iter()
        .map(|read| read(bytes))
        .find(|key| !matches!(key, Err(KeyError::Pem)))
        .unwrap_or(Err(KeyError::Pem))
}

/// Whether there is a key's DER in these bytes, or most of it.
pub(super) fn resembles_der(bytes: &[u8]) -> bool {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    // Where PKCS#1 and SEC1 have no name of their kind, they start with a number in a SEQUENCE.
    let starts = match bytes {
        [0x30, 0x82, _, _, 0x02 | 0x30, ..] | [0x30, 0x81, _, 0x02 | 0x30, ..] => true,
        _ => Material::ec_public(bytes).is_ok(),
    };
    starts || [EC, RSA, b"\x06\x03\x2b\x65\x70"].into_iter().any(has)
}

/// `SubjectPublicKeyInfo` (RFC 5280).
fn public_key_info(der: &[u8]) -> Result<Material, KeyError> {
    let (kind, bits) = (|| {
        let mut info = Der::sequence(der)?;
        let kind = KeyKind::of(info.nested()?);
        let bits = info.bits()?;
        info.end()?;
        Some((kind, bits))
    })()
    .ok_or(KeyError::Pem)?;
    match kind? {
        KeyKind::Ec => Material::ec_public(bits),
        KeyKind::Rsa => rsa_public(bits),
        KeyKind::Ed => Material::ed_public(bits),
    }
}

/// PKCS#8 `PrivateKeyInfo`, or `OneAsymmetricKey` (RFC 5958) with the public half in it.
fn private_key_info(der: &[u8]) -> Result<Material, KeyError> {
    let (kind, key) = (|| {
        let mut info = Der::sequence(der)?;
        matches!(info.value(tag::INTEGER)?, [0 | 1]).then_some(())?;
        let kind = KeyKind::of(info.nested()?);
        Some((kind, info.value(tag::OCTET_STRING)?))
    })()
    .ok_or(KeyError::Pem)?;
    match kind? {
        KeyKind::Ec => ec_private(key, Some(P256)),
        KeyKind::Rsa => rsa_private(key),
        KeyKind::Ed => {
            let seed = Der::within(key).value(tag::OCTET_STRING);
            Material::ed_private(seed.ok_or(KeyError::Pem)?, None)
        }
    }
}

/// PKCS#1 `RSAPublicKey` (RFC 8017).
fn rsa_public(der: &[u8]) -> Result<Material, KeyError> {
    let (n, e) = (|| {
        let mut key = Der::sequence(der)?;
        let numbers = (key.unsigned()?, key.unsigned()?);
        key.end()?;
        Some(numbers)
    })()
    .ok_or(KeyError::Pem)?;
    Material::rsa_public(n, e)
}

/// PKCS#1 `RSAPrivateKey` (RFC 8017) with two primes.
fn rsa_private(der: &[u8]) -> Result<Material, KeyError> {
    let parts = (|| {
        let mut key = Der::sequence(der)?;
        matches!(key.value(tag::INTEGER)?, [0]).then_some(())?;
        let parts = RsaParts {
            n: key.unsigned()?,
            e: key.unsigned()?,
            d: key.unsigned()?,
            p: key.unsigned()?,
            q: key.unsigned()?,
            dp: key.unsigned()?,
            dq: key.unsigned()?,
            qi: key.unsigned()?,
        };
        key.end()?;
        Some(parts)
    })()
    .ok_or(KeyError::Pem)?;
    Material::rsa_private(&parts)
}

/// SEC1 `ECPrivateKey` (RFC 5915). Its curve stands inside, or in the PKCS#8 around it.
fn ec_private(der: &[u8], outer: Option<&[u8]>) -> Result<Material, KeyError> {
    let (scalar, curve, point) = (|| {
        let mut key = Der::sequence(der)?;
        matches!(key.value(tag::INTEGER)?, [1]).then_some(())?;
        let scalar = key.value(tag::OCTET_STRING)?;
        let curve = key
            .optional(tag::CONTEXT_0)?
            .map(|curve| Der::within(curve).value(tag::OID).unwrap_or_default());
        let point = match key.optional(tag::CONTEXT_1)? {
            Some(point) => Some(Der::within(point).bits()?),
            None => None,
        };
        key.end()?;
        Some((scalar, curve.or(outer), point))
    })()
    .ok_or(KeyError::Pem)?;
    if curve != Some(P256) {
        return Err(CURVE);
    }
    Material::ec_private(scalar, point)
}

const CURVE: KeyError = KeyError::Unsupported {
    what: "a curve other than P-256",
};

enum KeyKind {
    Ec,
    Rsa,
    Ed,
}

impl KeyKind {
    fn of(mut algorithm: Der<'_>) -> Result<Self, KeyError> {
        match algorithm.value(tag::OID).ok_or(KeyError::Pem)? {
            EC if algorithm.value(tag::OID) == Some(P256) => Ok(Self::Ec),
            EC => Err(CURVE),
            RSA => Ok(Self::Rsa),
            ED25519 => Ok(Self::Ed),
            _ => Err(KeyError::Unsupported {
                what: "a key that is not P-256, RSA or Ed25519",
            }),
        }
    }
}
