//! What GRIP URLs mean, and which are refused.

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::sig::{Algorithm, KeyError};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../tests/keys/", $name, ".pem"))
    };
}

fn parse(url: &str) -> GripUrl {
    GripUrl::parse(url).unwrap()
}

fn error(url: &str) -> GripUrlError {
    GripUrl::parse(url).unwrap_err()
}

/// Escapes everything that is not a letter or digit.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    text.bytes().map(escape).collect()
}

#[test]
fn a_path_ends_in_publish_once_whatever_it_ended_in() {
    for (url, control, publish) in [
        (
            "http://localhost:5561/",
            "http://localhost:5561/",
            "http://localhost:5561/publish/",
        ),
        (
            "http://localhost:5561",
            "http://localhost:5561/",
            "http://localhost:5561/publish/",
        ),
        ("HTTPS://host", "https://host/", "https://host/publish/"),
        ("http://host/a/", "http://host/a", "http://host/a/publish/"),
        (
            "http://host/a//",
            "http://host/a/",
            "http://host/a//publish/",
        ),
        (
            "http://host?iss=a&key=b",
            "http://host/",
            "http://host/publish/",
        ),
        (
            "http://[::1]:5561/",
            "http://[::1]:5561/",
            "http://[::1]:5561/publish/",
        ),
        (
            "http://[fe80::1]",
            "http://[fe80::1]/",
            "http://[fe80::1]/publish/",
        ),
        (
            "http://host/a%2Fb%20c",
            "http://host/a%2Fb%20c",
            "http://host/a%2Fb%20c/publish/",
        ),
        (
            "http://host/a/?x=%20+1&key=t&y&x=2",
            "http://host/a?x=%20+1&y&x=2",
            "http://host/a/publish/?x=%20+1&y&x=2",
        ),
        (
            "http://host/?x=a?b=c",
            "http://host/?x=a?b=c",
            "http://host/publish/?x=a?b=c",
        ),
        (
            "http://user:pass@host/",
            "http://host/",
            "http://host/publish/",
        ),
    ] {
        let url = parse(url);
        assert_eq!(url.control_uri().to_string(), control);
        assert_eq!(url.publish_uri().to_string(), publish);
    }
}

#[test]
fn pushpin_verifies_with_its_shared_secret() {
    let url = parse("http://localhost:5561/?verify-key=changeme&verify-iss=pushpin");
    assert_eq!(url.verify_keys()[0].algorithm(), Algorithm::Hs256);
    assert_eq!(url.verify_iss(), Some("pushpin"));
    assert!(matches!(url.credentials(), Credentials::None));

    let plain = parse("http://localhost:5561/");
    assert!(plain.verify_keys().is_empty());
    assert_eq!(plain.verify_iss(), None);
}

#[test]
fn fastly_verifies_with_its_own_key_and_the_issuer_of_the_service() {
    for url in [
        parse("https://api.fastly.com/service/SvcId123?key=TOKEN"),
        parse("https://API.fastly.com/service/SvcId123/?key=TOKEN"),
        GripUrl::fastly("SvcId123", "TOKEN").unwrap(),
    ] {
        assert_eq!(url.publish_uri().path(), "/service/SvcId123/publish/");
        assert!(matches!(url.credentials(), Credentials::FastlyKey(token) if token == "TOKEN"));
        assert!(url.verify_keys()[0].is_fastly());
        assert_eq!(url.verify_iss(), Some("fastly:SvcId123"));
    }
    let older = parse("https://fanout.fastly.com/SvcId123?key=TOKEN");
    assert_eq!(
        older.publish_uri().to_string(),
        "https://fanout.fastly.com/SvcId123/publish/"
    );
    assert!(matches!(older.credentials(), Credentials::Bearer(token) if token == "TOKEN"));
    assert!(older.verify_keys()[0].is_fastly());
    assert_eq!(older.verify_iss(), Some("fastly:SvcId123"));

    let own = parse("https://api.fastly.com/service/a?verify-iss=fastly:b&verify-key=changeme");
    assert_eq!(own.verify_iss(), Some("fastly:b"));
    assert_eq!(own.verify_keys()[0].algorithm(), Algorithm::Hs256);

    for url in [
        "https://api.fastly.com/",
        "https://api.fastly.com/service/",
        "https://api.fastly.com/service/a/b",
        "https://api.fastly.com/service/a%62",
        "https://fanout.fastly.com",
    ] {
        assert_eq!(error(url), GripUrlError::FastlyService, "{url}");
    }
    assert_eq!(
        GripUrl::fastly("a/b", "t").unwrap_err(),
        GripUrlError::FastlyService
    );
    assert_eq!(
        GripUrl::fastly("a", "t\n").unwrap_err(),
        GripUrlError::Token
    );
}

