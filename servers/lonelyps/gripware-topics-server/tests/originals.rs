//! The client and the broadcaster with those of PyPI, `lonelypsc` and `lonelypss`, which
//! `tests/peers` installs.
//!
//! What defects of theirs prevent is not here, and is done by our own pair: a fragment in the URL of
//! their client under hmac, missed messages of their broadcaster (it forgets the subscription), and a
//! changed recovery URL.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_topics::{
    Auth, Topic,
    auth::Kind,
    client::{Client, Event},
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{
    builder, client,
    originals::{KINDS, Original, OriginalBroadcaster, patiently, python},
    serve,
};

#[tokio::test(flavor = "multi_thread")]
async fn their_client_publishes_to_and_receives_from_our_broadcaster() {
    for (kind, _) in KINDS {
        let auth = Auth::generate(kind, kind).unwrap();
        let broadcaster = serve(&builder(&auth).build().unwrap()).await;
        let folder = tempfile::tempdir().unwrap();
        let mut theirs = Original::start(&broadcaster.url, &auth, &folder).await;
        let ours = client(&auth, &broadcaster).await;
        let binary = b"\x00\xfe\xff";
        theirs
            .subscribe(json!({"exact": STANDARD.encode(binary)}))
            .await;
        theirs.subscribe(json!({"glob": "foo/*"})).await;

        // Ours to theirs, and large where it is worth it.
        let length = if kind == Kind::Hmac { 20_000_000 } else { 1000 };
        for (topic, length) in [(&binary[..], 5), (b"foo/bar", length)] {
            let topic = Topic::try_from(topic).unwrap();
            let sent = ours.notify(topic.clone(), vec![7; length]);
            let (sent, ()) = tokio::join!(sent, theirs.expect_message(topic.as_bytes(), length));
            assert_eq!(sent.unwrap().subscribers, 1);
        }

        // Theirs to both.
        let mut subscription = ours.subscribe_exact("foo/baz").await.unwrap();
        let question = json!({
            "notify": STANDARD.encode("foo/baz"), "data": STANDARD.encode("hello"), "times": 3
        });
        theirs.say(question).await;
        let message = patiently(subscription.next()).await.unwrap();
        assert_eq!(message.data(), "hellohellohello");
        drop(message);
        theirs.expect_message(b"foo/baz", 15).await;
        assert_eq!(theirs.expect("notified").await["notified"], 2);

        // It goes without a word, and is not waited for.
        theirs.child.kill().await.unwrap();
        let (sent, message) = tokio::join!(ours.notify("foo/baz", "x"), async {
            subscription.next().await.map(drop)
        });
        assert_eq!(sent.unwrap().subscribers, 1);
        assert!(message.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_publishes_to_and_receives_from_their_broadcaster() {
    for (kind, name) in KINDS {
        let broadcaster = OriginalBroadcaster::start(name).await;
        assert_eq!(broadcaster.auth.to_broadcaster.kind(), kind);
        let ours = broadcaster.client().await;
        let mut exact = ours.subscribe_exact(b"\x00\xfe\xff").await.unwrap();
        let mut glob = ours.subscribe_glob("foo/*").await.unwrap();
        assert!(!ours.reconcile().await.unwrap(), "both mean the same");

        let length = if kind == Kind::Hmac { 20_000_000 } else { 1000 };
        for (topic, length) in [(&b"\x00\xfe\xff"[..], 5), (b"foo/bar", length)] {
            let topic = Topic::try_from(topic).unwrap();
            let subscription = match topic.as_str() {
                None => &mut exact,
                Some(_) => &mut glob,
            };
            let sent = ours.notify(topic.clone(), vec![7; length]);
            let (sent, message) = tokio::join!(sent, async {
                let message = patiently(subscription.next()).await.unwrap();
                (message.topic().clone(), message.data().len())
            });
            assert_eq!(sent.unwrap().subscribers, 1);
            assert_eq!(message, (topic, length));
        }

        // With theirs, both ways.
        let mut theirs = Original::start(
            &broadcaster.served.url,
            &broadcaster.auth,
            &broadcaster.folder,
        )
        .await;
        theirs
            .subscribe(json!({"exact": STANDARD.encode("foo/baz")}))
            .await;
        let (sent, (), _) = tokio::join!(
            ours.notify("foo/baz", "x"),
            theirs.expect_message(b"foo/baz", 1),
            async { patiently(glob.next()).await.map(drop) },
        );
        assert_eq!(sent.unwrap().subscribers, 2);

        exact.close().await.unwrap();
        glob.close().await.unwrap();
        assert!(!ours.reconcile().await.unwrap(), "both mean the same");
        assert_eq!(ours.notify("foo/bar", "x").await.unwrap().subscribers, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_sets_right_what_their_broadcaster_has_lost() {
    let broadcaster = OriginalBroadcaster::start("hmac").await;
    let ours = broadcaster.client().await;
    let mut subscription = ours.subscribe_exact("t").await.unwrap();

    let wiped = python("topics_wipe.py")
        .current_dir(broadcaster.folder.path())
        .status();
    assert!(patiently(wiped).await.unwrap().success());
    assert_eq!(ours.notify("t", "x").await.unwrap().subscribers, 0);
    assert!(ours.reconcile().await.unwrap());
    let (sent, message) = tokio::join!(ours.notify("t", "x"), async {
        patiently(subscription.next()).await.map(drop)
    });
    assert_eq!(sent.unwrap().subscribers, 1);
    assert!(message.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_goes_to_another_of_their_broadcasters() {
    let mut first = OriginalBroadcaster::start("hmac").await;
    let secrets = first.folder.path().join("subscriber-secrets.json");
    let second = OriginalBroadcaster::start_with("hmac", Some(&secrets)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let ours = Client::builder(first.auth.clone())
        .broadcaster_with_priority(&first.served.url, 0)
        .unwrap()
        .broadcaster_with_priority(&second.served.url, 1)
        .unwrap()
        .host(&host)
        .unwrap()
        .build()
        .unwrap();
    tokio::spawn(ours.clone().serve(listener));
    let mut subscription = patiently(ours.subscribe_exact("t")).await.unwrap();
    first.child.kill().await.unwrap();

    // The other one has a store of its own.
    let sent = patiently(ours.notify("t", "x")).await.unwrap();
    assert_eq!(sent.subscribers, 0);
    assert!(patiently(ours.reconcile()).await.unwrap());
    let (sent, message) = tokio::join!(patiently(ours.notify("t", "x")), async {
        loop {
            match patiently(subscription.next_event()).await.unwrap() {
                Event::Message(message) => return message.data().to_vec(),
                event => assert!(matches!(event, Event::Missed(None)), "{event:?}"),
            }
        }
    });
    assert_eq!(sent.unwrap().subscribers, 1);
    assert_eq!(message, b"x");
}
