//! Webhook receivers, which a client subscribes.

#![cfg(feature = "program")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{fs, path::Path, time::SystemTime};

use axum::{Router, extract::Request, routing::post};
use bytes::Bytes;
use gripware_topics::{
    Address, Auth, Pattern,
    auth::{Credential, Kind},
    client::{BuildError, Client, ClientError},
    webhook::{TOPIC_HEADER, WebhookKey, WebhookVerifier},
};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{net::TcpListener, sync::mpsc};

use crate::support::{broadcaster, builder, program, serve, serve_with_hub, socket_client, soon};

/// The path, the topic and the body of what a receiver has got.
type Got = (String, String, Bytes);

/// A webhook receiver, which knows nothing but its secret: at `/hook` it takes messages, at `/broken`
/// none, and at `/missed` what was missed.
async fn receiver(secret: &str) -> (String, mpsc::UnboundedReceiver<Got>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let key = WebhookKey::parse(secret).unwrap();
    let receive = async move |request: Request| {
        let verifier = WebhookVerifier::new([key]);
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if verifier
            .verify(&parts.headers, &body, SystemTime::now())
            .is_err()
        {
            return StatusCode::UNAUTHORIZED;
        }
        let topic = parts.headers[TOPIC_HEADER].to_str().unwrap().to_owned();
        let path = parts.uri.path().to_owned();
        let status = match path.as_str() {
            "/broken" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::NO_CONTENT,
        };
        sender.send((path, topic, body)).unwrap();
        status
    };
    let mut router = Router::new();
    for path in ["/hook", "/broken", "/missed"] {
        router = router.route(path, post(receive.clone()));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, receiver)
}

fn address(url: &str, path: &str) -> Address {
    Address::new(format!("{url}{path}")).unwrap()
}

fn glob(text: &str) -> Pattern {
    Pattern::Glob(text.try_into().unwrap())
}

fn exact(text: &str) -> Pattern {
    Pattern::Exact(text.try_into().unwrap())
}

fn setup(folder: &Path) -> Auth {
    let done = program()
        .arg("--setup")
        .arg(folder)
        .args(["--to-subscribers-auth", "standard-webhooks"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    Auth::from_file(folder.join("subscriber-secrets.json")).unwrap()
}

#[tokio::test]
async fn a_webhook_receiver_is_subscribed_with_the_secrets_that_setup_writes() {
    let folder = tempfile::tempdir().unwrap();
    let auth = setup(folder.path());
    let file = fs::read(folder.path().join("subscriber-secrets.json")).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let secret = file["to-subscriber"]["secret"].as_str().unwrap();
    let (url, mut got) = receiver(secret).await;
    let broadcaster = broadcaster(&auth).await;
    let client = Client::builder(auth)
        .broadcaster(&broadcaster.url)
        .unwrap()
        .build()
        .unwrap();
    let publish = async || soon(client.notify("orders/1", "{}")).await.unwrap();

    let hook = address(&url, "/hook");
    for pattern in [glob("orders/*"), exact("orders/1")] {
        assert_eq!(publish().await.subscribers, 0);
        // What is subscribed stays so.
        for _ in 0..2 {
            soon(client.subscribe_url(&hook, &pattern, None))
                .await
                .unwrap();
        }
        assert_eq!(publish().await.subscribers, 1);
        let message = soon(got.recv()).await.unwrap();
        let expected = ("/hook".to_owned(), "orders%2F1".to_owned(), "{}".into());
        assert_eq!(message, expected);
        for _ in 0..2 {
            soon(client.unsubscribe_url(&hook, &pattern)).await.unwrap();
        }
    }
    assert_eq!(publish().await.subscribers, 0);
    assert!(client.subscribed().is_empty());

    let (broken, recovery) = (address(&url, "/broken"), address(&url, "/missed"));
    let orders = glob("orders/*");
    soon(client.subscribe_url(&broken, &orders, Some(&recovery)))
        .await
        .unwrap();
    assert_eq!(publish().await.subscribers, 0);
    assert_eq!(soon(got.recv()).await.unwrap().0, "/broken");
    let (path, topic, body) = soon(got.recv()).await.unwrap();
    assert_eq!((path.as_str(), topic.as_str()), ("/missed", "orders%2F1"));
    assert!(body.is_empty());
}

#[tokio::test]
async fn a_client_that_receives_by_itself_has_no_secrets_for_webhooks() {
    let auth = Auth::generate(Kind::Hmac, Kind::StandardWebhooks).unwrap();
    let builder = || {
        let builder = Client::builder(auth.clone()).broadcaster("http://127.0.0.1:9");
        builder.unwrap()
    };
    let with_host = builder().host("http://127.0.0.1:9").unwrap();
    for refused in [with_host.build(), builder().websocket().build()] {
        assert!(matches!(refused, Err(BuildError::Webhook)), "{refused:?}");
    }
    let client = builder().build().unwrap();
    let subscribed = soon(client.subscribe_exact("t")).await;
    assert!(matches!(subscribed, Err(ClientError::NoHost)));
}

/// Only the answers of a broadcaster for webhooks have no signature.
#[tokio::test]
async fn answers_without_a_signature_are_refused_by_all_other_clients() {
    for kind in [Kind::Token, Kind::Hmac] {
        let auth = Auth::generate(Kind::Hmac, kind).unwrap();
        let unsigned = Auth {
            to_broadcaster: auth.to_broadcaster.clone(),
            to_subscriber: Credential::none(),
        };
        let broadcaster = serve(&builder(&unsigned).build().unwrap()).await;
        let client = Client::builder(auth)
            .broadcaster(&broadcaster.url)
            .unwrap()
            .rounds(1)
            .build()
            .unwrap();
        let (hook, pattern) = (address("http://127.0.0.1:9", "/hook"), exact("t"));
        for refused in [
            soon(client.notify("t", "x")).await.map(drop),
            soon(client.subscribe_url(&hook, &pattern, None)).await,
            soon(client.unsubscribe_url(&hook, &pattern)).await,
        ] {
            assert!(
                matches!(refused, Err(ClientError::Answer(_))),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_subscribes_no_urls() {
    let auth = Auth::none();
    let broadcaster = serve_with_hub(&auth, |builder| builder).await;
    let client = socket_client(&auth, &[&broadcaster.url]);
    let (hook, pattern) = (address("http://127.0.0.1:9", "/hook"), exact("t"));
    for refused in [
        soon(client.subscribe_url(&hook, &pattern, None)).await,
        soon(client.unsubscribe_url(&hook, &pattern)).await,
    ] {
        assert!(
            matches!(refused, Err(ClientError::OverWebSocket)),
            "{refused:?}"
        );
    }
}
