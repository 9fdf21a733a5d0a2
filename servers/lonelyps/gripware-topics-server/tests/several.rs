//! Several broadcasters that share their subscriptions: programs with a Redis.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use gripware_topics::{
    Auth, Topic,
    auth::Kind,
    client::{Client, Event, Subscription},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Running, Served, client, program, socket_client, soon};

/// A Redis that ends with the test.
struct Redis {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that is free, and stays so: nobody but this process listens at its IP address, and no
/// connection has it.
async fn free_address() -> SocketAddr {
    let [.., high, middle, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, 64 | high, middle, low);
    let free = TcpListener::bind((ip, 0)).await.unwrap();
    free.local_addr().unwrap()
}

impl Redis {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address().await;
        let mut child = Command::new("redis-server")
            .args(["--bind", &address.ip().to_string()])
            .args(["--port", &address.port().to_string(), "--save", ""])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("tests/peers installs redis-server");
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "it has ended");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon(listens).await;
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// Everything in it is lost.
    async fn wipe(&self) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(b"FLUSHALL\r\n").await.unwrap();
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"+OK\r\n");
    }
}

/// A NATS that ends with the test.
struct Nats(Child, SocketAddr);

impl Nats {
    async fn start() -> Self {
        let address = free_address().await;
        let child = Command::new("nats-server")
            .args(["-a", &address.ip().to_string()])
            .args(["-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/peers installs nats-server");
        let this = Self(child, address);
        soon(async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        this
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broadcaster whose connections others reach.
async fn broadcaster(redis: &Redis, secrets: &Path) -> (Running, Served) {
    broadcaster_with(redis, secrets, "").await
}

/// The same, with a relay.
async fn broadcaster_with(redis: &Redis, secrets: &Path, relay: &str) -> (Running, Served) {
    let address = free_address().await;
    let url = format!("http://{address}");
    let running = Running::start_at(
        &address.to_string(),
        program()
            .args(["--allow-target", "127.0.0.0/8", "--host", &url])
            .arg("--secrets")
            .arg(secrets)
            .env("GRIPWARE_RELAY", relay)
            .env("GRIPWARE_STATE", format!("redis://{}", redis.address)),
    );
    let serving = tokio::spawn(async {});
    (running, Served { url, serving })
}

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
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), auth.to_json()).unwrap();
    let (first, at_first) = broadcaster(&redis, secrets.path()).await;
    let (_second, at_second) = broadcaster(&redis, secrets.path()).await;

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
    let (_third, at_third) = broadcaster(&redis, secrets.path()).await;
    let third = client(&auth, &at_third).await;
    let mut to = [&mut over_http, &mut two, &mut three];
    assert_eq!(publish(&third, "a third", &mut to).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_over_nats_gets_each_message_once_and_goes_on_without_it() {
    let (redis, nats) = (Redis::start().await, Nats::start().await);
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), auth.to_json()).unwrap();
    let relay = format!("nats://{}", nats.1);
    let (_first, at_first) = broadcaster_with(&redis, secrets.path(), &relay).await;
    let (_second, at_second) = broadcaster_with(&redis, secrets.path(), &relay).await;
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
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), auth.to_json()).unwrap();
    let (_first, at_first) = broadcaster(&redis, secrets.path()).await;
    let (_second, at_second) = broadcaster(&redis, secrets.path()).await;
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
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), auth.to_json()).unwrap();
    let (_first, at_first) = broadcaster(&redis, secrets.path()).await;
    let (_second, at_second) = broadcaster(&redis, secrets.path()).await;
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
