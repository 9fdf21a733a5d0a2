//! Who is believed to be a proxy. The requests go straight to the origin, past any proxy.

use gripware_interop::{ISSUER, KEY, Origin, Peer, Request, for_each_origin};
use serde_json::{Value, json};

for_each_origin! {
    a_signed_request_is_a_proxys,
    a_request_without_a_valid_signature_is_a_clients,
    a_client_cannot_be_held,
    a_client_cannot_send_websocket_events,
    without_a_configured_proxy_nobody_is_one,
    without_a_key_presence_is_not_a_signature,
    keys_of_two_proxies_are_both_good,
    es256_and_rs256_are_verified,
    a_key_is_good_for_its_own_algorithm_only,
    what_the_proxy_says_is_believed_when_it_is_signed,
}

const URL: &str = "http://127.0.0.1:9/?verify-key=changeme&verify-iss=pushpin";
const FUTURE: u64 = 4_000_000_000;

async fn trusting(origin: &str) -> Origin {
    Origin::of(origin).env("GRIP_URL", URL).start().await
}

fn good() -> Value {
    json!({"iss": ISSUER, "exp": FUTURE})
}

/// Tokens that prove nothing, by what is wrong with them.
fn bad_tokens() -> Vec<(&'static str, String)> {
    let mut python = Peer::python();
    let mut made = vec![
        ("another key", python.mint(&good(), "other", "HS256")),
        (
            "another issuer",
            python.token(&json!({"iss": "other", "exp": FUTURE})),
        ),
        ("no issuer", python.token(&json!({"exp": FUTURE}))),
        (
            "expired",
            python.token(&json!({"iss": ISSUER, "exp": 1_700_000_000})),
        ),
        ("no expiry", python.token(&json!({"iss": ISSUER}))),
        ("HS512", python.mint(&good(), KEY, "HS512")),
        ("nothing", String::new()),
        ("no token", "changeme".to_owned()),
        ("two dots", "..".to_owned()),
    ];
    for (what, header, claims) in [
        (
            "expiry is text",
            json!({"alg": "HS256"}),
            json!({"iss": ISSUER, "exp": "4000000000"}),
        ),
        ("no algorithm", json!({"typ": "JWT"}), good()),
        ("algorithm none", json!({"alg": "none"}), good()),
        (
            "not yet",
            json!({"alg": "HS256"}),
            json!({"iss": ISSUER, "exp": FUTURE, "nbf": FUTURE - 1}),
        ),
        (
            "unknown extension",
            json!({"alg": "HS256", "crit": ["x"], "x": 1}),
            good(),
        ),
    ] {
        let arguments = json!({"header": header, "claims": claims, "key": KEY});
        let token = python.ask("mint_by_hand", &arguments).expect("a token");
        made.push((what, token.as_str().expect("text").to_owned()));
    }
    let token = python.token(&good());
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    made.push(("no signature", format!("{signed}.")));
    made.push(("a forged signature", format!("{signed}.{}", "A".repeat(43))));
    made.push(("one more character", format!("{token}A")));
    made
}

async fn context(request: Request) -> Value {
    let answer = request.send().await;
    assert_eq!(answer.status(), 200);
    answer.json().await
}

fn websocket(origin: &Origin, path: &str) -> Request {
    origin
        .request("POST", path)
        .header("content-type", "application/websocket-events")
        .header("accept", "application/websocket-events")
        .header("sec-websocket-extensions", "grip")
}

async fn a_signed_request_is_a_proxys(origin: &str) {
    let origin = trusting(origin).await;
    let token = Peer::python().token(&good());
    let signed = origin.request("GET", "/context").header("grip-sig", &token);
    assert_eq!(
        context(signed).await,
        json!({"proxied": true, "signed": true, "features": [], "last": {}})
    );
    let hold = origin
        .request("GET", "/hold/stream?channel=news")
        .header("grip-sig", &token)
        .send()
        .await;
    assert_eq!(hold.status(), 200);
    assert_eq!(hold.header("grip-hold"), "stream");
    assert_eq!(hold.header("grip-channel"), "news");
}