#[test]
fn the_key_of_fastly_needs_an_issuer_wherever_it_is_named() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"CKo5A1ebyFcnmVV8SE5On-8G81JyBjSvcrx4VLetWCg",
        "y":"7gwJqaU6N8TP88--twjkwoB36f-pT3QsmI46nPhjO7M"}"#;
    let url = format!("http://edge.example/?verify-key={}", escaped(jwk));
    assert_eq!(error(&url), GripUrlError::IssuerRequired);
    assert!(parse(&format!("{url}&verify-iss=fastly:a")).verify_keys()[0].is_fastly());
}

#[test]
fn the_fanout_cloud_signs_and_verifies_with_one_secret() {
    let url = parse("https://api.fanout.io/realm/R1?iss=R1&key=base64:c2VjcmV0");
    let Credentials::Jwt { iss, key } = url.credentials() else {
        panic!("{url:?}");
    };
    assert_eq!((iss.as_str(), key.algorithm()), ("R1", Algorithm::Hs256));
    assert_eq!(url.verify_keys().len(), 1);
    assert_eq!(url.verify_iss(), None);

    let url = parse("https://api.fanout.io/realm/R1?iss=R1&key=a&verify-key=b&verify-key2=c");
    assert_eq!(url.verify_keys().len(), 1);
    assert_eq!(url.control_uri().query(), Some("verify-key2=c"));
}

#[test]
fn a_private_key_signs_with_the_algorithm_of_its_kind() {
    for (pem, algorithm) in [
        (pem!("ec-pkcs8"), Algorithm::Es256),
        (pem!("ec-sec1"), Algorithm::Es256),
        (pem!("rsa-pkcs1"), Algorithm::Rs256),
        (pem!("ed-pkcs8"), Algorithm::EdDsa),
    ] {
        let url = parse(&format!("https://host/?iss=me&key={}", escaped(pem)));
        assert!(
            matches!(url.credentials(), Credentials::Jwt { key, .. } if key.algorithm() == algorithm)
        );
        assert!(url.verify_keys().is_empty());
    }
    let public = format!("https://host/?iss=me&key={}", escaped(pem!("ec-public")));
    assert_eq!(error(&public), GripUrlError::CannotSign);
}

#[test]
fn a_plus_in_base64_needs_no_escape() {
    // The bytes of this key have `+` and `/` in base64.
    let secret = b"\xfb\xef\xbe\xff";
    let encoded = STANDARD.encode(secret);
    assert_eq!(encoded, "++++/w==");
    let url = parse(&format!("http://host/?iss=a&key=base64:{encoded}"));
    let Credentials::Jwt { key, .. } = url.credentials() else {
        panic!("{url:?}");
    };
    let signature = key.sign(b"message").unwrap();
    assert!(Key::secret(secret).unwrap().verify(b"message", &signature));

    // Elsewhere it is a space.
    let url = parse("http://host/?iss=a+b&key=c%2Bd");
    assert!(matches!(url.credentials(), Credentials::Jwt { iss, .. } if iss == "a b"));
}

#[test]
fn a_name_and_password_are_sent_as_basic_credentials() {
    for (url, expected) in [
        ("https://user:pass@push.example/", ("user", "pass")),
        ("https://user@push.example/", ("user", "")),
        (
            "https://u%40x:p%3Aq+%C3%A9:r@push.example/",
            ("u@x", "p:q+é:r"),
        ),
        ("https://a@b:c@push.example/", ("a@b", "c")),
    ] {
        let url = parse(url);
        let Credentials::Basic { user, password } = url.credentials() else {
            panic!("{url:?}");
        };
        assert_eq!((user.as_str(), password.as_str()), expected);
        assert_eq!(url.control_uri().authority().unwrap(), "push.example");
    }
    for url in [
        "http://@h/",
        "http://:p@h/",
        "http://a%3Ab@h/",
        "http://%ff@h/",
        "http://%0a@h/",
    ] {
        assert_eq!(error(url), GripUrlError::Userinfo, "{url}");
    }
    assert_eq!(error("http://u:p@h/?key=t"), GripUrlError::TwoCredentials);
}

