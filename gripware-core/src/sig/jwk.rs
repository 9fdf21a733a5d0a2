//! Keys as JSON Web Keys (RFC 7517, 7518 and 8037), alone or in a set.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{crypto::RsaParts, error::KeyError, key::MAX_KEYS, material::Material};

type Jwk = Map<String, Value>;

/// The keys of a JWK or a JWK set, each with its `kid`.
///
/// As RFC 7517 asks, a set may hold keys for other purposes or of kinds that are unknown here;
/// those are left out. A key that is broken or contradicts itself is an error.
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
    let material = match text(jwk, "kty")? {
        "oct" => Material::secret(&bytes(jwk, "k")?),
        "EC" => ec(jwk),
        "RSA" => rsa(jwk),
        "OKP" => okp(jwk),
        _ => Err(KeyError::Unsupported {
            what: "this `kty` of a JWK",
        }),
    }?;
    agrees(jwk, &material)?;
    Ok((material, kid))
}

fn ec(jwk: &Jwk) -> Result<Material, KeyError> {
    if text(jwk, "crv")? != "P-256" {
        return Err(KeyError::Unsupported {
            what: "a curve other than P-256",
        });
    }
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
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

fn okp(jwk: &Jwk) -> Result<Material, KeyError> {
    if text(jwk, "crv")? != "Ed25519" {
        return Err(KeyError::Unsupported {
            what: "a curve other than Ed25519 in a JWK of `kty` OKP",
        });
    }
    let public = bytes(jwk, "x")?;
    if jwk.contains_key("d") {
        Material::ed_private(&bytes(jwk, "d")?, Some(&public))
    } else {
        Material::ed_public(&public)
    }
}

fn rsa(jwk: &Jwk) -> Result<Material, KeyError> {
    let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
    if !jwk.contains_key("d") {
        return Material::rsa_public(&n, &e);
    }
    if jwk.contains_key("oth") {
        return Err(KeyError::Unsupported {
            what: "an RSA key of more than two primes",
        });
    }
    Material::rsa_private(&RsaParts {
        n: &n,
        e: &e,
        d: &number(jwk, "d")?,
        p: &number(jwk, "p")?,
        q: &number(jwk, "q")?,
        dp: &number(jwk, "dp")?,
        dq: &number(jwk, "dq")?,
        qi: &number(jwk, "qi")?,
    })
}

/// Whether what the JWK says about its purpose leaves room for signatures of the key's algorithm.
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
    URL_SAFE_NO_PAD
        .decode(text(jwk, member)?)
        .map_err(|_| KeyError::Jwk { member })
}

/// A number without leading zeros; some programs write them.
fn number(jwk: &Jwk, member: &'static str) -> Result<Vec<u8>, KeyError> {
    let mut number = bytes(jwk, member)?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    Ok(number)
}
