//! Keys in every form, each also as the tests' signers.

use std::fmt::Write as _;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use pkcs1::{RsaPrivateKeyRef, UintRef, der::Decode as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::pem;
use crate::sig::{Algorithm, Key, KeyError, MAX_KEY_LEN};

const EC: [&str; 4] = [
    pem!("ec-sec1"),
    pem!("ec-pkcs8"),
    pem!("ec-no-public"),
    pem!("ec-parameters"),
];
const RSA: [&str; 2] = [pem!("rsa-pkcs8"), pem!("rsa-pkcs1")];

const FASTLY_JWK: &str = r#"{"kty":"EC","crv":"P-256",
    "x":"CKo5A1ebyFcnmVV8SE5On-8G81JyBjSvcrx4VLetWCg",
    "y":"7gwJqaU6N8TP88--twjkwoB36f-pT3QsmI46nPhjO7M"}"#;

fn error(text: impl AsRef<[u8]>) -> KeyError {
    Key::parse(text).unwrap_err()
}

/// The bytes inside the first PEM block.
fn der_of(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

/// The private RSA key of the tests as a JWK.
fn rsa_jwk() -> Value {
    let der = der_of(pem!("rsa-pkcs1"));
    let key = RsaPrivateKeyRef::from_der(&der).unwrap();
    let number = |number: UintRef<'_>| URL_SAFE_NO_PAD.encode(number.as_bytes());
    json!({
        "kty": "RSA",
        "n": number(key.modulus),
        "e": number(key.public_exponent),
        "d": number(key.private_exponent),
        "p": number(key.prime1),
        "q": number(key.prime2),
        "dp": number(key.exponent1),
        "dq": number(key.exponent2),
        "qi": number(key.coefficient),
    })
}

/// The private P-256 key of the tests as a JWK.
fn ec_jwk() -> Value {
    let der = der_of(pem!("ec-sec1"));
    let point = der.get(der.len() - 64..).unwrap();
    json!({
        "kty": "EC",
        "crv": "P-256",
        "d": URL_SAFE_NO_PAD.encode(&der[7..39]),
        "x": URL_SAFE_NO_PAD.encode(&point[..32]),
        "y": URL_SAFE_NO_PAD.encode(&point[32..]),
    })
}

/// The private Ed25519 key of the tests as a JWK.
fn ed_jwk() -> Value {
    let (private, public) = (der_of(pem!("ed-pkcs8")), der_of(pem!("ed-public")));
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "d": URL_SAFE_NO_PAD.encode(&private[private.len() - 32..]),
        "x": URL_SAFE_NO_PAD.encode(&public[public.len() - 32..]),
    })
}

fn without(mut jwk: Value, members: &[&str]) -> Value {
    let object = jwk.as_object_mut().unwrap();
    for member in members {
        object.remove(*member).unwrap();
    }
    jwk
}

fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    jwk[member] = value.into();
    jwk
}

const RSA_PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

#[test]
fn what_a_private_key_signs_its_public_half_verifies_in_every_form() {
    let cases = [
        (
            Algorithm::Es256,
            EC.map(str::to_owned)
                .into_iter()
                .chain([ec_jwk().to_string()])
                .collect::<Vec<_>>(),
            vec![
                pem!("ec-public").to_owned(),
                without(ec_jwk(), &["d"]).to_string(),
            ],
        ),
        (
            Algorithm::Rs256,
            RSA.map(str::to_owned)
                .into_iter()
                .chain([rsa_jwk().to_string()])
                .collect(),
            vec![
                pem!("rsa-public").to_owned(),
                pem!("rsa-public-pkcs1").to_owned(),
                without(rsa_jwk(), &RSA_PRIVATE).to_string(),
            ],
        ),
        (
            Algorithm::EdDsa,
            vec![pem!("ed-pkcs8").to_owned(), ed_jwk().to_string()],
            vec![
                pem!("ed-public").to_owned(),
                without(ed_jwk(), &["d"]).to_string(),
            ],
        ),
        (
            Algorithm::Hs256,
            vec![
                "changeme".to_owned(),
                r#"{"kty":"oct","k":"Y2hhbmdlbWU"}"#.to_owned(),
            ],
            vec![],
        ),
    ];
    for (algorithm, private, public) in cases {
        let verifying = private
            .iter()
            .chain(&public)
            .map(|text| Key::parse(text).unwrap());
        let verifying: Vec<_> = verifying.collect();
        for signer in &verifying[..private.len()] {
            assert!(signer.can_sign());
            let signature = signer.sign(b"a message").unwrap();
            for key in &verifying {
                assert_eq!(key.algorithm(), algorithm);
                assert!(key.verify(b"a message", &signature));
                assert!(!key.verify(b"a massage", &signature));
                assert!(!key.verify(b"a message", &signature[1..]));
                assert!(!key.verify(b"a message", b""));
            }
        }
        for key in &verifying[private.len()..] {
            assert!(!key.can_sign());
            assert_eq!(key.sign(b"a message"), None);
        }
    }
}

