//! WebSockets with the client and the broadcaster of PyPI, `lonelypsc` and `lonelypss`, which
//! `tests/peers` installs.
//!
//! What defects of theirs prevent is not here, and is done by our own pair: their broadcaster does not
//! send a message in parts, and their client receives none under hmac.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gripware_topics::{
    Auth, Topic,
    auth::Kind,
    client::{Client, Event},
};
use gripware_topics_server::Settings;
use serde_json::json;

use crate::support::{
    client, noise,
    originals::{KINDS, Original, OriginalBroadcaster, patiently},
    serve_with_hub, socket_client,
};

/// Publishes until somebody is there: over a WebSocket their client does not wait until it is
/// subscribed, and their broadcaster confirms a subscription before it knows it.
async fn notify_one(ours: &Client, topic: &Topic, data: Bytes) {
    loop {
        let sent = ours.notify(topic.clone(), data.clone()).await;
        let sent = sent.unwrap_or_else(|error| panic!("{} bytes: {error:?}", data.len()));
        if sent.subscribers == 1 {
            return;
        }
        assert_eq!(sent.subscribers, 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_publishes_and_receives_over_a_websocket() {
    for (kind, _) in KINDS {
        let auth = Auth::generate(kind, kind).unwrap();
        // With hmac it is compressed as well.
        let settings = Settings::default().compression(kind == Kind::Hmac);
        let broadcaster = serve_with_hub(&auth, |builder| builder.settings(settings)).await;
        let folder = tempfile::tempdir().unwrap();
        let mut theirs = Original::over("websocket", &broadcaster.url, &auth, &folder).await;
        let ours = client(&auth, &broadcaster).await;
        let binary = b"\x00\xfe\xff";
        theirs
            .subscribe(json!({"exact": STANDARD.encode(binary)}))
            .await;
        theirs.subscribe(json!({"glob": "foo/*"})).await;

        // Ours, over HTTP, to theirs.
        for (topic, data) in [
            (&binary[..], Bytes::from_static(b"hello")),
            (b"foo/bar", Bytes::from(vec![7; 300_000])),
            (b"foo/bar", noise(3_000_000)),
            (b"foo/bar", Bytes::new()),
        ] {
            let topic = Topic::try_from(topic).unwrap();
            let length = data.len();
            patiently(notify_one(&ours, &topic, data)).await;
            theirs.expect_message(topic.as_bytes(), length).await;
        }

        // Theirs, over the WebSocket that it waits at itself, to both.
        let mut subscription = ours.subscribe_exact("foo/baz").await.unwrap();
        for times in [1, 700_000] {
            let question = json!({
                "notify": STANDARD.encode("foo/baz"), "data": STANDARD.encode("hello"),
                "times": times
            });
            theirs.say(question).await;
            let message = patiently(subscription.next()).await.unwrap();
            assert_eq!(message.data().len(), 5 * times);
            drop(message);
            // It says in either order that it has the message and that both have.
            let heard = [theirs.hear().await, theirs.hear().await];
            assert!(heard.iter().any(|one| one["length"] == 5 * times));
            assert!(heard.iter().any(|one| one["notified"] == 2), "{heard:?}");
        }

        // Many at a time.
        let topic = Topic::try_from("foo/many").unwrap();
        let sent: Vec<_> = (0..50)
            .map(|_| {
                let (ours, topic) = (ours.clone(), topic.clone());
                tokio::spawn(async move { ours.notify(topic, "x").await.unwrap().subscribers })
            })
            .collect();
        for one in sent {
            assert_eq!(patiently(one).await.unwrap(), 1);
            theirs.expect_message(b"foo/many", 1).await;
        }

        // It goes without a word, and is not waited for.
        theirs.child.kill().await.unwrap();
        let gone = async {
            while ours.notify("foo/bar", "x").await.unwrap().subscribers > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        patiently(gone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_over_a_websocket_publishes_to_and_receives_from_their_broadcaster() {
    for (kind, name) in KINDS {
        let broadcaster = OriginalBroadcaster::start(name).await;
        assert_eq!(broadcaster.auth.to_broadcaster.kind(), kind);
        let ours = Client::builder(broadcaster.auth.clone())
            .broadcaster(&broadcaster.served.url)
            .unwrap()
            .websocket()
            .max_payload(400_000)
            .build()
            .unwrap();
        let binary = Topic::try_from(b"\x00\xfe\xff").unwrap();
        let text = Topic::try_from("foo/bar").unwrap();
        let mut exact = patiently(ours.subscribe_exact(binary.clone()))
            .await
            .unwrap();
        let mut glob = patiently(ours.subscribe_glob("foo/*")).await.unwrap();

        // Compressed, as their broadcaster wants it from 16 KiB on, and not; and in three parts, which
        // theirs sends in one.
        for (topic, data) in [
            (&binary, Bytes::from_static(b"hello")),
            (&text, Bytes::from(vec![7; 300_000])),
            (&text, noise(1_000_000)),
            (&text, Bytes::new()),
        ] {
            let subscription = match topic.as_str() {
                None => &mut exact,
                Some(_) => &mut glob,
            };
            let sent = notify_one(&ours, topic, data.clone());
            let received = async {
                let message = subscription.next().await.unwrap();
                assert_eq!(message.topic(), topic);
                assert!(*message.data() == data);
            };
            patiently(async { tokio::join!(sent, received) }).await;
        }

        // With ours over HTTP, both ways.
        let endpoint = broadcaster.client().await;
        let mut elsewhere = endpoint.subscribe_exact("foo/baz").await.unwrap();
        for from in [&ours, &endpoint] {
            let (sent, _, _) = tokio::join!(
                from.notify("foo/baz", "x"),
                async { patiently(glob.next()).await.map(drop) },
                async { patiently(elsewhere.next()).await.map(drop) },
            );
            assert_eq!(sent.unwrap().subscribers, 2);
        }

        patiently(exact.close()).await.unwrap();
        let sent = patiently(ours.notify(binary, "x")).await.unwrap();
        assert_eq!(sent.subscribers, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_over_a_websocket_goes_to_another_of_their_broadcasters() {
    let mut first = OriginalBroadcaster::start("hmac").await;
    let secrets = first.folder.path().join("subscriber-secrets.json");
    let second = OriginalBroadcaster::start_with("hmac", Some(&secrets)).await;
    let urls = [&*first.served.url, &second.served.url];
    let ours = socket_client(&first.auth, &urls);
    let mut subscription = patiently(ours.subscribe_exact("t")).await.unwrap();
    first.child.kill().await.unwrap();
    let missed = patiently(subscription.next_event()).await;
    assert!(matches!(missed, Some(Event::Missed(None))), "{missed:?}");
    let sent = async { while ours.notify("t", "x").await.unwrap().subscribers == 0 {} };
    let received = async { assert_eq!(subscription.next().await.unwrap().data(), "x") };
    patiently(async { tokio::join!(sent, received) }).await;
}