async fn a_request_without_a_valid_signature_is_a_clients(origin: &str) {
    let origin = trusting(origin).await;
    let client = json!({"proxied": false, "signed": false, "features": [], "last": {}});
    assert_eq!(context(origin.request("GET", "/context")).await, client);
    for (what, token) in bad_tokens() {
        let request = origin
            .request("GET", "/context")
            .header("grip-sig", &token)
            .header("grip-feature", "status")
            .header("grip-last", "news; last-id=1");
        assert_eq!(context(request).await, client, "{what}");
    }
    // Which of the two counts would be for a client to choose.
    let token = Peer::python().token(&good());
    for (one, two) in [(&*token, "forged"), ("forged", &*token)] {
        let request = origin
            .request("GET", "/context")
            .header("grip-sig", one)
            .header("grip-sig", two);
        assert_eq!(context(request).await, client);
    }
    let request = origin
        .request("GET", "/context")
        .header("grip-sig", b"\xff\xfe");
    assert_eq!(context(request).await, client);
}

async fn a_client_cannot_be_held(origin: &str) {
    let origin = trusting(origin).await;
    for path in [
        "/hold/response?channel=news",
        "/hold/stream?channel=news",
        "/hold/instruct?mode=stream&channel=news",
        "/sse?channel=news",
        "/feed/news",
    ] {
        for (what, token) in [("no token", None), ("forged", Some("forged"))] {
            let mut request = origin.request("GET", path);
            if let Some(token) = token {
                request = request.header("grip-sig", token);
            }
            let answer = request.send().await;
            assert_eq!(answer.status(), 501, "{path}, {what}");
            assert!(answer.header("content-type").starts_with("text/plain"));
            assert!(
                answer
                    .headers()
                    .keys()
                    .all(|name| !name.as_str().starts_with("grip-"))
            );
            assert!(answer.text().await.contains("proxy"), "{path}");
        }
    }
    assert_eq!(origin.get("/plain").await.text().await, "plain\n");
}

async fn a_client_cannot_send_websocket_events(origin: &str) {
    let origin = trusting(origin).await;
    let connection = "5c384ad4-e2a2-489a-a28f-7357624608d3";
    let request = || {
        websocket(&origin, "/ws/echo")
            .header("connection-id", connection)
            .body("OPEN\r\n")
    };
    assert_eq!(request().send().await.status(), 403);
    for (what, token) in bad_tokens() {
        let answer = request().header("grip-sig", &token).send().await;
        assert_eq!(answer.status(), 403, "{what}");
        assert_ne!(
            answer.header("content-type"),
            "application/websocket-events"
        );
    }
    let token = Peer::python().token(&good());
    let answer = request().header("grip-sig", &token).send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(answer.header("sec-websocket-extensions"), "grip");
    assert_eq!(answer.text().await, "OPEN\r\n");
}

async fn without_a_configured_proxy_nobody_is_one(origin: &str) {
    let origin = Origin::of(origin).start().await;
    let token = Peer::python().token(&good());
    let request = origin.request("GET", "/context").header("grip-sig", &token);
    assert_eq!(context(request).await["proxied"], false);
    let answer = origin.get("/hold/stream?channel=news").await;
    assert_eq!(answer.status(), 501);
    let answer = websocket(&origin, "/ws/echo")
        .header("connection-id", "c1")
        .header("grip-sig", &token)
        .body("OPEN\r\n")
        .send()
        .await;
    assert_eq!(answer.status(), 403);
}

async fn without_a_key_presence_is_not_a_signature(origin: &str) {
    let origin = Origin::of(origin)
        .env("GRIP_URL", "http://127.0.0.1:9/")
        .start()
        .await;
    let token = Peer::python().token(&good());
    let request = origin.request("GET", "/context").header("grip-sig", &token);
    assert_eq!(context(request).await["signed"], false);
    assert_eq!(
        context(origin.request("GET", "/context")).await["proxied"],
        false
    );
}

