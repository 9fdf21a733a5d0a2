//! Tokens beside `jsonwebtoken`: the same keys, and each verifies what the other signs.
#![expect(
    clippy::disallowed_methods,
    reason = "this build chooses a backend, which libraries leave to applications"
)]

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use gripware_core::sig::{Key, Signer, Verifier};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation, crypto, decode, encode,
    errors::Error, jwk::Jwk,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{now, seconds_from_now};

/// A private key as each reads it by itself, and the public half as `jsonwebtoken` writes it.
struct Pair {
    algorithm: Algorithm,
    private: Key,
    signing: EncodingKey,
    public: Jwk,
}

impl Pair {
    fn new(algorithm: Algorithm, private: &str, signing: EncodingKey) -> Self {
        Self {
            algorithm,
            private: Key::parse(private).expect("a private key"),
            public: Jwk::from_encoding_key(&signing, algorithm).expect("a JWK"),
            signing,
        }
    }

    fn secret() -> Self {
        let signing = EncodingKey::from_secret(b"changeme").expect("a secret");
        Self::new(Algorithm::HS256, "changeme", signing)
    }

    fn all() -> [Self; 4] {
        let ec = include_str!("../../../gripware-core/tests/keys/ec-pkcs8.pem");
        let rsa = include_str!("../../../gripware-core/tests/keys/rsa-pkcs1.pem");
        let ed = include_str!("../../../gripware-core/tests/keys/ed-pkcs8.pem");
        [
            Self::secret(),
            Self::new(Algorithm::ES256, ec, EncodingKey::from_ec_der(&der_of(ec))),
            Self::new(
                Algorithm::RS256,
                rsa,
                EncodingKey::from_rsa_der(&der_of(rsa)),
            ),
            Self::new(Algorithm::EdDSA, ed, EncodingKey::from_ed_der(&der_of(ed))),
        ]
    }

    fn verifier(&self) -> Verifier {
        let jwk = serde_json::to_string(&self.public).expect("JSON");
        let key = Key::parse(jwk).expect("their JWK");
        let builder = Verifier::builder().with_key_of(key, "pushpin");
        builder.build().expect("a verifier")
    }

    /// The verdict of `jsonwebtoken`, with its strictest settings.
    fn decode(&self, token: &[u8]) -> Result<TokenData<Value>, Error> {
        let mut validation = Validation::new(self.algorithm);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.set_issuer(&["pushpin"]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        decode(token, &DecodingKey::from_jwk(&self.public)?, &validation)
    }

    /// A token of exactly this header and payload.
    fn token(&self, header: &str, payload: &str) -> String {
        let signed = [header, payload]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let signature = crypto::sign(signed.as_bytes(), &self.signing, self.algorithm);
        format!("{signed}.{}", signature.expect("a signature"))
    }
}

fn der_of(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).expect("base64")
}

#[test]
fn our_tokens_decode_there() {
    for pair in Pair::all() {
        let signer = Signer::new(pair.private.clone()).expect("a private key");
        for issuer in ["pushpin", "other"] {
            let token = signer.clone().with_issuer(issuer).sign(now());
            let read = pair.decode(token.expect("a token").as_bytes());
            assert_eq!(read.is_ok(), issuer == "pushpin", "{:?}", pair.algorithm);
            if let Ok(read) = read {
                assert_eq!(read.header.alg, pair.algorithm);
                assert_eq!(read.claims["iss"], "pushpin");
            }
        }
    }
}

#[test]
fn their_tokens_verify_here() {
    for pair in Pair::all() {
        let mut header = Header::new(pair.algorithm);
        for kid in [None, Some("2027-key".to_owned())] {
            header.kid = kid;
            for issuer in ["pushpin", "other"] {
                let claims = json!({"iss": issuer, "exp": seconds_from_now(600)});
                let token = encode(&header, &claims, &pair.signing).expect("a token");
                let read = pair.verifier().verify(token.as_bytes(), now());
                assert_eq!(read.is_ok(), issuer == "pushpin", "{:?}", pair.algorithm);
            }
        }
    }
}

