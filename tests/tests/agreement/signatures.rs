//! Grip-Sig: tokens that one signs and another verifies.

use gripware_core::sig::{Key, Signer, Verifier};
use gripware_interop::Peer;
use serde_json::{Value, json};

use super::{now, peers, seconds_from_now};

/// A key in the two forms that signing and verifying take, and the algorithm it decides.
struct Pair {
    private: String,
    public: String,
    algorithm: &'static str,
}

fn pairs(python: &mut Peer) -> [Pair; 3] {
    let mut pair = |kind: &str, algorithm| {
        let pair = python
            .ask("key_pair", &json!({"kind": kind}))
            .expect("a pair");
        Pair {
            private: pair["private"].as_str().expect("text").to_owned(),
            public: pair["public"].as_str().expect("text").to_owned(),
            algorithm,
        }
    };
    let secret = Pair {
        private: "changeme".to_owned(),
        public: "changeme".to_owned(),
        algorithm: "HS256",
    };
    [secret, pair("EC", "ES256"), pair("RSA", "RS256")]
}

#[test]
fn our_signatures_are_accepted_there() {
    for pair in pairs(&mut Peer::python()) {
        let key = Key::parse(&pair.private).expect("a key");
        let signer = Signer::new(key)
            .expect("a private key")
            .with_issuer("pushpin");
        let token = signer.sign(now()).expect("a token");
        for mut peer in peers() {
            let mut accepted = |key: &str, iss: Option<&str>| {
                let question = json!({"token": token, "key": key, "iss": iss});
                peer.ask("validate_sig", &question).expect("an answer")
            };
            assert_eq!(accepted(&pair.public, None), true, "{}", pair.algorithm);
            assert_eq!(accepted(&pair.public, Some("pushpin")), true);
            assert_eq!(accepted(&pair.public, Some("other")), false);
            if pair.algorithm == "HS256" {
                assert_eq!(accepted("other", None), false);
            }
        }
    }
}

#[test]
fn their_signatures_are_accepted_here() {
    let mut python = Peer::python();
    let mut node = Peer::node();
    for pair in pairs(&mut python) {
        let key = Key::parse(&pair.public).expect("a key");
        let verifier = Verifier::builder()
            .with_key_of(key, "pushpin")
            .build()
            .expect("a verifier");
        let claims = json!({"iss": "pushpin", "exp": seconds_from_now(600)});
        let theirs = [
            python.mint(&claims, &pair.private, pair.algorithm),
            node.mint(&claims, &pair.private, pair.algorithm),
        ];
        for token in theirs {
            let claims = verifier
                .verify(token.as_bytes(), now())
                .expect(pair.algorithm);
            assert_eq!(claims.issuer(), Some("pushpin"));
        }
        let claims = json!({"iss": "other", "exp": seconds_from_now(600)});
        let token = python.mint(&claims, &pair.private, pair.algorithm);
        assert!(verifier.verify(token.as_bytes(), now()).is_err());
    }
}

/// Tokens signed with the right secret: what each of the three says, and why they differ.
struct Case {
    name: &'static str,
    header: Value,
    claims: Value,
    ours: bool,
    python: bool,
    node: bool,
}

fn cases() -> Vec<Case> {
    let hs256 = || json!({"alg": "HS256", "typ": "JWT"});
    let later = || seconds_from_now(600);
    let case = |name, header, claims, [ours, python, node]: [bool; 3]| Case {
        name,
        header,
        claims,
        ours,
        python,
        node,
    };
    vec![
        case(
            "as it should be",
            hs256(),
            json!({"iss": "p", "exp": later()}),
            [true; 3],
        ),
        case(
            "without an issuer",
            hs256(),
            json!({"exp": later()}),
            [true; 3],
        ),
        case(
            "expired",
            hs256(),
            json!({"exp": seconds_from_now(-10)}),
            [false; 3],
        ),
        case(
            "no algorithm",
            json!({"typ": "JWT"}),
            json!({"exp": later()}),
            [false; 3],
        ),
        case(
            "algorithm none",
            json!({"alg": "none"}),
            json!({"exp": later()}),
            [false; 3],
        ),
        case(
            "another algorithm",
            json!({"alg": "ES256"}),
            json!({"exp": later()}),
            [false; 3],
        ),
        // gripcontrol compares the text with a number, and raises an exception.
        case(
            "an expiry of text",
            hs256(),
            json!({"exp": later().to_string()}),
            [false; 3],
        ),
        case(
            "not yet",
            hs256(),
            json!({"exp": later(), "nbf": later()}),
            [false; 3],
        ),
        case(
            "an extension that must be understood",
            json!({"alg": "HS256", "crit": ["x"], "x": 1}),
            json!({"exp": later()}),
            [false; 3],
        ),
        // A token has to have an expiry (GRIP 1.3); @fanoutio/grip does not ask for one.
        case(
            "no expiry",
            hs256(),
            json!({"iss": "p"}),
            [false, false, true],
        ),
        // Seconds are whole in every token that proxies sign. PyJWT cuts off the rest.
        case(
            "an expiry with a fraction",
            hs256(),
            json!({"exp": 4_000_000_000.5}),
            [false, true, true],
        ),
    ]
}

#[test]
fn tokens_are_judged_alike_or_for_a_reason() {
    let [mut python, mut node] = peers();
    let verifier = Verifier::builder()
        .with_key(Key::parse("changeme").expect("a key"))
        .build()
        .expect("a verifier");
    for case in cases() {
        let question = json!({"header": case.header, "claims": case.claims, "key": "changeme"});
        let token = python.ask("mint_by_hand", &question).expect("a token");
        let question = json!({"token": token, "key": "changeme"});
        let token = token.as_str().expect("text");
        let ours = verifier.verify(token.as_bytes(), now()).is_ok();
        let ask = |peer: &mut Peer| peer.ask("validate_sig", &question) == Ok(json!(true));
        let said = [ours, ask(&mut python), ask(&mut node)];
        assert_eq!(said, [case.ours, case.python, case.node], "{}", case.name);
    }
}
