//! Keys as JSON Web Keys (RFC 7517, 7518 and 8037), alone or in a set.
//!
//! `jsonwebtoken` reads the public parameters. The rest is read here, because it drops the private
//! ones, checks no coordinates, fails a whole set for one key, and names no member in its errors.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, EllipticCurveKeyParameters, OctetKeyPairParameters,
    RSAKeyParameters,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{crypto::RsaParts, error::KeyError, key::MAX_KEYS, material::Material};

type Jwk = Map<String, Value>;

/// Returns the keys of a JWK or a JWK set, each with its `kid`.
///
/// Keys of a set that are for other purposes or of unknown kinds are skipped (RFC 7517, section 5).
/// A key that is malformed or contradicts itself is an error.
pub(super) fn parse(text: &str) -> Result<Vec<(Material, Option<String>)>, KeyError> {
    let mut jwk: Jwk = serde_json::from_str(text).map_err(|_| KeyError::Json)?;
    let Some(keys) = jwk.remove("keys") else {
        return Ok(vec![key(&jwk)?]);
    };
    let Value::Array(keys) = keys else {
        return Err(KeyError::Jwk { member: "keys" });
    };
    if keys.len() > MAX_KEYS {
        return Err(KeyError::TooMany {
            count: keys.len(),
            limit: MAX_KEYS,
        });
    }
    let mut usable = Vec::new();
    for jwk in keys {
        let Value::Object(jwk) = jwk else {
            return Err(KeyError::Jwk { member: "keys" });
        };
        if jwk.get("use").and_then(Value::as_str) == Some("enc") {
            continue;
        }
        match key(&jwk) {
            Ok(key) => usable.push(key),
            Err(KeyError::Unsupported { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(usable)
}

fn key(jwk: &Jwk) -> Result<(Material, Option<String>), KeyError> {
    let kid = match jwk.get("kid") {
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(KeyError::Jwk { member: "kid" }),
        None => None,
    };
    let material = match parameters(jwk)? {
        AlgorithmParameters::OctetKey(secret) => Material::secret(&decode("k", &secret.value)?),
        AlgorithmParameters::EllipticCurve(public) => ec(jwk, &public),
        AlgorithmParameters::RSA(public) => rsa(jwk, &public),
        AlgorithmParameters::OctetKeyPair(public) => okp(jwk, &public),
        _ => Err(CURVE),
    }?;
    agrees(jwk, &material)?;
    Ok((material, kid))
}

const CURVE: KeyError = KeyError::Unsupported {
    what: "a curve of a JWK other than P-256 and Ed25519",
};

/// Returns the public parameters of the key; [`AlgorithmParameters::Other`] only if `jsonwebtoken`
/// does not know its curve. That they are strings is checked before: to `jsonwebtoken` an object
/// may be a name.
fn parameters(jwk: &Jwk) -> Result<AlgorithmParameters, KeyError> {
    let required: &[&'static str] = match text(jwk, "kty")? {
        "oct" => &["k"],
        "EC" => &["crv", "x", "y"],
        "RSA" => &["n", "e"],
        "OKP" => &["crv", "x"],
        _ => {
            return Err(KeyError::Unsupported {
                what: "this `kty` of a JWK",
            });
        }
    };
    for member in required {
        text(jwk, member)?;
    }
    AlgorithmParameters::deserialize(jwk).map_err(|_| KeyError::Jwk { member: "kty" })
}

fn ec(jwk: &Jwk, public: &EllipticCurveKeyParameters) -> Result<Material, KeyError> {
    if public.curve != EllipticCurve::P256 {
        return Err(CURVE);
    }
    let (x, y) = (decode("x", &public.x)?, decode("y", &public.y)?);
    for (member, coordinate) in [("x", &x), ("y", &y)] {
        if coordinate.len() != 32 {
            return Err(KeyError::Jwk { member });
        }
    }
    let point = [&[4][..], &x, &y].concat();
    if jwk.contains_key("d") {
        Material::ec_private(&bytes(jwk, "d")?, Some(&point))
    } else {
        Material::ec_public(&point)
    }
}

fn okp(jwk: &Jwk, public: &OctetKeyPairParameters) -> Result<Material, KeyError> {
    if public.curve != EllipticCurve::Ed25519 {
        return Err(CURVE);
    }
    let public = decode("x", &public.x)?;
    if jwk.contains_key("d") {
        Material::ed_private(&bytes(jwk, "d")?, Some(&public))
    } else {
        Material::ed_public(&public)
    }
}

fn rsa(jwk: &Jwk, public: &RSAKeyParameters) -> Result<Material, KeyError> {
    let n = without_leading_zeros(decode("n", &public.n)?);
    let e = without_leading_zeros(decode("e", &public.e)?);
    if !jwk.contains_key("d") {
        return Material::rsa_public(&n, &e);
    }
    if jwk.contains_key("oth") {
        return Err(KeyError::Unsupported {
            what: "an RSA key of more than two primes",
        });
    }
    let number = |member| bytes(jwk, member).map(without_leading_zeros);
    Material::rsa_private(&RsaParts {
        n: &n,
        e: &e,
        d: &number("d")?,
        p: &number("p")?,
        q: &number("q")?,
        dp: &number("dp")?,
        dq: &number("dq")?,
        qi: &number("qi")?,
    })
}

/// Checks that `alg`, `use` and `key_ops` allow signatures with the key's algorithm.
fn agrees(jwk: &Jwk, material: &Material) -> Result<(), KeyError> {
    let contradiction = |member| Err(KeyError::Contradiction { member });
    let differs = |member: &str, expected| {
        jwk.get(member)
            .is_some_and(|value| value.as_str() != Some(expected))
    };
    if differs("alg", material.algorithm().as_str()) {
        return contradiction("alg");
    }
    if differs("use", "sig") {
        return contradiction("use");
    }
    if let Some(operations) = jwk.get("key_ops") {
        let allows = |operation: &str| {
            operations
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one.as_str() == Some(operation)))
        };
        let useful = allows("verify") || (material.can_sign() && allows("sign"));
        if !useful {
            return contradiction("key_ops");
        }
    }
    Ok(())
}

fn text<'a>(jwk: &'a Jwk, member: &'static str) -> Result<&'a str, KeyError> {
    jwk.get(member)
        .and_then(Value::as_str)
        .ok_or(KeyError::Jwk { member })
}

fn bytes(jwk: &Jwk, member: &'static str) -> Result<Vec<u8>, KeyError> {
    decode(member, text(jwk, member)?)
}

/// Decodes the value of a member.
fn decode(member: &'static str, value: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD
        .decode(value)
        .map_err(|_| KeyError::Jwk { member })
}

/// Strips the leading zeros that some programs write before the numbers of RSA.
fn without_leading_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}