#[test]
fn a_token_is_sent_as_bearer() {
    for url in ["http://host/?key=TOKEN", "http://host/?key=base64:VE9LRU4"] {
        assert!(matches!(parse(url).credentials(), Credentials::Bearer(token) if token == "TOKEN"));
    }
    // Shorter than the prefix that others cut off without looking.
    assert!(matches!(
        parse("http://host/?key=t").credentials(),
        Credentials::Bearer(_)
    ));
    for token in ["a+b", "%0d%0a", "%C3%A9", "base64:"] {
        let error = error(&format!("http://h/?key={token}"));
        assert_eq!(error, GripUrlError::Token, "{token}");
    }
}

#[test]
fn what_is_wrong_with_a_key_that_is_no_token_is_said() {
    let refused = |token: &str| error(&format!("http://h/?key={token}"));
    // 32 bytes of a secret, which needs an `iss` beside it.
    let secret = format!("base64:{}", STANDARD.encode([255; 32]));
    for bytes in ["%ff", &secret] {
        assert_eq!(refused(bytes), GripUrlError::TokenBytes, "{bytes}");
    }
    for key in ["%7B%22kty%22:1%7D", &escaped(pem!("ec-pkcs8"))] {
        assert_eq!(refused(key), GripUrlError::TokenIsKey, "{key}");
    }
    let parameter = "key";
    let source = KeyError::Base64;
    assert_eq!(
        refused("base64:%25"),
        GripUrlError::Key { parameter, source }
    );
}

#[test]
fn what_is_wrong_is_said_without_the_value() {
    for (url, expected) in [
        ("", GripUrlError::Scheme),
        ("localhost:5561", GripUrlError::Scheme),
        ("tcp://localhost:5560", GripUrlError::Scheme),
        ("http:/host", GripUrlError::Scheme),
        ("http://", GripUrlError::Host),
        ("http:///path", GripUrlError::Host),
        ("http://?key=a", GripUrlError::Host),
        ("http://:80/", GripUrlError::Host),
        ("http://host:/", GripUrlError::Host),
        ("http://host:0/", GripUrlError::Host),
        ("http://host:65536/", GripUrlError::Host),
        ("http://host:+1/", GripUrlError::Host),
        ("http://[::1/", GripUrlError::Host),
        ("http://[localhost]/", GripUrlError::Host),
        ("http://::1/", GripUrlError::Host),
        ("http://h%6fst/", GripUrlError::Host),
        ("http://h\\ost/", GripUrlError::Host),
        ("http://bücher.example/", GripUrlError::Host),
        ("http://host/é", GripUrlError::Path),
        ("http://host/ ", GripUrlError::Path),
        ("http://host/?x=\n", GripUrlError::Path),
        ("http://host/#fragment", GripUrlError::Fragment),
        ("http://host/?key=a#b", GripUrlError::Fragment),
        ("http://host/?iss=a", GripUrlError::MissingKey),
        (
            "http://host/?key=a&key=a",
            GripUrlError::Duplicate { parameter: "key" },
        ),
        (
            "http://host/?verify-key=a&verify%2Dkey=b",
            GripUrlError::Duplicate {
                parameter: "verify-key",
            },
        ),
        ("http://host/?key", GripUrlError::Empty { parameter: "key" }),
        (
            "http://host/?verify-iss=",
            GripUrlError::Empty {
                parameter: "verify-iss",
            },
        ),
        (
            "http://host/?key=%",
            GripUrlError::Encoding { parameter: "key" },
        ),
        (
            "http://host/?key=%+1",
            GripUrlError::Encoding { parameter: "key" },
        ),
        (
            "http://host/?verify-iss=%ff",
            GripUrlError::Encoding {
                parameter: "verify-iss",
            },
        ),
        (
            "http://host/?iss=%e9&key=k",
            GripUrlError::Encoding { parameter: "iss" },
        ),
        (
            "http://host/?verify-key=-----BEGIN+PUBLIC+KEY-----",
            GripUrlError::Key {
                parameter: "verify-key",
                source: KeyError::Pem,
            },
        ),
        (
            "http://host/?iss=a&key=base64:%25",
            GripUrlError::Key {
                parameter: "key",
                source: KeyError::Base64,
            },
        ),
    ] {
        assert_eq!(error(url), expected, "{url}");
    }
    let long = format!("http://host/{}", "x".repeat(MAX_URL_LEN));
    assert!(matches!(error(&long), GripUrlError::TooLong { .. }));
}

