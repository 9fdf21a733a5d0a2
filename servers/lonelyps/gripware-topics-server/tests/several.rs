//! Several broadcasters that share their subscriptions: programs with a Redis.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use gripware_topics::{
    Auth, Topic,
    client::{Client, Event, Subscription},
    http::{RECEIVE, RECOVER},
};

use crate::support::{
    client,
    endpoint::{Answers, Endpoint, notify},
    several::{Nats, Redis, broadcaster, broadcaster_with, secrets},
    socket_client, soon,
};

/// Publishes, and takes the message from each of the subscriptions meanwhile.
async fn publish(from: &Client, data: &'static str, to: &mut [&mut Subscription]) -> u32 {
    let received = async {
        for subscription in to {
            assert_eq!(subscription.next().await.unwrap().data(), data);
        }
    };
    let (sent, ()) = soon(async { tokio::join!(from.notify("t", data), received) }).await;
    sent.unwrap().subscribers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_subscribers_of_all_and_one_that_is_killed_takes_only_its_own() {
    let redis = Redis::start().await;
    let (auth, file) = secrets();
    let (first, at_first) = broadcaster(&redis, file.path()).await;
    let (_second, at_second) = broadcaster(&redis, file.path()).await;

    let endpoint = client(&auth, &at_first).await;
    let elsewhere = client(&auth, &at_second).await;
    let socket_first = socket_client(&auth, &[&at_first.url]);
    let socket_second = socket_client(&auth, &[&at_second.url]);
    let moving = socket_client(&auth, &[&at_first.url, &at_second.url]);
    let mut over_http = soon(endpoint.subscribe_exact("t")).await.unwrap();
    let mut one = soon(socket_first.subscribe_glob("t*")).await.unwrap();
    let mut two = soon(socket_second.subscribe_exact("t")).await.unwrap();
    let mut three = soon(moving.subscribe_exact("t")).await.unwrap();
    // What is confirmed counts at once, wherever it was asked for.
    for from in [&endpoint, &elsewhere, &socket_first, &socket_second] {
        let mut to = [&mut over_http, &mut one, &mut two, &mut three];
        assert_eq!(publish(from, "hello", &mut to).await, 4);
    }
    soon(one.close()).await.unwrap();
    let mut to = [&mut over_http, &mut two, &mut three];
    assert_eq!(publish(&elsewhere, "without one", &mut to).await, 3);

    // The endpoint was subscribed at the first, which is killed.
    drop(first);
    let mut to = [&mut over_http, &mut two];
    // One whose connection has moved already counts as well.
    let confirmed = publish(&elsewhere, "without the first", &mut to).await;
    assert!((2..=3).contains(&confirmed), "{confirmed}");
    let missed = async { while !matches!(three.next_event().await, Some(Event::Missed(_))) {} };
    soon(missed).await;
    let mut to = [&mut over_http, &mut two, &mut three];
    assert_eq!(publish(&elsewhere, "moved", &mut to).await, 3);

    // One that starts anew knows what is in the store.
    let (_third, at_third) = broadcaster(&redis, file.path()).await;
    let third = client(&auth, &at_third).await;
    let mut to = [&mut over_http, &mut two, &mut three];
    assert_eq!(publish(&third, "a third", &mut to).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_over_nats_gets_each_message_once_and_goes_on_without_it() {
    let (redis, nats) = (Redis::start().await, Nats::start().await);
    let (auth, file) = secrets();
    let relay = format!("nats://{}", nats.1);
    let (_first, at_first) = broadcaster_with(&redis, file.path(), &relay).await;
    let (_second, at_second) = broadcaster_with(&redis, file.path(), &relay).await;
    let endpoint = client(&auth, &at_first).await;
    let socket_first = socket_client(&auth, &[&at_first.url]);
    let socket_second = socket_client(&auth, &[&at_second.url]);
    let mut over_http = soon(endpoint.subscribe_exact("t")).await.unwrap();
    let mut one = soon(socket_first.subscribe_exact("t")).await.unwrap();
    let mut two = soon(socket_second.subscribe_glob("t*")).await.unwrap();
    let all = [&endpoint, &socket_first, &socket_second];
    for from in all {
        let mut to = [&mut over_http, &mut one, &mut two];
        assert_eq!(publish(from, "by nats", &mut to).await, 3);
    }
    // Connections are woken at their own broadcaster, and no message needs the relay.
    drop(nats);
    for from in all {
        let mut to = [&mut over_http, &mut one, &mut two];
        assert_eq!(publish(from, "without nats", &mut to).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_wiped_is_filled_again_by_who_is_subscribed() {
    let redis = Redis::start().await;
    let (auth, file) = secrets();
    let (_first, at_first) = broadcaster(&redis, file.path()).await;
    let (_second, at_second) = broadcaster(&redis, file.path()).await;
    let endpoint = client(&auth, &at_first).await;
    let elsewhere = client(&auth, &at_second).await;
    let mut subscription = soon(endpoint.subscribe_exact("t")).await.unwrap();
    assert_eq!(publish(&elsewhere, "x", &mut [&mut subscription]).await, 1);
    redis.wipe().await;
    let sent = soon(elsewhere.notify("t", "x")).await.unwrap();
    assert_eq!(sent.subscribers, 0);
    assert!(soon(endpoint.reconcile()).await.unwrap());
    let event = soon(subscription.next_event()).await;
    assert!(matches!(event, Some(Event::Missed(None))), "{event:?}");
    assert_eq!(publish(&elsewhere, "y", &mut [&mut subscription]).await, 1);
    assert!(!soon(endpoint.reconcile()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_learn_that_the_store_was_wiped_and_are_in_it_again() {
    let redis = Redis::start().await;
    let (auth, file) = secrets();
    let (_first, at_first) = broadcaster(&redis, file.path()).await;
    let (_second, at_second) = broadcaster(&redis, file.path()).await;
    let (exact, glob) = (
        socket_client(&auth, &[&at_first.url]),
        socket_client(&auth, &[&at_first.url]),
    );
    let elsewhere = client(&auth, &at_second).await;
    let mut exact = soon(exact.subscribe_exact("t")).await.unwrap();
    let mut glob = soon(glob.subscribe_glob("t*")).await.unwrap();
    let mut to = [&mut exact, &mut glob];
    assert_eq!(publish(&elsewhere, "x", &mut to).await, 2);
    redis.wipe().await;
    // Nobody is told of a topic by its pattern: that connection is made anew.
    for (subscription, topic) in [(&mut exact, Some("t")), (&mut glob, None)] {
        let event = soon(subscription.next_event()).await.unwrap();
        let Event::Missed(missed) = event else {
            panic!("{event:?}");
        };
        assert_eq!(missed.as_ref().and_then(Topic::as_str), topic);
    }
    let mut to = [&mut exact, &mut glob];
    assert_eq!(publish(&elsewhere, "y", &mut to).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_that_ends_has_not_delivered_another_one_tells() {
    let redis = Redis::start().await;
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), Auth::none().to_json()).unwrap();
    let (first, at_first) = broadcaster(&redis, secrets.path()).await;
    let (_second, at_second) = broadcaster(&redis, secrets.path()).await;
    let mut endpoint = Endpoint::start(Answers {
        recovers: true.into(),
        ..Answers::default()
    })
    .await;
    endpoint.subscribe(&at_second.url, true).await;
    let publishing = tokio::spawn(notify(at_first.url.clone()));
    assert_eq!(endpoint.asked().await, RECEIVE);
    let ended = tokio::task::spawn_blocking(move || first.end());
    publishing.await.unwrap();
    assert_eq!(ended.await.unwrap(), 0);
    assert_eq!(endpoint.asked().await, RECOVER);
}
