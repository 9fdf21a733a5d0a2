//! `GRIP_URL`: the same control endpoint, credentials and keys are read from it.

use gripware_core::{
    Credentials, GripUrl,
    sig::{Signer, Verifier},
};
use gripware_interop::Peer;
use serde_json::{Value, json};

use super::{now, peers, seconds_from_now};

/// URLs that all read alike, but for what a reason is given for.
const URLS: &[&str] = &[
    "http://localhost:5561/",
    "http://localhost:5561",
    "https://proxy.example/base/",
    "https://proxy.example/base?x=1&y=a%20b",
    "http://[::1]:5561/",
    "http://localhost:5561/?verify-key=changeme&verify-iss=pushpin",
    "http://localhost:5561/?iss=realm&key=changeme",
    "http://localhost:5561/?iss=realm&key=base64:Y2hhbmdlbWU%3D",
    "http://localhost:5561/?iss=realm&key=base64:Y2hhbmdlbWU=",
    "http://localhost:5561/?verify-key=base64:%2B%2F8%3D&verify-iss=a:b",
    "http://localhost:5561/?verify-key=base64:+/8=",
    "https://proxy.example/?key=token-123",
    "https://proxy.example/?key=token-123&verify-key=other&verify-iss=fastly:x",
];

/// URLs that some of the peers read as something else.
struct Divergence {
    url: &'static str,
    peers: &'static [&'static str],
    reason: &'static str,
}

const DIVERGENCES: &[Divergence] = &[
    Divergence {
        url: "https://anna:secret@proxy.example/",
        peers: &["gripcontrol"],
        reason: "the name and password stay in the URL, and are not sent",
    },
    Divergence {
        url: "https://api.fastly.com/service/Svc1?key=token-123",
        peers: &["gripcontrol", "@fanoutio/grip"],
        reason: "Fastly takes a header of its own, and has a key that everybody knows",
    },
];

#[test]
fn a_url_is_read_alike() {
    for mut peer in peers() {
        for url in URLS {
            assert_eq!(difference(&mut peer, url), None, "{url} by {}", peer.name());
        }
        for divergence in DIVERGENCES {
            let differs = difference(&mut peer, divergence.url).is_some();
            let expected = divergence.peers.contains(&peer.name());
            assert_eq!(
                differs, expected,
                "{}: {}",
                divergence.url, divergence.reason
            );
        }
    }
}

/// URLs that are refused here, and taken there in a way that shows up late or never.
const REFUSED: &[(&str, &str)] = &[
    ("ftp://localhost:5561/", "items cannot be sent there"),
    (
        "http://localhost:5561/#key=secret",
        "what is behind `#` is never sent",
    ),
    (
        "http://localhost:5561/?key=one&key=two",
        "one of two keys would be passed over",
    ),
    (
        "http://localhost:5561/?verify-key=",
        "an empty key is no key, and nothing is verified",
    ),
    (
        "http://localhost:5561/?verify-key=-----BEGIN+EC+PUBLIC+KEY-----",
        "a damaged public key would be a shared secret",
    ),
    (
        "http://localhost:5561/?verify-key=base64:bm90*YmFzZTY0",
        "the key would be what is left of it without the damage",
    ),
];

#[test]
fn what_is_refused_here_is_taken_there() {
    let mut python = Peer::python();
    for (url, reason) in REFUSED {
        assert!(GripUrl::parse(url).is_err(), "{url}: {reason}");
        let there = python.ask("parse_grip_uri", &json!({"uri": url}));
        assert!(there.is_ok(), "{url} is refused there too: {there:?}");
    }
}

/// What differs between a URL as it is read here and there.
fn difference(peer: &mut Peer, url: &str) -> Option<String> {
    let ours = GripUrl::parse(url).expect(url);
    let theirs = peer.ask("parse_grip_uri", &json!({"uri": url})).expect(url);

    // A slash at the end of the path, or none, is the same endpoint.
    let uri = |text: &str| {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let query = query.replace("%20", "+");
        format!("{}?{query}", path.trim_end_matches('/'))
    };
    let control = (
        uri(&ours.control_uri().to_string()),
        uri(text(&theirs, "control_uri")),
    );
    if control.0 != control.1 {
        return Some(format!("control URI {control:?}"));
    }
    let issuer = (
        ours.verify_iss().unwrap_or_default(),
        text(&theirs, "verify_iss"),
    );
    if issuer.0 != issuer.1 {
        return Some(format!("issuer {issuer:?}"));
    }
    if !credentials_agree(peer, &ours, &theirs) {
        return Some(format!("credentials {:?} and {theirs}", ours.credentials()));
    }
    if !verify_keys_agree(peer, &ours, &theirs) {
        return Some(format!("verify keys, theirs of {theirs}"));
    }
    None
}

fn credentials_agree(peer: &mut Peer, ours: &GripUrl, theirs: &Value) -> bool {
    match ours.credentials() {
        Credentials::None => theirs.get("key").is_none() && theirs.get("control_iss").is_none(),
        Credentials::Bearer(token) => {
            token == text(theirs, "key") && theirs.get("control_iss").is_none()
        }
        Credentials::Basic { user, password } => {
            user == text(theirs, "user") && password == text(theirs, "pass")
        }
        Credentials::Jwt { iss, key } => {
            // Keys do not print. They are the same where one verifies what the other signs.
            let signer = Signer::new(key.clone()).expect("a key that signs");
            let token = signer.sign(now()).expect("a token");
            let question = json!({"token": token, "key": theirs["key"]});
            iss == text(theirs, "control_iss")
                && peer.ask("validate_sig", &question) == Ok(json!(true))
        }
        _ => false,
    }
}

fn verify_keys_agree(peer: &mut Peer, ours: &GripUrl, theirs: &Value) -> bool {
    // Where there is no key to verify with, the shared secret of a JWT is used here; gripcontrol
    // leaves that to its caller.
    let key = ["verify_key", "key"].map(|name| &theirs[name]);
    let key = match key {
        [verify, _] if !verify.is_null() => verify,
        [_, shared] if theirs.get("control_iss").is_some() => shared,
        _ => return ours.verify_keys().is_empty(),
    };
    let [our_key] = ours.verify_keys() else {
        return false;
    };
    let claims = json!({"exp": seconds_from_now(600)});
    let question = json!({"claims": claims, "key": key, "alg": "HS256"});
    let token = peer.ask("mint", &question).expect("a token");
    let verifier = Verifier::builder().with_key(our_key.clone());
    let verifier = verifier.build().expect("a verifier");
    let token = token.as_str().expect("text");
    verifier.verify(token.as_bytes(), now()).is_ok()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
