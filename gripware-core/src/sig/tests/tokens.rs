//! Tokens, good and bad: what was sent, and what is said about it.

use std::{
    str,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::pem;
use crate::{
    GripUrl,
    sig::{
        Key, MAX_KEYS, MAX_LEEWAY, MAX_TOKEN_LEN, SigError, SignError, Signer, Verifier,
        VerifierError,
    },
};

/// HS256 with `changeme`, `exp` 2000000000, `iss` `pushpin` (GRIP 1.3).
const VALID: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJleHAiOjIwMDAwMDAwMDAsImlzcyI6InB1c2hwaW4ifQ.PTLCeVCcFiZXtMsaG6U2_OJ2IIxJp4T583GWB0Ur5RA";
/// The same with `exp` 1700000000.
const EXPIRED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJleHAiOjE3MDAwMDAwMDAsImlzcyI6InB1c2hwaW4ifQ.20GjbpMEJtWkQSxi_sstKs9GyDP0UPPgtim1Kwy0u8A";
/// `iss` `lab` and no `exp`.
const ENDLESS: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJpc3MiOiJsYWIifQ.Go3FoXPZfuvOhHgr_rzTOjETQ-u-iYI78vXdB38SyUQ";

/// A P-256 public key and a token that it verifies, from RFC 7515, A.3.
const RFC_ES256: (&str, &str, &str) = (
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm\
     NvbS9pc19yb290Ijp0cnVlfQ",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn now() -> SystemTime {
    at(1_800_000_000)
}

fn changeme() -> Key {
    Key::parse("changeme").unwrap()
}

fn pushpin() -> Verifier {
    let builder = Verifier::builder().with_key_of(changeme(), "pushpin");
    builder.build().unwrap()
}

fn verify(verifier: &Verifier, token: &str) -> Result<Option<String>, SigError> {
    let claims = verifier.verify(token.as_bytes(), now())?;
    Ok(claims.issuer().map(str::to_owned))
}

/// A token of exactly this header and payload.
fn token(key: &Key, header: &str, payload: &str) -> String {
    let signed = [header, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

const HS256: &str = r#"{"typ":"JWT","alg":"HS256"}"#;
const PAYLOAD: &str = r#"{"iss":"pushpin","exp":1900000000}"#;

#[test]
fn a_token_is_taken_until_it_expires() {
    let claims = pushpin().verify(VALID.as_bytes(), now()).unwrap();
    assert_eq!(claims.issuer(), Some("pushpin"));
    assert_eq!(claims.expires_at(), at(2_000_000_000));

    assert_eq!(verify(&pushpin(), EXPIRED), Err(SigError::Expired));
    assert_eq!(verify(&pushpin(), ENDLESS), Err(SigError::Malformed));
}

#[test]
fn a_token_that_was_seen_expires_too() {
    let verifier = pushpin();
    for _ in 0..2 {
        verifier
            .verify(VALID.as_bytes(), at(1_999_999_999))
            .unwrap();
    }
    for now in [at(2_000_000_000), at(9_000_000_000)] {
        let verdict = verifier.verify(VALID.as_bytes(), now);
        assert_eq!(verdict, Err(SigError::Expired));
    }
    verifier.verify(VALID.as_bytes(), UNIX_EPOCH).unwrap();
    let before = UNIX_EPOCH - Duration::from_secs(1);
    verifier.verify(VALID.as_bytes(), before).unwrap();
}

#[test]
fn leeway_widens_both_ends() {
    let builder = Verifier::builder().with_key(changeme());
    let verifier = builder
        .with_leeway(Duration::from_secs(60))
        .build()
        .unwrap();
    let payload = r#"{"exp":1000000000,"nbf":900000000}"#;
    let token = token(&changeme(), HS256, payload);
    for (seconds, expected) in [
        (899_999_939, Err(SigError::NotYetValid)),
        (899_999_940, Ok(())),
        (1_000_000_059, Ok(())),
        (1_000_000_060, Err(SigError::Expired)),
    ] {
        let verdict = verifier.verify(token.as_bytes(), at(seconds));
        assert_eq!(verdict.map(drop), expected, "{seconds}");
    }
    let strict = Verifier::builder().with_key(changeme()).build().unwrap();
    let verdict = strict.verify(token.as_bytes(), at(899_999_999));
    assert_eq!(verdict, Err(SigError::NotYetValid));
    strict.verify(token.as_bytes(), at(900_000_000)).unwrap();
}

#[test]
fn a_token_by_somebody_else_is_told_from_a_forged_one() {
    let other = Signer::new(changeme()).unwrap().with_issuer("other");
    let other = other.sign(now()).unwrap();
    assert_eq!(verify(&pushpin(), &other), Err(SigError::WrongIssuer));
    let nobody = Signer::new(changeme()).unwrap().sign(now()).unwrap();
    assert_eq!(verify(&pushpin(), &nobody), Err(SigError::WrongIssuer));

    let wrong = Signer::new(Key::parse("wrong").unwrap()).unwrap();
    let wrong = wrong.with_issuer("pushpin").sign(now()).unwrap();
    assert_eq!(verify(&pushpin(), &wrong), Err(SigError::Forged));

    let any = Verifier::builder().with_key(changeme()).build().unwrap();
    assert_eq!(verify(&any, &other), Ok(Some("other".to_owned())));
    assert_eq!(verify(&any, &nobody), Ok(None));
}

#[test]
fn every_algorithm_signs_and_verifies() {
    for (private, public) in [
        (pem!("ec-pkcs8"), pem!("ec-public")),
        (pem!("rsa-pkcs1"), pem!("rsa-public")),
        (pem!("ed-pkcs8"), pem!("ed-public")),
        ("changeme", "changeme"),
    ] {
        let signer = Signer::new(Key::parse(private).unwrap()).unwrap();
        let token = signer.with_issuer("me").sign(now()).unwrap();
        for key in [public, private] {
            let key = Key::parse(key).unwrap();
            let verifier = Verifier::builder().with_key_of(key, "me").build().unwrap();
            assert_eq!(verify(&verifier, &token), Ok(Some("me".to_owned())));

            let mut forged = token.clone().into_bytes();
            forged[60] ^= 1;
            let verdict = verifier.verify(&forged, now()).unwrap_err();
            assert!(matches!(verdict, SigError::Forged | SigError::Malformed));
        }
    }
}

#[test]
fn a_signature_from_elsewhere_is_taken() {
    let (key, signed, signature) = RFC_ES256;
    let verifier = Verifier::builder().with_key(Key::parse(key).unwrap());
    let verifier = verifier.build().unwrap();
    let token = format!("{signed}.{signature}");
    let claims = verifier
        .verify(token.as_bytes(), at(1_300_000_000))
        .unwrap();
    assert_eq!(claims.issuer(), Some("joe"));
}

#[test]
fn a_public_key_is_never_a_secret() {
    for (private, public) in [
        (pem!("ec-pkcs8"), pem!("ec-public")),
        (pem!("rsa-pkcs8"), pem!("rsa-public")),
        (pem!("ed-pkcs8"), pem!("ed-public")),
    ] {
        let key = Key::parse(public).unwrap();
        let verifier = Verifier::builder().with_key(key).build().unwrap();
        for secret in [public, public.trim_ascii_end(), private] {
            let secret = Key::secret(secret).unwrap();
            let token = token(&secret, HS256, PAYLOAD);
            assert_eq!(verify(&verifier, &token), Err(SigError::Forged));
        }
    }
}

#[test]
fn the_algorithm_has_to_be_that_of_the_key() {
    let key = changeme();
    for algorithm in [
        "none", "None", "", "hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256",
    ] {
        let header = format!(r#"{{"typ":"JWT","alg":"{algorithm}"}}"#);
        let token = token(&key, &header, PAYLOAD);
        assert_eq!(
            verify(&pushpin(), &token),
            Err(SigError::Forged),
            "{algorithm}"
        );
    }
    let part = |text| URL_SAFE_NO_PAD.encode(text);
    let unsigned = format!("{}.{}.", part(r#"{"alg":"none"}"#), part(PAYLOAD));
    assert_eq!(verify(&pushpin(), &unsigned), Err(SigError::Forged));
    let unsigned = format!("{}.{}.", part(HS256), part(PAYLOAD));
    assert_eq!(verify(&pushpin(), &unsigned), Err(SigError::Forged));
}

#[test]
fn a_header_may_be_written_in_other_ways() {
    for header in [
        r#"{"alg":"HS256"}"#,
        r#" { "typ" : "JWT" , "alg" : "HS256" , "more" : [1, {}] } "#,
        r#"{"alg":"\u0048S256","kid":"a"}"#,
    ] {
        let token = token(&changeme(), header, PAYLOAD);
        assert!(verify(&pushpin(), &token).is_ok(), "{header}");
    }
    for header in [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":{"HS256":null}}"#,
        r#"{"alg":"HS256","typ":1}"#,
        r#"["HS256"]"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"HS256"} x"#,
        "{}",
        "",
    ] {
        let token = token(&changeme(), header, PAYLOAD);
        assert_eq!(
            verify(&pushpin(), &token),
            Err(SigError::Malformed),
            "{header}"
        );
    }
}

#[test]
fn claims_have_to_be_what_they_are() {
    for payload in [
        r#"{"iss":"pushpin"}"#,
        r#"{"iss":"pushpin","exp":1900000000.0}"#,
        r#"{"iss":"pushpin","exp":1900000000.5}"#,
        r#"{"iss":"pushpin","exp":19e8}"#,
        r#"{"iss":"pushpin","exp":"1900000000"}"#,
        r#"{"iss":"pushpin","exp":null}"#,
        r#"{"iss":"pushpin","exp":true}"#,
        r#"{"iss":"pushpin","exp":-1}"#,
        r#"{"iss":"pushpin","exp":1900000000000}"#,
        r#"{"iss":"pushpin","exp":18446744073709551615}"#,
        r#"{"iss":"pushpin","exp":99999999999999999999999}"#,
        r#"{"iss":"pushpin","exp":1900000000,"exp":1900000000}"#,
        r#"{"iss":"pushpin","iss":"pushpin","exp":1900000000}"#,
        r#"{"iss":["pushpin"],"exp":1900000000}"#,
        r#"{"iss":null,"exp":1900000000}"#,
        r#"{"iss":"pushpin","exp":1900000000,"nbf":"1"}"#,
        r#"{"iss":"pushpin","exp":1900000000,"nbf":null}"#,
        r#"{"iss":"pushpin","exp":1900000000}{}"#,
        r#"["pushpin",1900000000,null]"#,
        "1900000000",
        "null",
        "",
    ] {
        let token = token(&changeme(), HS256, payload);
        assert_eq!(
            verify(&pushpin(), &token),
            Err(SigError::Malformed),
            "{payload}"
        );
    }
    for payload in [
        r#" {"exp" : 1900000000 , "iss":"push\u0070in"} "#,
        r#"{"iss":"pushpin","exp":1900000000,"aud":"x","iat":"x","sub":{},"sub":[1.5]}"#,
        r#"{"iss":"pushpin","exp":253402300799,"nbf":0}"#,
    ] {
        let token = token(&changeme(), HS256, payload);
        assert_eq!(
            verify(&pushpin(), &token),
            Ok(Some("pushpin".to_owned())),
            "{payload}"
        );
    }
}

#[test]
fn only_three_parts_of_strict_base64_are_a_token() {
    let (signed, signature) = VALID.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    // The last character of a signature of 32 bytes carries two bits that are always zero.
    let loose = VALID.replace("5RA", "5RB");
    for broken in [
        "",
        ".",
        "..",
        "...",
        signed,
        header,
        &loose,
        &format!("{VALID}."),
        &format!(".{VALID}"),
        &format!("{VALID}.{signature}"),
        &format!("{VALID}="),
        &format!(" {VALID}"),
        &format!("{VALID}\n"),
        &format!("{header}=.{payload}.{signature}"),
        &format!("{header}..{signature}"),
        &format!("{header}.{payload}.{}+", &signature[1..]),
        &format!("{header}.{payload}.{}", "A".repeat(1400)),
        &VALID.replace('e', "é"),
        "Bearer",
    ] {
        assert_eq!(
            verify(&pushpin(), broken),
            Err(SigError::Malformed),
            "{broken}"
        );
    }
    let mut bytes = VALID.as_bytes().to_vec();
    bytes[50] = 0xff;
    assert_eq!(pushpin().verify(&bytes, now()), Err(SigError::Malformed));
}

#[test]
fn a_token_over_the_limit_is_not_read() {
    let sized = |issuer: usize| {
        let signer = Signer::new(changeme())
            .unwrap()
            .with_issuer("x".repeat(issuer));
        signer.sign(now()).unwrap()
    };
    let verifier = Verifier::builder().with_key(changeme()).build().unwrap();
    let (fits, over) = (sized(6040), sized(6060));
    assert!(fits.len() <= MAX_TOKEN_LEN && over.len() > MAX_TOKEN_LEN);
    assert!(verify(&verifier, &fits).is_ok());
    assert_eq!(verify(&verifier, &over), Err(SigError::Malformed));
}

#[test]
fn two_headers_are_refused_even_where_both_are_good() {
    let verifier = pushpin();
    let one = VALID.as_bytes();
    assert_eq!(verifier.verify_headers([], now()), Ok(None));
    assert!(verifier.verify_headers([one], now()).unwrap().is_some());
    for two in [[one, one], [one, b"x"], [b"x", one]] {
        let verdict = verifier.verify_headers(two, now());
        assert_eq!(verdict, Err(SigError::Malformed));
    }
    let verdict = verifier.verify_headers([b"".as_slice()], now());
    assert_eq!(verdict, Err(SigError::Malformed));
}

#[test]
fn each_of_several_keys_is_tried_with_its_own_issuer() {
    let pair = Key::parse(pem!("ec-pkcs8")).unwrap();
    let verifier = Verifier::builder()
        .with_key_of(changeme(), "a")
        .with_key_of(Key::parse("other").unwrap(), "a")
        .with_key_of(changeme(), "b")
        .with_key_of(Key::parse(pem!("ec-public")).unwrap(), "c")
        .build()
        .unwrap();
    for (key, issuer, expected) in [
        (&changeme(), "a", Ok(())),
        (&changeme(), "b", Ok(())),
        (&changeme(), "c", Err(SigError::WrongIssuer)),
        (&Key::parse("other").unwrap(), "a", Ok(())),
        (
            &Key::parse("other").unwrap(),
            "b",
            Err(SigError::WrongIssuer),
        ),
        (&Key::parse("third").unwrap(), "a", Err(SigError::Forged)),
        (&pair, "c", Ok(())),
        (&pair, "a", Err(SigError::WrongIssuer)),
    ] {
        let signer = Signer::new(key.clone()).unwrap().with_issuer(issuer);
        let token = signer.sign(now()).unwrap();
        assert_eq!(verify(&verifier, &token).map(drop), expected, "{issuer}");
    }
}

#[test]
fn a_kid_is_a_hint_and_proves_nothing() {
    let named = |kid, secret: &str| {
        let k = URL_SAFE_NO_PAD.encode(secret);
        Key::parse(format!(r#"{{"kty":"oct","kid":"{kid}","k":"{k}"}}"#)).unwrap()
    };
    let verifier = Verifier::builder()
        .with_key(named("old", "old secret"))
        .with_key(named("new", "new secret"))
        .build()
        .unwrap();
    for (kid, secret, expected) in [
        ("new", "new secret", Ok(None)),
        ("old", "new secret", Ok(None)),
        ("unknown", "old secret", Ok(None)),
        ("new", "no secret", Err(SigError::Forged)),
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        let token = token(
            &Key::secret(secret).unwrap(),
            &header,
            r#"{"exp":1900000000}"#,
        );
        assert_eq!(verify(&verifier, &token), expected, "{kid} {secret}");
    }
}

#[test]
fn the_verifier_of_a_url_wants_its_issuer() {
    let urls = "http://a/?verify-key=changeme&verify-iss=pushpin http://b/?verify-key=second";
    let mut builder = Verifier::builder();
    for url in GripUrl::parse_many(urls).unwrap() {
        builder = builder.with_url(&url);
    }
    let verifier = builder.build().unwrap();
    assert!(verify(&verifier, VALID).is_ok());
    let second = Signer::new(Key::parse("second").unwrap()).unwrap();
    let second = second.sign(now()).unwrap();
    assert_eq!(verify(&verifier, &second), Ok(None));
}

#[test]
fn a_verifier_that_would_protect_nothing_is_not_built() {
    let error = |builder: crate::sig::VerifierBuilder| builder.build().unwrap_err();
    assert_eq!(error(Verifier::builder()), VerifierError::NoKey);
    let fastly = Verifier::builder().with_key(Key::fastly());
    assert_eq!(error(fastly), VerifierError::IssuerRequired);
    let fastly = Verifier::builder().with_key_of(Key::fastly(), "fastly:SvcId123");
    fastly.build().unwrap();

    let url = GripUrl::new("http://edge.example/").unwrap();
    let url = url.with_verify_key(Key::fastly());
    let builder = Verifier::builder().with_url(&url);
    assert_eq!(error(builder), VerifierError::IssuerRequired);

    let builder = Verifier::builder().with_key(changeme());
    assert_eq!(
        error(
            builder
                .clone()
                .with_leeway(MAX_LEEWAY + Duration::from_secs(1))
        ),
        VerifierError::Leeway {
            leeway: Duration::from_secs(3601),
            limit: MAX_LEEWAY
        }
    );
    let many = (0..MAX_KEYS).fold(builder, |builder, _| builder.with_key(changeme()));
    let expected = VerifierError::TooManyKeys {
        count: 33,
        limit: 32,
    };
    assert_eq!(error(many), expected);
}

#[test]
fn a_token_is_forgotten_with_the_key() {
    let before = pushpin();
    assert!(verify(&before, VALID).is_ok());
    let key = Key::parse("changed").unwrap();
    let after = Verifier::builder().with_key(key).build().unwrap();
    assert_eq!(verify(&after, VALID), Err(SigError::Forged));
    assert!(verify(&before.clone(), VALID).is_ok());
}

#[test]
fn a_verifier_is_shared_by_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let verifier = pushpin();
    shared(&verifier);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert!(verify(&verifier, VALID).is_ok());
                    assert_eq!(verify(&verifier, EXPIRED), Err(SigError::Expired));
                }
            });
        }
    });
}

#[test]
fn a_signed_token_has_the_form_of_a_proxys() {
    let signer = Signer::new(changeme()).unwrap().with_issuer("push\"pin");
    let token = signer
        .sign(at(1_800_000_000) + Duration::from_millis(999))
        .unwrap();
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    assert_eq!(parts.next().unwrap(), HS256.as_bytes());
    assert_eq!(
        parts.next().unwrap(),
        br#"{"iss":"push\"pin","exp":1800003600}"#
    );

    let short = signer.clone().with_lifetime(Duration::from_secs(1));
    let token = short.sign(now()).unwrap();
    let verifier = Verifier::builder().with_key(changeme()).build().unwrap();
    assert!(verify(&verifier, &token).is_ok());
    let verdict = verifier.verify(token.as_bytes(), at(1_800_000_001));
    assert_eq!(verdict, Err(SigError::Expired));

    let public = Key::parse(pem!("ec-public")).unwrap();
    assert_eq!(Signer::new(public).unwrap_err(), SignError::PublicKey);
    assert_eq!(signer.sign(at(253_402_300_799)), Err(SignError::Time));
    assert_eq!(
        signer.clone().with_lifetime(Duration::MAX).sign(now()),
        Err(SignError::Time)
    );
    assert_eq!(
        signer.sign(UNIX_EPOCH - Duration::from_secs(1)),
        Err(SignError::Time)
    );
}

#[test]
fn nothing_secret_is_printed() {
    let signer = Signer::new(changeme()).unwrap();
    let printed = format!(
        "{:?} {:?} {signer:?}",
        pushpin(),
        Verifier::builder().with_key(changeme())
    );
    assert!(
        printed.contains("[redacted]") && !printed.contains("changeme"),
        "{printed}"
    );
    let verifier = pushpin();
    verify(&verifier, VALID).unwrap();
    let printed = format!("{verifier:?}");
    assert!(
        !printed.contains("eyJ") && !printed.contains("101, 121"),
        "{printed}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(token: Vec<u8>, text in "[A-Za-z0-9_.-]{0,300}") {
        let verifier = pushpin();
        prop_assert!(verifier.verify(&token, now()).is_err());
        prop_assert!(verifier.verify(text.as_bytes(), now()).is_err());
    }

    #[test]
    fn any_header_and_payload_are_read_without_a_panic(header: String, payload: String) {
        let _ = verify(&pushpin(), &token(&changeme(), &header, &payload));
    }

    #[test]
    fn a_token_with_a_changed_byte_is_refused(position in 0..VALID.len(), byte: u8, seen: bool) {
        let verifier = pushpin();
        if seen {
            verify(&verifier, VALID).unwrap();
        }
        let mut token = VALID.as_bytes().to_vec();
        token[position] = byte;
        let verdict = verifier.verify(&token, now());
        prop_assert_eq!(verdict.is_ok(), token == VALID.as_bytes());
    }

    #[test]
    fn what_is_signed_verifies(issuer: String, seconds in 0u64..4_000_000_000) {
        let signer = Signer::new(changeme()).unwrap().with_issuer(&issuer);
        let token = signer.sign(at(seconds)).unwrap();
        let verifier = Verifier::builder().with_key_of(changeme(), &issuer).build().unwrap();
        let claims = verifier.verify(token.as_bytes(), at(seconds)).unwrap();
        prop_assert_eq!(claims.issuer(), Some(issuer.as_str()));
        prop_assert_eq!(claims.expires_at(), at(seconds + 3600));
    }
}