#[test]
fn they_differ_for_a_reason() {
    let pair = Pair::secret();
    let header = r#"{"alg":"HS256"}"#;
    let later = seconds_from_now(600);
    let payload = format!(r#"{{"iss":"pushpin","exp":{later}}}"#);
    for (reason, ours, header, payload) in [
        (
            "`null` is a value",
            false,
            r#"{"alg":"HS256","crit":null}"#,
            payload.clone(),
        ),
        (
            "no extension is supported",
            false,
            r#"{"alg":"HS256","b64":true,"crit":["b64"]}"#,
            payload.clone(),
        ),
        (
            "a name is a string",
            false,
            r#"{"alg":{"HS256":null}}"#,
            payload,
        ),
        (
            "seconds are whole",
            false,
            header,
            format!(r#"{{"iss":"pushpin","exp":{later}.5}}"#),
        ),
        (
            "these are milliseconds",
            false,
            header,
            format!(r#"{{"iss":"pushpin","exp":{later}000}}"#),
        ),
        (
            "a token has one issuer",
            false,
            header,
            format!(r#"{{"iss":["pushpin"],"exp":{later}}}"#),
        ),
        (
            "GRIP gives `sub` no meaning",
            true,
            header,
            format!(r#"{{"iss":"pushpin","exp":{later},"sub":["a"]}}"#),
        ),
    ] {
        let token = pair.token(header, &payload);
        let verdict = pair.verifier().verify(token.as_bytes(), now());
        assert_eq!(verdict.is_ok(), ours, "{reason}");
        let theirs = pair.decode(token.as_bytes());
        assert_eq!(theirs.is_ok(), !ours, "{reason}: they agree");
    }
}

/// Values that may stand for a member, right ones and others.
fn value() -> impl Strategy<Value = Value> {
    let now = seconds_from_now(0);
    prop_oneof![
        Just(json!("pushpin")),
        Just(json!("HS256")),
        Just(json!("JWT")),
        Just(json!(["HS256"])),
        Just(json!({"HS256": 1})),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
        // Far enough from now, so that the clocks of the two decide nothing.
        (now + 600..now + 10_000).prop_map(Value::from),
        (0..now - 600).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ]
}

fn members(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop::sample::select(names).prop_map(str::to_owned);
    prop::collection::vec((name, value()), 0..3).prop_map(|members| members.into_iter().collect())
}

proptest! {
    /// The direction that protects. `sub` is left out, see above.
    #[test]
    fn what_we_take_they_take(
        header in members(&["alg", "typ", "cty", "kid", "crit", "jku", "x5c", "other"]),
        claims in members(&["iss", "exp", "nbf", "aud", "iat", "other"]),
        change in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let pair = Pair::secret();
        let mut whole = json!({"alg": "HS256"});
        whole.as_object_mut().expect("an object").extend(header);
        let mut payload = json!({"iss": "pushpin", "exp": seconds_from_now(600)});
        payload.as_object_mut().expect("an object").extend(claims);
        let mut token = pair.token(&whole.to_string(), &payload.to_string()).into_bytes();
        if let Some((position, byte)) = change {
            let position = position.index(token.len());
            token[position] = byte;
        }
        if pair.verifier().verify(&token, now()).is_ok() {
            let theirs = pair.decode(&token);
            prop_assert!(theirs.is_ok(), "{whole} {payload}: {theirs:?}");
        }
    }

    #[test]
    fn any_text_is_refused_by_both(token in "[A-Za-z0-9_.-]{0,200}") {
        let pair = Pair::secret();
        prop_assert!(pair.verifier().verify(token.as_bytes(), now()).is_err());
        prop_assert!(pair.decode(token.as_bytes()).is_err());
    }
}