#[test]
fn the_longest_url_still_has_a_url_to_publish_to() {
    let start = "http://h/";
    let url = parse(&format!("{start}{}", "x".repeat(MAX_URL_LEN - start.len())));
    assert_eq!(
        url.publish_uri().path().len(),
        MAX_URL_LEN - start.len() + 1 + 9
    );
}

#[test]
fn several_urls_stand_with_white_space_between_them() {
    let urls = GripUrl::parse_many(" http://a/\n\thttp://b/?key=k  ").unwrap();
    assert_eq!(urls.len(), 2);
    assert_eq!(GripUrl::parse_many(" \n").unwrap().len(), 0);
    assert_eq!(
        GripUrl::parse_many("http://a/ b").unwrap_err(),
        GripUrlError::Scheme
    );
    assert_eq!(
        GripUrl::parse_many(&"http://a/ ".repeat(33)).unwrap_err(),
        GripUrlError::TooMany {
            count: 33,
            limit: 32
        }
    );
}

#[test]
fn one_is_made_without_parameters_too() {
    let url = GripUrl::new("http://localhost:5561/?x=1")
        .unwrap()
        .with_credentials(Credentials::Bearer("token".to_owned()))
        .unwrap()
        .with_verify_key(Key::fastly())
        .with_verify_iss("fastly:a");
    assert_eq!(*url.publish_uri(), "http://localhost:5561/publish/?x=1");
    assert_eq!(url.verify_iss(), Some("fastly:a"));

    let error = |url| GripUrl::new(url).unwrap_err();
    assert_eq!(
        error("http://host/?x=1&verify-iss=a"),
        GripUrlError::Unexpected {
            parameter: "verify-iss"
        }
    );
    assert_eq!(error("http://u:p@host/"), GripUrlError::Userinfo);
}

#[test]
fn nothing_secret_is_printed() {
    for url in [
        "http://SECRET:SECRET@host/path?SECRET=SECRET",
        "http://host/path?key=SECRET&x=SECRET",
        "http://host/path?iss=a&key=SECRET&x=SECRET",
        "http://host/path?verify-key=SECRET&x=SECRET",
    ] {
        let url = parse(url);
        assert_eq!(url.to_string(), "http://host/path?[redacted]");
        let printed = format!("{url:?} {url:#?}");
        assert!(
            printed.contains("[redacted]") && !printed.contains("SECRET"),
            "{printed}"
        );
    }
    let fastly = format!("{:?}", GripUrl::fastly("a", "SECRET").unwrap());
    assert!(!fastly.contains("SECRET"), "{fastly}");
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text: String, query in "[a-z%&=:+0-9-]{0,64}") {
        let _ = GripUrl::parse_many(&text);
        for url in [format!("http://{text}"), format!("http://h/{text}"), format!("http://h?{query}")] {
            if let Ok(url) = GripUrl::parse(&url) {
                prop_assert!(url.publish_uri().path().ends_with("/publish/"));
            }
        }
    }

    #[test]
    fn any_secret_is_read_back_from_its_base64(secret in prop::collection::vec(any::<u8>(), 1..40)) {
        let url = format!("http://h/?iss=a&key=base64:{}", STANDARD.encode(&secret));
        // What happens to look like a key is not one.
        if let Ok(url) = GripUrl::parse(&url) {
            let key = &url.verify_keys()[0];
            let signature = Key::secret(&secret).unwrap().sign(b"m").unwrap();
            prop_assert!(key.verify(b"m", &signature));
        }
    }
}
