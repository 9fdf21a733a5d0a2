//! The control API without a key, from pages in a browser on the same machine: cross-site request
//! forgery and DNS rebinding. With a key, from whoever has another one.

use std::net::SocketAddr;

use gripware_interop::until;

use crate::{
    front::hub,
    wire::Wire,
    witness::{Witness, answer},
};

const PLANTED: &str =
    r#"{"items": [{"channel": "news", "http-stream": {"content": "planted\n"}}]}"#;

/// The headers of requests that pages can make a browser send.
const FORGED: &[&str] = &[
    "Host: {address}\r\nOrigin: https://attacker.example\r\nContent-Type: text/plain",
    "Host: {address}\r\nOrigin: https://attacker.example\r\nContent-Type: application/x-www-form-urlencoded",
    "Host: {address}\r\nOrigin: https://attacker.example\r\nContent-Type: application/json",
    "Host: {address}\r\nOrigin: null",
    "Host: {address}\r\nOrigin: http://{address}",
    "Host: {address}\r\nOrigin: http://localhost",
    "Host: {address}\r\nOrigin:",
    "Host: {address}\r\nSec-Fetch-Site: cross-site",
    "Host: {address}\r\nSec-Fetch-Site: same-site",
    "Host: {address}\r\nSec-Fetch-Site: same-origin",
    "Host: {address}\r\nSec-Fetch-Site: none\r\nOrigin: https://attacker.example",
    // DNS rebinding: names that the page's author has made to point here.
    "Host: attacker.example",
    "Host: attacker.example:80",
    "Host: ATTACKER.EXAMPLE.",
    "Host: 127.0.0.1.attacker.example",
    "Host: localhost.attacker.example",
    "Host: {address}.attacker.example",
];

#[tokio::test]
async fn without_a_key_no_page_publishes_and_none_reads() {
    let (_witness, hub, mut held) = held(&[]).await;
    for forged in FORGED {
        let forged = forged.replace("{address}", &hub.control().to_string());
        for (method, path) in [
            ("POST", "/publish/"),
            ("POST", "/publish"),
            ("POST", "/recover/"),
            ("GET", "/channels"),
            ("GET", "/connections"),
            ("GET", "/metrics"),
            ("OPTIONS", "/publish/"),
            ("DELETE", "/connections/a"),
            ("POST", "/connections/a/publish/"),
        ] {
            let answer = asks(hub.control(), method, path, &forged).await;
            let status = &answer[9..12];
            assert!(
                status == "403" || status == "405",
                "{method} {path} {forged}: {answer}"
            );
            assert!(
                !answer.to_lowercase().contains("access-control-"),
                "{answer}"
            );
            assert!(!answer.contains("news"), "{answer}");
        }
    }
    // The target may have the name, too.
    let target = "http://attacker.example/publish/";
    let host = format!("Host: {}", hub.control());
    let answer = asks(hub.control(), "POST", target, &host).await;
    assert_eq!(&answer[9..12], "403", "{answer}");

    has_only_what_was_published(&hub, &mut held).await;
}

#[tokio::test]
async fn with_a_key_no_other_one_publishes_and_none_reads() {
    let (_witness, hub, mut held) = held(&["--control-key", "s3cret-enough"]).await;
    for key in [
        "X: a",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer s3cret-enoug",
        "Authorization: Bearer s3cret-enough-",
        "Authorization: Bearer S3CRET-ENOUGH",
        "Authorization: Basic s3cret-enough",
        "Authorization: s3cret-enough",
        "Authorization: Bearer s3cret-enough\r\nAuthorization: Bearer s3cret-enough",
        "Authorization: Bearer other, Bearer s3cret-enough",
        "Proxy-Authorization: Bearer s3cret-enough",
        "Cookie: Authorization=Bearer s3cret-enough",
    ] {
        for (method, path) in [("POST", "/publish/"), ("GET", "/channels")] {
            let headers = format!("Host: a\r\n{key}");
            let answer = asks(hub.control(), method, path, &headers).await;
            assert_eq!(&answer[9..12], "401", "{method} {path} {key}: {answer}");
            assert!(
                !answer.contains("news") && !answer.contains("s3cret"),
                "{answer}"
            );
        }
    }
    let key = "Host: a\r\nAuthorization: Bearer s3cret-enough";
    let answer = publishes(hub.control(), key, "real").await;
    assert_eq!(&answer[9..12], "200", "{answer}");
    let text = held.until(b"real").await;
    assert!(!String::from_utf8_lossy(&text).contains("planted"));
    assert!(!hub.log().contains("s3cret"), "the key is in the log");
}

/// The detector works: without the headers of a page, the same request publishes.
#[tokio::test]
async fn the_same_request_of_a_program_publishes() {
    let (_witness, hub, mut held) = held(&[]).await;
    let host = format!("Host: {}", hub.control());
    let answer = asks(hub.control(), "POST", "/publish/", &host).await;
    assert_eq!(&answer[9..12], "200", "{answer}");
    held.until(b"planted\n").await;
}

async fn held(further: &[&str]) -> (Witness, gripware_interop::HubProgram, Wire) {
    let witness =
        Witness::answering(|_| answer("open\n", "Grip-Hold: stream\r\nGrip-Channel: news\r\n"))
            .await;
    let hub = hub(witness.address(), further).await;
    let mut held = Wire::connect(hub.client()).await;
    held.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    held.until(b"open\n\r\n").await;
    (witness, hub, held)
}

/// Published in the end, so that whatever came before it would have been seen.
async fn has_only_what_was_published(hub: &gripware_interop::HubProgram, held: &mut Wire) {
    until("the hold", async || hub.subscribers("news").await == 1).await;
    hub.publish(r#"{"channel": "news", "http-stream": {"content": "real\n"}}"#)
        .await;
    let text = held.until(b"real\n").await;
    assert!(!String::from_utf8_lossy(&text).contains("planted"));
}

async fn asks(control: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let body = if method == "POST" { PLANTED } else { "" };
    sends(control, method, path, headers, body).await
}

async fn publishes(control: SocketAddr, headers: &str, text: &str) -> String {
    let body = PLANTED.replace("planted", text);
    sends(control, "POST", "/publish/", headers, &body).await
}

async fn sends(control: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut wire = Wire::connect(control).await;
    let length = body.len();
    wire.sends(format!(
        "{method} {path} HTTP/1.1\r\n{headers}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
    .await;
    String::from_utf8(wire.rest().await).expect("text")
}