async fn keys_of_two_proxies_are_both_good(origin: &str) {
    let url = format!("{URL} http://127.0.0.1:9/?verify-key=base64:AAECAwQ%3D&verify-iss=second");
    let origin = Origin::of(origin).env("GRIP_URL", &url).start().await;
    let mut python = Peer::python();
    let second = json!({"iss": "second", "exp": FUTURE});
    let key = json!({"base64": "AAECAwQ="});
    let first = python.token(&good());
    let arguments = json!({"claims": second, "key": key});
    let token = python.ask("mint", &arguments).expect("a token");
    for token in [&*first, token.as_str().expect("text")] {
        let request = origin.request("GET", "/context").header("grip-sig", token);
        assert_eq!(context(request).await["signed"], true);
    }
    // The issuer of one with the key of the other.
    let crossed = python.token(&second);
    let request = origin
        .request("GET", "/context")
        .header("grip-sig", &crossed);
    assert_eq!(context(request).await["signed"], false);
}

async fn es256_and_rs256_are_verified(origin: &str) {
    let mut python = Peer::python();
    for (kind, algorithm) in [("EC", "ES256"), ("RSA", "RS256")] {
        let (private, origin) = with_key_pair(&mut python, kind, origin).await;
        let token = python.mint(&good(), &private, algorithm);
        let request = origin.request("GET", "/context").header("grip-sig", &token);
        assert_eq!(context(request).await["signed"], true, "{algorithm}");

        let (stranger, _) = key_pair(&mut python, kind);
        let token = python.mint(&good(), &stranger, algorithm);
        let request = origin.request("GET", "/context").header("grip-sig", &token);
        assert_eq!(context(request).await["signed"], false, "{algorithm}");
    }
}

async fn a_key_is_good_for_its_own_algorithm_only(origin: &str) {
    let mut python = Peer::python();
    for kind in ["EC", "RSA"] {
        let (private, public) = key_pair(&mut python, kind);
        let origin = with_key(origin, &public).await;
        // The public key is no secret, so it must not count as one.
        for key in [public.as_str(), public.trim_ascii_end()] {
            let arguments = json!({"header": {"alg": "HS256"}, "claims": good(), "key": key});
            let token = python.ask("mint_by_hand", &arguments).expect("a token");
            let token = token.as_str().expect("text");
            let request = origin.request("GET", "/context").header("grip-sig", token);
            assert_eq!(context(request).await["proxied"], false, "{kind}");
        }
        if kind == "RSA" {
            let token = python.mint(&good(), &private, "RS512");
            let request = origin.request("GET", "/context").header("grip-sig", &token);
            assert_eq!(context(request).await["proxied"], false);
        }
    }
}

async fn what_the_proxy_says_is_believed_when_it_is_signed(origin: &str) {
    let origin = trusting(origin).await;
    let token = Peer::python().token(&good());
    let request = origin
        .request("GET", "/context")
        .header("grip-sig", &token)
        .header("grip-feature", "status, session, link:next")
        .header("grip-last", "news; last-id=7")
        .header("grip-last", "other; last-id=a-b");
    assert_eq!(
        context(request).await,
        json!({
            "proxied": true,
            "signed": true,
            "features": ["status", "session", "link:next"],
            "last": {"news": "7", "other": "a-b"},
        })
    );
}

fn key_pair(python: &mut Peer, kind: &str) -> (String, String) {
    let pair = python
        .ask("key_pair", &json!({"kind": kind}))
        .expect("a pair");
    let part = |name: &str| pair[name].as_str().expect("text").to_owned();
    (part("private"), part("public"))
}

async fn with_key_pair(python: &mut Peer, kind: &str, origin: &str) -> (String, Origin) {
    let (private, public) = key_pair(python, kind);
    (private, with_key(origin, &public).await)
}

async fn with_key(origin: &str, public: &str) -> Origin {
    let key = gripware_interop::escaped(public);
    let url = format!("http://127.0.0.1:9/?verify-iss={ISSUER}&verify-key={key}");
    Origin::of(origin).env("GRIP_URL", &url).start().await
}
