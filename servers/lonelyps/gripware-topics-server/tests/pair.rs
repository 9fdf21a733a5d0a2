//! The client and the broadcaster with each other.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use axum::{Router, routing::post};
use bytes::Bytes;
use gripware_topics::{
    Address, Auth, Etag, Identifier, Pattern, SubscriptionList, Topic, Tracing,
    auth::Kind,
    client::{Client, ClientError, Event},
    http::{CHECK_SUBSCRIPTIONS, CheckSubscriptions, RECEIVE, RECOVER, Reply, Subscribe},
    webhook::{TOPIC_HEADER, WebhookKey, WebhookVerifier},
};
use gripware_topics_server::{Broadcaster, MemoryStore, Settings, Store, Targets};
use http::{HeaderMap, StatusCode};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::support::{
    Served, ask, broadcaster, builder, client, client_at, kinds, serve, serve_on, soon,
};

#[tokio::test]
async fn a_message_reaches_exact_subscribers_and_those_whose_pattern_matches() {
    for auth in kinds() {
        let broadcaster = broadcaster(&auth).await;
        let (anna, ben) = (
            client(&auth, &broadcaster).await,
            client(&auth, &broadcaster).await,
        );
        let mut exact = anna.subscribe_exact("foo/bar").await.unwrap();
        let mut glob = ben.subscribe_glob("foo/*").await.unwrap();
        let mut both = ben.subscribe_multi();
        both.subscribe_exact("foo/bar").await.unwrap();
        both.subscribe_glob("foo/b*").await.unwrap();

        let notified = tokio::spawn({
            let anna = anna.clone();
            async move { anna.notify("foo/bar", "hello").await }
        });
        for subscription in [&mut exact, &mut glob, &mut both] {
            let message = soon(subscription.next()).await.unwrap();
            assert_eq!(message.topic().as_bytes(), b"foo/bar");
            assert_eq!(message.data(), "hello");
        }
        // One for each URL.
        assert_eq!(soon(notified).await.unwrap().unwrap().subscribers, 2);

        let nobody = soon(anna.notify(Topic::try_from(b"\xff").unwrap(), "x"))
            .await
            .unwrap();
        assert_eq!(nobody.subscribers, 0);
    }
}

#[tokio::test]
async fn bytes_a_file_and_a_stream_arrive_as_they_were() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let broadcaster = broadcaster(&auth).await;
    let client = client(&auth, &broadcaster).await;
    let mut subscription = client.subscribe_exact(b"\x00\xff").await.unwrap();
    let large: Bytes = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&large).unwrap();

    let expected = large.clone();
    let received = tokio::spawn(async move {
        for _ in 0..3 {
            let message = soon(subscription.next()).await.unwrap();
            assert!(*message.data() == expected);
        }
        let message = soon(subscription.next()).await.unwrap();
        assert_eq!(message.data().len(), 0);
        subscription
    });
    let topic = || Topic::try_from(b"\x00\xff").unwrap();
    let sent = soon(client.notify(topic(), large.clone())).await.unwrap();
    assert_eq!(sent.subscribers, 1);
    let sent = soon(client.notify_file(topic(), file.path()))
        .await
        .unwrap();
    assert_eq!(sent.subscribers, 1);
    let pieces: Vec<_> = large
        .chunks(7_777)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let stream = futures_util::stream::iter(pieces);
    let sent = soon(client.notify_stream(topic(), stream)).await.unwrap();
    assert_eq!(sent.subscribers, 1);
    let sent = soon(client.notify(topic(), "")).await.unwrap();
    assert_eq!(sent.subscribers, 1);
    soon(received).await.unwrap();
}

#[tokio::test]
async fn who_has_other_secrets_can_do_nothing() {
    let (auth, other) = (
        Auth::generate(Kind::Hmac, Kind::Hmac).unwrap(),
        Auth::generate(Kind::Hmac, Kind::Hmac).unwrap(),
    );
    let broadcaster = broadcaster(&auth).await;
    for (auth, status) in [(Auth::none(), 401), (other, 403)] {
        let client = client(&auth, &broadcaster).await;
        let refused = |error| match error {
            ClientError::Refused { status, .. } => status,
            other => panic!("{other}"),
        };
        let error = soon(client.notify("t", "x")).await.unwrap_err();
        assert_eq!(refused(error), status);
        let error = soon(client.subscribe_exact("t")).await.unwrap_err();
        assert_eq!(refused(error), status);
        let error = soon(client.reconcile()).await.unwrap_err();
        assert_eq!(refused(error), status);
    }
}

