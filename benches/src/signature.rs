//! Verifying `Grip-Sig`.
//!
//! At first sight it costs the cryptography and little beside it. After that it costs a
//! comparison, since a proxy's tokens of one second are the same bytes.

use std::time::{Duration, SystemTime};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        ParsedPublicKey,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use gripware_core::sig::{Key, Signer, Verifier};
#[cfg(feature = "times")]
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
#[cfg(feature = "times")]
use serde::Deserialize;

use crate::{Case, Error, Operation, Target};

const SECRET: &str = "changeme-and-make-me-32-bytes-long";
const ISSUER: &str = "pushpin";

/// The cases.
///
/// # Errors
/// Where a key cannot be made.
pub fn cases() -> Result<Vec<Case>, Error> {
    let mut cases = hs256()?;
    cases.push(es256()?);
    cases.extend(seen()?);
    Ok(cases)
}

fn token(key: &Key, now: SystemTime) -> Result<String, Error> {
    Ok(Signer::new(key.clone())?.with_issuer(ISSUER).sign(now)?)
}

fn verifier(key: &Key, remembered: usize) -> Result<Verifier, Error> {
    let builder = Verifier::builder().with_key_of(key.clone(), ISSUER);
    Ok(builder.with_remembered(remembered).build()?)
}

fn verify(verifier: Verifier, token: &str, now: SystemTime) -> Result<Operation, Error> {
    let token = token.to_owned();
    verifier.verify(token.as_bytes(), now)?;
    Ok(Operation::new(move || {
        verifier.verify(token.as_bytes(), now)
    }))
}

/// What is signed, and the signature.
fn parts(token: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
    Ok((signed.into(), URL_SAFE_NO_PAD.decode(signature)?))
}

fn hs256() -> Result<Vec<Case>, Error> {
    let now = SystemTime::now();
    let key = Key::parse(SECRET)?;
    let token = token(&key, now)?;
    let first_sight = || verify(verifier(&key, 0)?, &token, now);

    let (signed, signature) = parts(&token)?;
    let secret = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let bare = Operation::new(move || hmac::verify(&secret, &signed, &signature));

    Ok(vec![
        Case::new("HS256 at first sight", first_sight()?)
            .beside("HMAC alone", bare)
            .target(Target::Within(600.0)),
        #[cfg(feature = "times")]
        Case::new("HS256 at first sight, again", first_sight()?)
            .beside("jsonwebtoken", jsonwebtoken(&token)?)
            .target(Target::Faster(2.5)),
    ])
}

#[cfg(feature = "times")]
#[expect(clippy::disallowed_methods, reason = "this build chooses a backend")]
fn jsonwebtoken(token: &str) -> Result<Operation, Error> {
    #[derive(Deserialize)]
    struct Claims {
        #[expect(dead_code, reason = "read like ours, and then not looked at")]
        iss: String,
        #[expect(dead_code, reason = "the same")]
        exp: u64,
    }
    let token = token.to_owned();
    let secret = DecodingKey::from_secret(SECRET.as_bytes())?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    jsonwebtoken::decode::<Claims>(&token, &secret, &validation)?;
    Ok(Operation::new(move || {
        jsonwebtoken::decode::<Claims>(&token, &secret, &validation)
    }))
}

fn es256() -> Result<Case, Error> {
    let now = SystemTime::now();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
    let pkcs8 = pair.to_pkcs8v1()?;
    let key = Key::parse(format!("base64:{}", STANDARD.encode(pkcs8.as_ref())))?;

    // Signed by the pair itself, so that nothing here depends on our own signer.
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
    let expires = now.duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims = format!(r#"{{"iss":"{ISSUER}","exp":{}}}"#, expires.as_secs());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes())?;
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));

    let bare = Operation::new(move || public.verify_sig(signed.as_bytes(), signature.as_ref()));
    Ok(Case::new(
        "ES256 at first sight",
        verify(verifier(&key, 0)?, &token, now)?,
    )
    .beside("ECDSA alone", bare)
    .target(Target::Ratio(1.05)))
}

fn seen() -> Result<Vec<Case>, Error> {
    let now = SystemTime::now();
    let key = Key::parse(SECRET)?;
    let newest = token(&key, now)?;
    let only = verify(verifier(&key, 16)?, &newest, now)?;

    // The tokens of an hour.
    let verifier = verifier(&key, 4096)?;
    let tokens = (1..=3600_u64)
        .map(|age| token(&key, now - Duration::from_millis(999 * age)))
        .collect::<Result<Vec<_>, _>>()?;
    for token in &tokens {
        verifier.verify(token.as_bytes(), now)?;
    }
    let mut turn = 0_usize;
    let among = Operation::new(move || {
        // A prime, so that they come in no order that a cache would know.
        turn = (turn + 1987) % tokens.len();
        let token = tokens.get(turn).map(String::as_bytes).unwrap_or_default();
        verifier.verify(token, now)
    });
    Ok(vec![
        Case::new("the newest token, seen before", only)
            .target(Target::Within(60.0))
            .allocations(0),
        Case::new("any of an hour's tokens", among)
            .target(Target::Within(60.0))
            .allocations(0),
    ])
}
