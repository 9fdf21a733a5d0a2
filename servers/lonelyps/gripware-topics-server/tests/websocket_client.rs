//! The client over a WebSocket, with the broadcaster.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{io::Write, time::Duration};

use bytes::Bytes;
use gripware_topics::{
    Auth, Pattern, Topic,
    auth::Kind,
    client::{BuildError, Client, ClientError, Event, Subscription, TimedOut},
};
use gripware_topics_server::Settings;
use tokio::{net::TcpListener, time::timeout};

use crate::support::{
    MAX_TURN, Running, SOON, Served, client, kinds, noise, program, serve_with_hub,
    serve_with_hub_on, socket_client, soon,
};

async fn hub(auth: &Auth) -> Served {
    serve_with_hub(auth, |builder| builder).await
}

/// A program that can be killed, and its secrets.
fn program_with(auth: &Auth) -> (tempfile::NamedTempFile, Running) {
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), auth.to_json()).unwrap();
    let running = Running::start(program().arg("--secrets").arg(secrets.path()));
    (secrets, running)
}

/// Publishes, and takes the message from each of the subscriptions meanwhile.
async fn publish(
    from: &Client,
    topic: &Topic,
    data: &Bytes,
    subscriptions: &mut [&mut Subscription],
) -> u32 {
    let sent = from.notify(topic.clone(), data.clone());
    let received = async {
        for subscription in subscriptions {
            let message = subscription.next().await.unwrap();
            assert_eq!(message.topic(), topic);
            assert!(message.data() == data, "{} bytes", message.data().len());
        }
    };
    let (sent, ()) = soon(async { tokio::join!(sent, received) }).await;
    sent.unwrap().subscribers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_sockets_and_endpoints_from_either() {
    for auth in kinds() {
        let broadcaster = hub(&auth).await;
        let ours = socket_client(&auth, &[&broadcaster.url]);
        let endpoint = client(&auth, &broadcaster).await;
        let mut exact = soon(ours.subscribe_exact(b"\x00\xff")).await.unwrap();
        let mut glob = soon(ours.subscribe_glob("foo/*")).await.unwrap();
        let mut multi = ours.subscribe_multi();
        soon(multi.subscribe_exact("foo/bar")).await.unwrap();
        soon(multi.subscribe_glob("foo/b*")).await.unwrap();
        let mut elsewhere = soon(endpoint.subscribe_exact("foo/bar")).await.unwrap();

        let topic = Topic::try_from("foo/bar").unwrap();
        for from in [&ours, &endpoint] {
            let data = Bytes::from_static(b"hello");
            let mut to = [&mut glob, &mut multi, &mut elsewhere];
            // One for the connection, and one for the endpoint.
            assert_eq!(publish(from, &topic, &data, &mut to).await, 2);
        }
        let topic = Topic::try_from(b"\x00\xff").unwrap();
        let empty = Bytes::new();
        assert_eq!(publish(&ours, &topic, &empty, &mut [&mut exact]).await, 1);
        assert_eq!(
            publish(&endpoint, &topic, &empty, &mut [&mut exact]).await,
            1
        );
        let nobody = soon(ours.notify("bar", "x")).await.unwrap();
        assert_eq!(nobody.subscribers, 0);
        let waited = exact.next_within(Duration::from_millis(50)).await;
        assert!(matches!(waited, Err(TimedOut)));
        assert!(!soon(ours.reconcile()).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_the_limits_of_either_end_goes_out_and_comes_in_parts() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broadcaster = serve_with_hub_on(&auth, |builder| builder, listener, 200_000);
    let ours = || {
        let builder = Client::builder(auth.clone()).broadcaster(&broadcaster.url);
        let builder = builder.unwrap().websocket().max_payload(50_000);
        builder.build().unwrap()
    };
    let (from, to) = (ours(), ours());
    let endpoint = client(&auth, &broadcaster).await;
    let mut socket = soon(to.subscribe_exact("t")).await.unwrap();
    let mut elsewhere = soon(endpoint.subscribe_exact("t")).await.unwrap();
    let topic = Topic::try_from("t").unwrap();
    for length in [50_000, 50_001, 1_000_000] {
        let data = noise(length);
        for from in [&from, &endpoint] {
            let mut both = [&mut socket, &mut elsewhere];
            assert_eq!(publish(from, &topic, &data, &mut both).await, 2);
        }
    }
}

/// Digests and masks of so much take long in this build.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_arrive_as_they_were() {
    let patience = 10 * SOON;
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let settings = Settings::default().delivery_timeout(patience);
    let broadcaster = serve_with_hub(&auth, |builder| builder.settings(settings)).await;
    let ours = Client::builder(auth)
        .broadcaster(&broadcaster.url)
        .unwrap()
        .websocket()
        .timeout(patience)
        .build()
        .unwrap();
    let mut subscription = soon(ours.subscribe_exact("t")).await.unwrap();
    let data = noise(20_000_000);
    let both = async {
        tokio::join!(ours.notify("t", data.clone()), async {
            let message = subscription.next().await.unwrap();
            assert!(*message.data() == data);
        })
    };
    let (sent, ()) = timeout(patience, both).await.unwrap();
    assert_eq!(sent.unwrap().subscribers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_a_file_and_a_stream_arrive_as_they_were() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let broadcaster = hub(&auth).await;
    let ours = socket_client(&auth, &[&broadcaster.url]);
    let mut subscription = soon(ours.subscribe_exact("t")).await.unwrap();
    let data = noise(300_000);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&data).unwrap();
    let expected = data.clone();
    let received = tokio::spawn(async move {
        for _ in 0..3 {
            let message = soon(subscription.next()).await.unwrap();
            assert!(*message.data() == expected);
        }
    });
    let pieces: Vec<_> = data
        .chunks(7_777)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    for sent in [
        soon(ours.notify("t", data.clone())).await,
        soon(ours.notify_file("t", file.path())).await,
        soon(ours.notify_stream("t", futures_util::stream::iter(pieces))).await,
    ] {
        assert_eq!(sent.unwrap().subscribers, 1);
    }
    soon(received).await.unwrap();

    let small = Client::builder(auth)
        .broadcaster(&broadcaster.url)
        .unwrap()
        .websocket()
        .max_message(1000)
        .build()
        .unwrap();
    for refused in [
        soon(small.notify("t", data.clone())).await,
        soon(small.notify_file("t", file.path())).await,
    ] {
        assert!(
            matches!(refused, Err(ClientError::Message(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_compressed_where_both_ends_say_so() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let settings = Settings::default().compression(true);
    let broadcaster = serve_with_hub(&auth, |builder| builder.settings(settings)).await;
    let ours = socket_client(&auth, &[&broadcaster.url]);
    let plain = Client::builder(auth.clone())
        .broadcaster(&broadcaster.url)
        .unwrap()
        .websocket()
        .compression(false)
        .build()
        .unwrap();
    let endpoint = client(&auth, &broadcaster).await;
    let mut compressed = soon(ours.subscribe_exact("t")).await.unwrap();
    let mut uncompressed = soon(plain.subscribe_exact("t")).await.unwrap();
    let mut elsewhere = soon(endpoint.subscribe_exact("t")).await.unwrap();
    let topic = Topic::try_from("t").unwrap();
    // Below what is compressed, compressed, and what becomes no shorter.
    for data in [
        Bytes::from_static(b"hello"),
        Bytes::from(vec![7; 300_000]),
        noise(100_000),
    ] {
        for from in [&ours, &plain, &endpoint] {
            let mut to = [&mut compressed, &mut uncompressed, &mut elsewhere];
            assert_eq!(publish(from, &topic, &data, &mut to).await, 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_when_it_is_dropped_or_closed() {
    let auth = Auth::none();
    let broadcaster = hub(&auth).await;
    let ours = socket_client(&auth, &[&broadcaster.url]);
    let one = soon(ours.subscribe_exact("t")).await.unwrap();
    let mut two = soon(ours.subscribe_exact("t")).await.unwrap();
    soon(one.close()).await.unwrap();
    let topic = Topic::try_from("t").unwrap();
    let data = Bytes::from_static(b"x");
    assert_eq!(publish(&ours, &topic, &data, &mut [&mut two]).await, 1);
    soon(two.unsubscribe(&Pattern::Exact(topic))).await.unwrap();
    assert_eq!(soon(ours.notify("t", "x")).await.unwrap().subscribers, 0);

    // It is subscribed to anew, and told in the background that it is gone.
    let three = soon(ours.subscribe_exact("t")).await.unwrap();
    drop(three);
    assert_eq!(soon(ours.notify("t", "x")).await.unwrap().subscribers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_so() {
    let (auth, other) = (
        Auth::generate(Kind::Hmac, Kind::Hmac).unwrap(),
        Auth::generate(Kind::Hmac, Kind::Hmac).unwrap(),
    );
    let broadcaster = hub(&auth).await;
    let ours = socket_client(&other, &[&broadcaster.url]);
    for refused in [
        soon(ours.notify("t", "x")).await.map(drop),
        soon(ours.subscribe_exact("t")).await.map(drop),
    ] {
        let Err(ClientError::Unreachable(error)) = refused else {
            panic!("{refused:?}");
        };
        assert!(
            error.to_string().contains("1008: a message is refused"),
            "{error}"
        );
    }
    assert!(ours.subscribed().is_empty());

    let both = Client::builder(auth)
        .broadcaster(&broadcaster.url)
        .unwrap()
        .host("http://127.0.0.1:1")
        .unwrap()
        .websocket()
        .build();
    assert!(matches!(both, Err(BuildError::HostAndWebSocket)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_again_and_the_subscriptions_learn_of_it() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let (secrets, first) = program_with(&auth);
    // The second one comes when the first is gone.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = format!("http://{}", listener.local_addr().unwrap());
    let ours = socket_client(&auth, &[&first.url(), &second]);
    let mut exact = soon(ours.subscribe_exact("t")).await.unwrap();
    let mut glob = soon(ours.subscribe_glob("t*")).await.unwrap();
    drop((first, secrets));
    let _second = serve_with_hub_on(&auth, |builder| builder, listener, MAX_TURN);
    for subscription in [&mut exact, &mut glob] {
        let event = soon(subscription.next_event()).await;
        assert!(matches!(event, Some(Event::Missed(None))), "{event:?}");
    }
    let topic = Topic::try_from("t").unwrap();
    let data = Bytes::from_static(b"x");
    let mut to = [&mut exact, &mut glob];
    assert_eq!(publish(&ours, &topic, &data, &mut to).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_confirmed_when_the_connection_was_lost_is_ambiguous() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let (_secrets, broadcaster) = program_with(&auth);
    let url = broadcaster.url();
    let (ours, other) = (socket_client(&auth, &[&url]), socket_client(&auth, &[&url]));
    let mut subscription = soon(other.subscribe_exact("t")).await.unwrap();
    let sent = tokio::spawn(async move { ours.notify("t", "x").await });
    // It was delivered, and is not confirmed.
    let message = soon(subscription.next()).await.unwrap();
    drop(broadcaster);
    let error = soon(sent).await.unwrap().unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    drop(message);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_at_a_time_all_arrive() {
    const COUNT: u32 = 500;
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let broadcaster = hub(&auth).await;
    let (from, to) = (
        socket_client(&auth, &[&broadcaster.url]),
        socket_client(&auth, &[&broadcaster.url]),
    );
    let mut subscription = soon(to.subscribe_exact("t")).await.unwrap();
    let received = tokio::spawn(async move {
        let mut sum = 0;
        for _ in 0..COUNT {
            let message = soon(subscription.next()).await.unwrap();
            sum += u32::from_be_bytes(message.data().as_ref().try_into().unwrap());
        }
        sum
    });
    let sent: Vec<_> = (0..COUNT)
        .map(|number| {
            let from = from.clone();
            tokio::spawn(async move { from.notify("t", number.to_be_bytes().to_vec()).await })
        })
        .collect();
    for one in sent {
        assert_eq!(soon(one).await.unwrap().unwrap().subscribers, 1);
    }
    assert_eq!(soon(received).await.unwrap(), (0..COUNT).sum::<u32>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_not_read_has_missed_what_waits_for_too_long() {
    let auth = Auth::none();
    // Long enough for what is sent at once.
    let settings = Settings::default().delivery_timeout(Duration::from_secs(5));
    let broadcaster = serve_with_hub(&auth, |builder| builder.settings(settings)).await;
    let (from, to) = (
        socket_client(&auth, &[&broadcaster.url]),
        socket_client(&auth, &[&broadcaster.url]),
    );
    let mut subscription = soon(to.subscribe_exact("t")).await.unwrap();
    let sent: Vec<_> = (0..4)
        .map(|_| {
            let from = from.clone();
            tokio::spawn(async move { from.notify("t", "x").await.unwrap().subscribers })
        })
        .collect();
    for one in sent {
        assert_eq!(soon(one).await.unwrap(), 0);
    }
    // Three were sent, and the fourth was missed.
    let topic = Topic::try_from("t").unwrap();
    let (mut messages, mut missed) = (0, 0);
    while messages + missed < 4 {
        match soon(subscription.next_event()).await.unwrap() {
            Event::Message(_) => messages += 1,
            Event::Missed(Some(of)) if of == topic => missed += 1,
            event => panic!("{event:?}"),
        }
    }
    assert_eq!((messages, missed), (3, 1));
}