#[tokio::test]
async fn a_subscription_ends_when_it_is_dropped_or_closed() {
    let auth = Auth::none();
    let broadcaster = broadcaster(&auth).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/pubsub", listener.local_addr().unwrap());
    let client = client_at(&auth, &broadcaster, &url, listener);
    let url = Address::new([&url, RECEIVE].concat()).unwrap();
    let one = soon(client.subscribe_exact("t")).await.unwrap();
    let two = soon(client.subscribe_exact("t")).await.unwrap();
    soon(one.close()).await.unwrap();
    assert_eq!(client.subscribed().len(), 1);
    soon(two.close()).await.unwrap();
    assert!(client.subscribed().is_empty());
    assert!(
        !soon(client.reconcile()).await.unwrap(),
        "the broadcaster knows"
    );

    // One that is dropped is gone at the broadcaster too, which is told in the background.
    let three = soon(client.subscribe_glob("*")).await.unwrap();
    let none = SubscriptionList::default().etag(&url);
    assert_ne!(etag(&broadcaster, &url).await, none);
    drop(three);
    let told = async {
        while etag(&broadcaster, &url).await != none {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(told).await;
}

/// Asks for the etag of what a URL is subscribed to.
async fn etag(broadcaster: &Served, url: &Address) -> Etag {
    let check = CheckSubscriptions {
        tracing: Tracing::default(),
        url: url.clone(),
    };
    let (status, answer) = ask(broadcaster, CHECK_SUBSCRIPTIONS, None, check.encode()).await;
    assert_eq!(status, StatusCode::OK);
    let Reply::Check { etag, .. } = Reply::decode(answer).unwrap() else {
        panic!("it is no etag");
    };
    etag
}

/// A subscriber by hand, which says what it was asked for, and answers what it is told to.
async fn subscriber(
    answer: impl Fn(&'static str) -> (StatusCode, Bytes) + Clone + Send + Sync + 'static,
) -> (
    String,
    mpsc::UnboundedReceiver<(&'static str, HeaderMap, Bytes)>,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut router = Router::new();
    for path in [RECEIVE, RECOVER] {
        let (sender, answer) = (sender.clone(), answer.clone());
        router = router.route(
            path,
            post(async move |headers: HeaderMap, body: Bytes| {
                sender.send((path, headers, body)).unwrap();
                answer(path)
            }),
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (host, receiver)
}

fn subscribe_in(store: &impl Store, host: &str, pattern: &str, recovery: bool) {
    let url = format!("{host}{RECEIVE}").as_str().try_into().unwrap();
    let recovery = recovery.then(|| format!("{host}{RECOVER}").as_str().try_into().unwrap());
    let pattern = Pattern::Exact(Topic::try_from(pattern).unwrap());
    store.subscribe(&url, &pattern, recovery.as_ref()).unwrap();
}

fn confirm_missed() -> Bytes {
    Reply::ConfirmMissed {
        authorization: None,
        tracing: Tracing::default(),
    }
    .encode()
}

#[tokio::test]
async fn who_does_not_confirm_is_told_that_it_missed_something_until_it_knows() {
    let (host, mut asked) = subscriber(|path| match path {
        RECOVER => (StatusCode::OK, confirm_missed()),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    })
    .await;
    let store = MemoryStore::default();
    subscribe_in(&store, &host, "t", true);
    let broadcaster = serve(&builder(&Auth::none()).store(store).build().unwrap()).await;
    let client = client(&Auth::none(), &broadcaster).await;
    assert_eq!(soon(client.notify("t", "x")).await.unwrap().subscribers, 0);
    assert_eq!(soon(asked.recv()).await.unwrap().0, RECEIVE);
    assert_eq!(soon(asked.recv()).await.unwrap().0, RECOVER);
    // It knows, and is not told again; it is still subscribed.
    assert!(timeout(Duration::from_secs(5), asked.recv()).await.is_err());
    soon(client.notify("t", "x")).await.unwrap();
    assert_eq!(soon(asked.recv()).await.unwrap().0, RECEIVE);
}

#[tokio::test]
async fn unsubscribe_immediate_ends_the_subscription() {
    let (host, mut asked) = subscriber(|_| {
        let reply = Reply::UnsubscribeImmediate.encode();
        (StatusCode::IM_A_TEAPOT, reply)
    })
    .await;
    let store = MemoryStore::default();
    subscribe_in(&store, &host, "t", true);
    let broadcaster = serve(&builder(&Auth::none()).store(store).build().unwrap()).await;
    let client = client(&Auth::none(), &broadcaster).await;
    for _ in 0..2 {
        assert_eq!(soon(client.notify("t", "x")).await.unwrap().subscribers, 0);
    }
    assert_eq!(soon(asked.recv()).await.unwrap().0, RECEIVE);
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_none() {
    let (host, _asked) = subscriber(|_| {
        let reply = Reply::ConfirmReceive {
            authorization: None,
            tracing: Tracing::default(),
            identifier: Identifier::try_from(b"other").unwrap(),
            subscribers: 7,
        };
        (StatusCode::OK, reply.encode())
    })
    .await;
    let store = MemoryStore::default();
    subscribe_in(&store, &host, "t", false);
    let broadcaster = serve(&builder(&Auth::none()).store(store).build().unwrap()).await;
    let client = client(&Auth::none(), &broadcaster).await;
    assert_eq!(soon(client.notify("t", "x")).await.unwrap().subscribers, 0);
}

#[tokio::test]
async fn a_slow_subscriber_delays_nobody_else() {
    let auth = Auth::none();
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = MemoryStore::default();
    subscribe_in(
        &store,
        &format!("http://{}", silent.local_addr().unwrap()),
        "slow",
        false,
    );
    let settings = Settings::default()
        .deliveries(4)
        .deliveries_per_subscriber(2)
        .queue_per_subscriber(3)
        .delivery_timeout(Duration::from_secs(600));
    let built = builder(&auth)
        .store(store)
        .settings(settings)
        .build()
        .unwrap();
    let broadcaster = serve(&built).await;
    let client = client(&auth, &broadcaster).await;
    let mut quick = soon(client.subscribe_exact("quick")).await.unwrap();
    tokio::spawn(async move { while quick.next().await.is_some() {} });
    // Two are under way, three wait, and what is more is missed at once.
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let client = client.clone();
        waiting.push(tokio::spawn(
            async move { client.notify("slow", "x").await },
        ));
    }
    loop {
        let sixth = client.notify("slow", "x");
        if let Ok(done) = timeout(Duration::from_millis(300), sixth).await {
            assert_eq!(done.unwrap().subscribers, 0);
            break;
        }
        // One of the five had not come yet, and this one has taken its place.
    }
    for _ in 0..20 {
        assert_eq!(
            soon(client.notify("quick", "x")).await.unwrap().subscribers,
            1
        );
    }
    assert!(
        waiting.iter().any(|one| !one.is_finished()),
        "they still wait"
    );
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_wiped_store_is_set_right_and_the_subscription_learns_of_it() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let first = broadcaster(&auth).await;
    let client = client(&auth, &first).await;
    let mut subscription = soon(client.subscribe_exact("t")).await.unwrap();
    assert!(!soon(client.reconcile()).await.unwrap());

    let address = first.url.trim_start_matches("http://").to_owned();
    first.serving.abort();
    let _ = first.serving.await;
    // Connections that were open go on for as long as they like; this one has another store.
    let listener = loop {
        match TcpListener::bind(&address).await {
            Ok(listener) => break listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let _second = serve_on(&builder(&auth).build().unwrap(), listener);
    // The pool may still have a connection to the first: it knows the subscription.
    let set_right = async {
        while !client.reconcile().await.unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(set_right).await;
    assert!(matches!(
        soon(subscription.next_event()).await,
        Some(Event::Missed(None))
    ));
    assert!(!soon(client.reconcile()).await.unwrap());
    let (sent, received) = tokio::join!(client.notify("t", "x"), async {
        subscription
            .next()
            .await
            .map(|message| message.into_parts().1)
    });
    assert_eq!(sent.unwrap().subscribers, 1);
    assert_eq!(received.unwrap(), "x");
}

#[tokio::test]
async fn a_webhook_receiver_gets_the_message_alone_with_a_signature() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let auth = Auth::from_json(&format!(
        r#"{{"version":"2","to-subscriber":{{"type":"standard-webhooks","secret":"{secret}"}}}}"#
    ))
    .unwrap();
    let (host, mut asked) = subscriber(|_| (StatusCode::NO_CONTENT, Bytes::new())).await;
    let store = MemoryStore::default();
    subscribe_in(&store, &host, "a b", false);
    let broadcaster = serve(&builder(&auth).store(store).build().unwrap()).await;
    // Answers of such a broadcaster have no signature.
    let client = client(&Auth::none(), &broadcaster).await;
    assert_eq!(
        soon(client.notify("a b", "{}")).await.unwrap().subscribers,
        1
    );
    let (_, headers, body) = soon(asked.recv()).await.unwrap();
    assert_eq!(body, "{}");
    assert_eq!(headers[TOPIC_HEADER], "a%20b");
    let verifier = WebhookVerifier::new([WebhookKey::parse(secret).unwrap()]);
    let id = verifier.verify(&headers, &body, SystemTime::now()).unwrap();
    assert!(id.starts_with("msg_"), "{id}");
}

#[tokio::test]
async fn a_webhook_receiver_that_is_gone_is_unsubscribed() {
    let auth = Auth::from_json(
        r#"{"version":"2","to-subscriber":{"type":"standard-webhooks","secret":"x"}}"#,
    );
    let (host, mut asked) = subscriber(|_| (StatusCode::GONE, Bytes::new())).await;
    let store = MemoryStore::default();
    subscribe_in(&store, &host, "t", false);
    let broadcaster = serve(&builder(&auth.unwrap()).store(store).build().unwrap()).await;
    let client = client(&Auth::none(), &broadcaster).await;
    for _ in 0..2 {
        let sent = soon(client.notify("t", "x")).await.unwrap();
        assert_eq!(sent.subscribers, 0);
    }
    assert!(asked.recv().await.is_some());
    assert!(asked.try_recv().is_err(), "it was asked once");
}

#[tokio::test]
async fn mistakes_have_the_statuses_of_the_original() {
    let broadcaster = broadcaster(&Auth::none()).await;
    let subscribe = Subscribe {
        url: "http://127.0.0.1:9/v1/receive".try_into().unwrap(),
        pattern: Pattern::Exact(Topic::try_from("t").unwrap()),
        recovery: None,
        tracing: Tracing::default(),
    };
    let path = subscribe.path();
    for status in [StatusCode::OK, StatusCode::CONFLICT] {
        assert_eq!(
            ask(&broadcaster, path, None, subscribe.encode()).await.0,
            status
        );
    }
    let malformed = Bytes::from_static(b"\0\x01");
    assert_eq!(
        ask(&broadcaster, path, None, malformed).await.0,
        StatusCode::BAD_REQUEST
    );
    let unsubscribe = gripware_topics::http::Unsubscribe {
        url: subscribe.url.clone(),
        pattern: subscribe.pattern.clone(),
        tracing: Tracing::default(),
    };
    for status in [StatusCode::OK, StatusCode::CONFLICT] {
        let sent = ask(&broadcaster, unsubscribe.path(), None, unsubscribe.encode())
            .await
            .0;
        assert_eq!(sent, status);
    }
}

#[tokio::test]
async fn a_subscription_is_no_way_into_a_network() {
    let auth = Auth::none();
    let (host, mut asked) = subscriber(|_| (StatusCode::OK, Bytes::new())).await;
    let store = MemoryStore::default();
    // By its address it cannot even be subscribed, and by a name it is not dialled.
    let named = host.replace("127.0.0.1", "localhost");
    subscribe_in(&store, &named, "t", true);
    subscribe_in(&store, &host, "t", true);
    let closed = Broadcaster::builder(auth.clone())
        .store(store)
        .targets(Targets::public())
        .build()
        .unwrap();
    let broadcaster = serve(&closed).await;
    let client = client(&auth, &broadcaster).await;
    let refused = soon(client.subscribe_exact("t")).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::Refused { status: 400, .. }),
        "{refused}"
    );
    assert_eq!(soon(client.notify("t", "x")).await.unwrap().subscribers, 0);
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let auth = Auth::none();
    let settings = Settings::default().max_message(1000).max_buffered(1024);
    let broadcaster = serve(&builder(&auth).settings(settings).build().unwrap()).await;
    let client = client(&auth, &broadcaster).await;
    soon(client.notify("t", vec![0; 1000])).await.unwrap();
    let refused = soon(client.notify("t", vec![0; 1001])).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::Refused { status: 413, .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn broadcasters_are_tried_in_turn_by_priority() {
    let auth = Auth::none();
    let (first, second) = (broadcaster(&auth).await, broadcaster(&auth).await);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let built = |one: &str, two: &str| {
        Client::builder(auth.clone())
            .broadcaster(one)
            .unwrap()
            .broadcaster_with_priority(two, 1)
            .unwrap()
            .rounds(1)
            .build()
            .unwrap()
    };
    // Only the first has a subscriber.
    let subscriber = client(&auth, &first).await;
    let mut subscription = soon(subscriber.subscribe_exact("t")).await.unwrap();
    tokio::spawn(async move { while subscription.next().await.is_some() {} });
    for (one, two, subscribers) in [
        (&second.url, &first.url, 1),
        (&first.url, &second.url, 0),
        (&first.url, &nobody, 1),
    ] {
        let sent = soon(built(one, two).notify("t", "x")).await.unwrap();
        assert_eq!(sent.subscribers, subscribers, "{one} {two}");
    }
    let unreachable = soon(built(&nobody, &nobody).notify("t", "x"))
        .await
        .unwrap_err();
    assert!(matches!(unreachable, ClientError::Unreachable(_)));
    assert!(!unreachable.is_ambiguous());
    let subscribed = soon(built(&nobody, &first.url).subscribe_exact("t")).await;
    assert!(matches!(subscribed, Err(ClientError::NoHost)));
}