#[test]
fn base64_may_stand_around_any_form() {
    for (text, algorithm) in [
        ("changeme", Algorithm::Hs256),
        (pem!("ec-public"), Algorithm::Es256),
        (pem!("rsa-pkcs1"), Algorithm::Rs256),
        (FASTLY_JWK, Algorithm::Es256),
    ] {
        for encoded in [STANDARD.encode(text), URL_SAFE_NO_PAD.encode(text)] {
            let key = Key::parse(format!("base64:{encoded}\n")).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{text}");
        }
    }
    for pem in [
        pem!("ec-public"),
        pem!("ec-pkcs8"),
        pem!("rsa-public-pkcs1"),
    ] {
        let encoded = format!("base64:{}", STANDARD.encode(der_of(pem)));
        assert_ne!(Key::parse(encoded).unwrap().algorithm(), Algorithm::Hs256);
    }
    assert_eq!(error("base64:"), KeyError::Empty);
    assert_eq!(error("base64:%%%"), KeyError::Base64);
}

#[test]
fn a_key_in_base64_without_the_prefix_is_no_shared_secret() {
    for pem in [pem!("ec-public"), pem!("rsa-public"), pem!("p384-public")] {
        assert_eq!(error(STANDARD.encode(pem)), KeyError::NoPrefix);
        assert_eq!(error(STANDARD.encode(der_of(pem))), KeyError::NoPrefix);
    }
    assert_eq!(error(STANDARD.encode(FASTLY_JWK)), KeyError::NoPrefix);
    let secret = Key::parse(STANDARD.encode("some other secret")).unwrap();
    assert_eq!(secret.algorithm(), Algorithm::Hs256);
}

#[test]
fn what_looks_like_a_key_and_is_none_never_becomes_a_shared_secret() {
    let public = pem!("ec-public");
    for broken in [
        "-----BEGIN",
        "-----BEGIN PUBLIC KEY-----",
        " \n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "a line before\n-----BEGIN PUBLIC KEY-----\n****\n-----END PUBLIC KEY-----",
        &public.replace("END PUBLIC", "END PRIVATE"),
        &public
            .replace("BEGIN PUBLIC", "BEGIN RSA PUBLIC")
            .replace("END PUBLIC", "END RSA PUBLIC"),
        &public.replace("MFkw", "MFkx"),
    ] {
        assert_eq!(error(broken), KeyError::Pem, "{broken}");
    }
    for broken in ["{", " {}x", "\u{feff}{\"kty\"", "{\"kty\":\"oct\",}"] {
        assert_eq!(error(broken), KeyError::Json, "{broken}");
    }
    let mut bytes = b"{\"kty\":\"oct\",\"k\":\"YQ\",\"x\":\"".to_vec();
    bytes.extend(b"\xff\"}");
    assert_eq!(error(bytes), KeyError::Json);
    assert_eq!(error("{}"), KeyError::Jwk { member: "kty" });
    assert_eq!(error(r#"{"keys":[]}"#), KeyError::Empty);
    assert_eq!(error(r#"{"keys":{}}"#), KeyError::Jwk { member: "keys" });
}

#[test]
fn keys_that_no_proxy_signs_with_are_refused_by_name() {
    assert_eq!(error(""), KeyError::Empty);
    assert_eq!(Key::secret("").unwrap_err(), KeyError::Empty);
    assert_eq!(error(r#"{"kty":"oct","k":""}"#), KeyError::Empty);
    assert_eq!(error(pem!("certificate")), KeyError::Certificate);
    assert_eq!(error(pem!("ec-encrypted")), KeyError::Encrypted);
    assert_eq!(error(pem!("rsa-encrypted")), KeyError::Encrypted);
    for text in [
        pem!("p384-public"),
        pem!("p384-sec1"),
        pem!("p384-pkcs8"),
        pem!("ed448-pkcs8"),
        pem!("ec-compressed"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        r#"{"kty":"new"}"#,
    ] {
        assert!(
            matches!(error(text), KeyError::Unsupported { .. }),
            "{text}"
        );
    }
    let weak = KeyError::WeakRsa {
        bits: 1024,
        limit: 2048,
    };
    assert_eq!(error(pem!("rsa-1024")), weak);
    assert_eq!(error(pem!("rsa-1024-public")), weak);
    assert_eq!(
        error("x".repeat(MAX_KEY_LEN + 1)),
        KeyError::TooLong {
            length: MAX_KEY_LEN + 1,
            limit: MAX_KEY_LEN
        }
    );
}

#[test]
fn numbers_that_are_no_key_are_refused() {
    let other = "CKo5A1ebyFcnmVV8SE5On-8G81JyBjSvcrx4VLetWCg";
    let zero = URL_SAFE_NO_PAD.encode([0; 32]);
    for jwk in [
        with(without(ec_jwk(), &["d"]), "x", other),
        with(ec_jwk(), "d", other),
        with(ec_jwk(), "d", zero),
        with(ed_jwk(), "d", other),
        with(ed_jwk(), "d", "AAAA"),
        with(rsa_jwk(), "d", "Aw"),
        with(rsa_jwk(), "p", "AQ"),
        with(rsa_jwk(), "q", ""),
        with(rsa_jwk(), "q", "Aw"),
        with(without(rsa_jwk(), &RSA_PRIVATE), "e", "AQ"),
        with(without(rsa_jwk(), &RSA_PRIVATE), "e", "Ag"),
        with(without(rsa_jwk(), &RSA_PRIVATE), "e", ""),
        with(without(rsa_jwk(), &RSA_PRIVATE), "e", "_____________w"),
        with(without(rsa_jwk(), &RSA_PRIVATE), "n", "_".repeat(2048)),
    ] {
        assert_eq!(error(jwk.to_string()), KeyError::Invalid, "{jwk}");
    }
    let short = with(ec_jwk(), "x", "AAAA").to_string();
    assert_eq!(error(short), KeyError::Jwk { member: "x" });
    let padded = with(ec_jwk(), "y", format!("{other}=")).to_string();
    assert_eq!(error(padded), KeyError::Jwk { member: "y" });
    let missing = without(rsa_jwk(), &["qi"]).to_string();
    assert_eq!(error(missing), KeyError::Jwk { member: "qi" });
}

#[test]
fn a_jwk_that_is_for_something_else_is_refused() {
    let public = without(ec_jwk(), &["d"]);
    for (member, value) in [
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("alg", json!(null)),
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
    ] {
        let jwk = with(public.clone(), member, value).to_string();
        assert_eq!(error(&jwk), KeyError::Contradiction { member }, "{jwk}");
    }
    for (member, value) in [
        ("alg", json!("ES256")),
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
    ] {
        Key::parse(with(public.clone(), member, value).to_string()).unwrap();
    }
    Key::parse(with(ec_jwk(), "key_ops", json!(["sign"])).to_string()).unwrap();
    let secret = json!({"kty": "oct", "k": "YQ", "alg": "HS512"}).to_string();
    assert_eq!(error(secret), KeyError::Contradiction { member: "alg" });
}

#[test]
fn a_set_gives_every_key_that_is_for_signatures() {
    let set = json!({"keys": [
        with(without(ec_jwk(), &["d"]), "kid", "first"),
        {"kty": "new"},
        with(without(rsa_jwk(), &RSA_PRIVATE), "use", "enc"),
        ed_jwk(),
    ]})
    .to_string();
    let keys = Key::parse_all(&set).unwrap();
    let algorithms: Vec<_> = keys.iter().map(Key::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!(keys[0].kid(), Some("first"));
    assert_eq!(error(&set), KeyError::TooMany { count: 2, limit: 1 });

    let blocks = [pem!("ec-public"), pem!("rsa-public")].concat();
    assert_eq!(Key::parse_all(&blocks).unwrap().len(), 2);

    let broken = json!({"keys": [ec_jwk(), {"kty": "EC"}]}).to_string();
    assert_eq!(error(broken), KeyError::Jwk { member: "crv" });
    let many = json!({"keys": vec![json!({"kty": "new"}); 33]}).to_string();
    assert_eq!(
        error(many),
        KeyError::TooMany {
            count: 33,
            limit: 32
        }
    );
}

/// A value in DER; content of up to 64 KiB.
fn der_value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let mut der = vec![tag];
    match length {
        0..=0x7f => der.extend(&bytes[7..]),
        0x80..=0xff => der.extend([0x81, bytes[7]]),
        _ => der.extend([0x82, bytes[6], bytes[7]]),
    }
    der.extend(content);
    der
}

/// The tag, the length as it is written, and the content of a value.
fn parts_of(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let header = match der[1] {
        0x82 => 4,
        0x81 => 3,
        _ => 2,
    };
    (der[0], &der[1..header], &der[header..])
}

#[test]
fn der_is_read_strictly() {
    const NULL: &[u8] = b"\x05\x00";
    for (pem, label) in [
        (pem!("ec-sec1"), "EC PRIVATE KEY"),
        (pem!("ec-pkcs8"), "PRIVATE KEY"),
        (pem!("ec-public"), "PUBLIC KEY"),
        (pem!("rsa-pkcs1"), "RSA PRIVATE KEY"),
        (pem!("rsa-pkcs8"), "PRIVATE KEY"),
        (pem!("rsa-public-pkcs1"), "RSA PUBLIC KEY"),
        (pem!("rsa-public"), "PUBLIC KEY"),
        (pem!("ed-pkcs8"), "PRIVATE KEY"),
        (pem!("ed-public"), "PUBLIC KEY"),
    ] {
        let der = der_of(pem);
        let (tag, length, content) = parts_of(&der);
        assert_eq!(der_value(tag, content), der);
        let longer = match length {
            [0x82, high, low] => vec![tag, 0x83, 0, *high, *low],
            [0x81, low] => vec![tag, 0x82, 0, *low],
            [low] => vec![tag, 0x81, *low],
            _ => unreachable!(),
        };
        for (what, damaged) in [
            ("bytes after it", [&der, NULL].concat()),
            (
                "a value too many",
                der_value(tag, &[content, NULL].concat()),
            ),
            ("a byte too few", der[..der.len() - 1].to_vec()),
            ("another tag", der_value(0x31, content)),
            ("a length in more bytes", [&longer, content].concat()),
            ("no length", [&[tag, 0x80], content, &[0, 0]].concat()),
        ] {
            let text = STANDARD.encode(&damaged);
            let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            assert_eq!(error(pem), KeyError::Pem, "{label}: {what}");
            // Without the name of PEM beside it, a SEQUENCE is what tells a key from a secret.
            let is_secret = Key::parse(format!("base64:{text}")).is_ok();
            assert!(!is_secret || what == "another tag", "{label}: {what}");
        }
    }
}

#[test]
fn what_is_inside_pkcs8_is_read_strictly_too() {
    const VERSION: &[u8] = b"\x02\x01\x00";
    const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
    let pem = |content: &[&[u8]]| {
        let text = STANDARD.encode(der_value(0x30, &content.concat()));
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    };
    let seed = der_value(4, &[7; 32]);
    let private = der_value(4, &seed);
    assert!(Key::parse(pem(&[VERSION, ED25519, &private])).is_ok());

    let trailing = der_value(4, &[&seed[..], &[0]].concat());
    assert_eq!(error(pem(&[VERSION, ED25519, &trailing])), KeyError::Pem);
    assert_eq!(
        error(pem(&[b"\x02\x01\x02", ED25519, &private])),
        KeyError::Pem
    );

    // RFC 5958: the public half beside the private one, and version 1 where it is.
    let (v2, der) = (b"\x02\x01\x01", der_of(pem!("ed-pkcs8")));
    let (private, public) = (der.last_chunk::<34>().unwrap(), der_of(pem!("ed-public")));
    let private = der_value(4, private);
    let public = der_value(0x81, public.last_chunk::<33>().unwrap());
    let other = der_value(0x81, &[0; 33]);
    assert!(Key::parse(pem(&[v2, ED25519, &private, &public])).is_ok());
    assert_eq!(
        error(pem(&[v2, ED25519, &private, &other])),
        KeyError::Invalid
    );
    assert_eq!(
        error(pem(&[VERSION, ED25519, &private, &public])),
        KeyError::Pem
    );
}

#[test]
fn an_rsa_key_of_more_than_two_primes_is_refused() {
    let der = der_of(pem!("rsa-pkcs1"));
    let (tag, _, content) = parts_of(&der);
    let one = b"\x02\x01\x03";
    let further = der_value(0x30, &der_value(0x30, &one.repeat(3)));
    let multi = der_value(tag, &[b"\x02\x01\x01", &content[3..], &further].concat());
    let text = STANDARD.encode(multi);
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{text}\n-----END RSA PRIVATE KEY-----");
    assert_eq!(error(pem), KeyError::Pem);
    let jwk = with(rsa_jwk(), "oth", json!([]));
    assert!(matches!(
        error(jwk.to_string()),
        KeyError::Unsupported { .. }
    ));
}

#[test]
fn a_member_of_a_jwk_is_a_string() {
    for (member, named) in [
        ("kty", json!({"EC": null})),
        ("crv", json!({"P-256": null})),
    ] {
        let jwk = with(ec_jwk(), member, named);
        assert_eq!(error(jwk.to_string()), KeyError::Jwk { member });
    }
    for (jwk, members) in [
        (ec_jwk(), &["kty", "crv", "x", "y", "d", "kid"][..]),
        (ed_jwk(), &["kty", "crv", "x", "d"]),
        (
            rsa_jwk(),
            &["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"],
        ),
        (json!({"kty": "oct", "k": "YQ"}), &["kty", "k"]),
    ] {
        for member in members {
            let broken = with(jwk.clone(), member, 1).to_string();
            assert_eq!(error(broken), KeyError::Jwk { member }, "{jwk}");
        }
    }
}

#[test]
fn a_pem_may_have_its_line_ends_written_out() {
    let line = pem!("ec-public").replace('\n', "\\n");
    assert_eq!(Key::parse(line).unwrap().algorithm(), Algorithm::Es256);
    let windows = pem!("rsa-pkcs1").replace('\n', "\r\n");
    assert_eq!(Key::parse(windows).unwrap().algorithm(), Algorithm::Rs256);
}

#[test]
fn the_key_of_fastly_loads_and_is_known_wherever_it_comes_from() {
    assert!(Key::fastly().is_fastly());
    assert!(!Key::fastly().can_sign());
    assert!(Key::parse(FASTLY_JWK).unwrap().is_fastly());
    assert!(!Key::parse(pem!("ec-public")).unwrap().is_fastly());
}

#[test]
fn a_key_never_prints_its_bytes() {
    let jwk = with(ec_jwk(), "kid", "the-name").to_string();
    let printed = format!("{:?}", Key::parse(&jwk).unwrap());
    assert_eq!(
        printed,
        "Key { algorithm: Es256, can_sign: true, kid: Some(\"the-name\"), bytes: [redacted] }"
    );
    let printed = format!("{:?}", Key::secret("changeme").unwrap());
    assert!(
        printed.contains("[redacted]") && !printed.contains("changeme"),
        "{printed}"
    );
    for text in [
        "{\"kty\":\"changeme",
        "-----BEGIN changeme",
        "base64:changeme%",
    ] {
        let error = error(text);
        let mut printed = error.to_string();
        write!(printed, "{error:?}").unwrap();
        assert!(!printed.contains("changeme"), "{printed}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _ = Key::parse_all(&bytes);
        let _ = Key::parse_all([b"base64:".as_slice(), &bytes].concat());
        let _ = Key::parse_all([b"{".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_damaged_key_is_no_shared_secret(
        which in 0usize..7, position: prop::sample::Index, byte: u8
    ) {
        let pems = [
            pem!("ec-pkcs8"), pem!("ec-sec1"), pem!("ec-public"), pem!("rsa-pkcs1"),
            pem!("rsa-public"), pem!("ed-pkcs8"), pem!("ed-public"),
        ];
        let mut der = der_of(pems[which]);
        let position = position.index(der.len());
        der[position] = byte;
        let label = pems[which].lines().next().unwrap();
        let end = label.replace("BEGIN", "END");
        let text = format!("{label}\n{}\n{end}\n", STANDARD.encode(der));
        if let Ok(key) = Key::parse(text) {
            prop_assert_ne!(key.algorithm(), Algorithm::Hs256);
        }
    }
}

#[test]
fn what_resembles_a_public_key_never_becomes_a_secret() {
    let pem = pem!("ec-public");
    let der = der_of(pem);
    let base64 = STANDARD.encode(&der);
    let prefixed = |bytes: &[u8]| format!("base64:{}", STANDARD.encode(bytes));
    let mut hex = String::new();
    for byte in &der {
        write!(hex, "{byte:02x}").unwrap();
    }
    let encoded = |text: &str| {
        let text = text.replace('-', "%2D").replace(' ', "%20");
        text.replace('\n', "%0A")
            .replace('{', "%7B")
            .replace('"', "%22")
    };
    for text in [
        format!("'{FASTLY_JWK}'"),
        format!("[{FASTLY_JWK}]"),
        serde_json::to_string(FASTLY_JWK).unwrap(),
        encoded(FASTLY_JWK),
        encoded(pem),
        base64[..base64.len() - 4].to_owned(),
        prefixed(&der[..der.len() - 1]),
        prefixed(&[&der[..], b"\n"].concat()),
        prefixed(base64.as_bytes()),
        prefixed(prefixed(&der).as_bytes()),
        prefixed(&der[der.len() - 65..]),
        hex,
        pem.to_lowercase(),
        pem.replace("-----", "----"),
        pem.split_once("-----\n").unwrap().1.to_owned(),
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 me@host".to_owned(),
        "file:/etc/pushpin/key.pem".to_owned(),
        "https://example.com/.well-known/jwks.json".to_owned(),
        format!("BASE64:{base64}"),
        format!(" base64:{base64}"),
        "  \n".to_owned(),
    ] {
        let read = Key::parse_all(&text);
        assert!(read.is_err(), "{text}: {read:?}");
    }
    // What is meant as a secret can be anything.
    assert!(Key::secret("file:/etc/pushpin/key.pem").is_ok());
}

#[test]
fn a_secret_in_hex_is_a_secret_though_it_is_base64_too() {
    for first in 0..=255_u8 {
        for second in [0, 0x30, 0x7b, 0x81, 0x82, 0xe5, 0xff] {
            let mut hex = format!("{first:02x}{second:02x}");
            for byte in 0..22_u8 {
                write!(hex, "{:02x}", byte.wrapping_mul(37) ^ first).unwrap();
            }
            let key = Key::parse(&hex);
            assert!(
                key.is_ok_and(|key| key.algorithm() == Algorithm::Hs256),
                "{hex}"
            );
        }
    }
}
