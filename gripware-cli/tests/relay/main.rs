//! Two of the program in front of two applications, over a real Redis and a real NATS, and what is
//! there after one of them has failed: what was accepted is delivered once, and what was lost is
//! counted and recovered.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it is a test"
)]

mod broker;
mod client;
mod hub;
mod origin;
mod sizes;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use broker::{Broker, Kind};
use client::Client;
use hub::Hub;
use origin::Feed;
use rustix::process::Signal;
use tokio::{
    task::{JoinSet, LocalSet},
    time::{sleep, timeout},
};

const LONG: Duration = Duration::from_secs(60);

/// How many holds open, and how many open them at a time.
const HOLDS: usize = 2_000;
const OPENERS: usize = 50;

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(LONG, waiting).await.is_ok(), "{what}");
}

/// Two nodes and two clients of each.
struct Site {
    broker: Broker,
    feed: Feed,
    a: Hub,
    b: Hub,
    of_a: Vec<Client>,
    of_b: Vec<Client>,
}

impl Site {
    async fn start(kind: Kind) -> Self {
        let (broker, feed) = (Broker::start(kind), Feed::default());
        let a = Hub::start("a", feed.serve().await, &broker).await;
        let b = Hub::start("b", feed.serve().await, &broker).await;
        for hub in [&a, &b] {
            until("they know each other", async || {
                hub.metric("gripware_relay_nodes").await == 1
            })
            .await;
        }
        Self {
            of_a: clients(&a).await,
            of_b: clients(&b).await,
            broker,
            feed,
            a,
            b,
        }
    }

    /// Publishes lines at both nodes in turn.
    async fn publish(&self, count: usize) -> u64 {
        let mut last = 0;
        for hub in [&self.a, &self.b].into_iter().cycle().take(count) {
            last = self.feed.append();
            hub.publish_surely(last).await;
        }
        last
    }

    fn clients(&self) -> impl Iterator<Item = &Client> {
        self.of_a.iter().chain(&self.of_b)
    }

    async fn everybody_has_all(&self, last: u64) {
        for client in self.clients() {
            client.has(last).await;
            client.has_all(1, last);
        }
    }
}

async fn clients(hub: &Hub) -> Vec<Client> {
    vec![
        Client::connect(hub.front, 0).await,
        Client::connect(hub.front, 0).await,
    ]
}

async fn a_broker_is_killed_and_comes_back(kind: Kind) {
    let mut site = Site::start(kind).await;
    let last = site.publish(20).await;
    site.everybody_has_all(last).await;

    site.broker.kill();
    for hub in [&site.a, &site.b] {
        until("it is not ready", async || !hub.is_ready().await).await;
    }
    // Nobody says that it was accepted.
    let during = site.feed.append();
    assert!(!site.a.publish(during).await);
    site.broker.start_again();
    site.a.publish_surely(during).await;
    for hub in [&site.a, &site.b] {
        until("it is ready", async || hub.is_ready().await).await;
        assert!(hub.metric("gripware_relay_disconnects_total").await >= 1);
    }
    let last = site.publish(20).await;
    site.everybody_has_all(last).await;
    if kind == Kind::Nats {
        // It keeps nothing, so what was sent while they were away may be lost.
        for hub in [&site.a, &site.b] {
            assert!(hub.metric("gripware_relay_losses_total").await >= 1);
        }
    }
}

async fn a_node_is_stopped_and_goes_on(kind: Kind) {
    let site = Site::start(kind).await;
    let last = site.publish(10).await;
    site.everybody_has_all(last).await;

    site.b.send(Signal::STOP);
    // Those of the other node are unharmed.
    let mut last = 0;
    for _ in 0..50 {
        last = site.feed.append();
        site.a.publish_surely(last).await;
        sleep(Duration::from_millis(100)).await;
    }
    for client in &site.of_a {
        client.has(last).await;
    }
    let nodes = site.a.request("GET /nodes", "").await;
    assert!(
        nodes.contains("grip-nodes: 1/1"),
        "the other is silent: {nodes}"
    );
    site.b.send(Signal::CONT);
    until("it hears again", async || site.b.is_ready().await).await;
    let last = last.max(site.publish(10).await);
    site.everybody_has_all(last).await;
    let losses = site.b.metric("gripware_relay_losses_total").await;
    match kind {
        // It reads on where it was, and has missed nothing.
        Kind::Redis => assert_eq!(site.b.metric("gripware_relay_missed_total").await, 0),
        // It was silent for longer than is believed.
        Kind::Nats => assert!(losses >= 1),
    }
    assert_eq!(site.a.metric("gripware_relay_losses_total").await, 0);
}

async fn a_node_is_killed_and_its_clients_go_to_the_other(kind: Kind) {
    let site = Site::start(kind).await;
    let last = site.publish(10).await;
    site.everybody_has_all(last).await;
    let Site {
        broker,
        feed,
        a,
        b,
        of_a,
        of_b,
    } = site;
    b.kill();
    // Until it counts as gone, lists say that they are partial.
    let partial = a.request("GET /connections", "").await;
    assert!(partial.contains("grip-nodes: 1/2"), "{partial}");
    let unknown = "DELETE /connections/6f1ed002-5ab8-4a3b-9f5e-0d1c6e8a3b11";
    let answer = a.request(unknown, "").await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");

    let missed = feed.append();
    a.publish_surely(missed).await;
    let mut moved = Vec::new();
    for client in of_b {
        client.is_cut().await;
        client.has_all(1, last);
        moved.push(Client::connect(a.front, client.last()).await);
    }
    let answer = async || a.request(unknown, "").await;
    until("it counts as gone", async || {
        answer().await.starts_with("HTTP/1.1 404 ")
    })
    .await;

    // The same node once more is another run of it, and counts anew.
    let b = Hub::start("b", feed.serve().await, &broker).await;
    until("they know each other", async || {
        a.metric("gripware_relay_nodes").await == 1
    })
    .await;
    let last = feed.append();
    b.publish_surely(last).await;
    for client in &of_a {
        client.has(last).await;
        client.has_all(1, last);
    }
    for client in &moved {
        client.has(last).await;
        client.has_all(missed, last);
    }
    let all = a.request("GET /connections", "").await;
    assert!(all.contains("grip-nodes: 2/2"), "{all}");
    assert_eq!(all.matches("\"node\":\"a\"").count(), 4, "{all}");
    assert_eq!(a.metric("gripware_relay_missed_total").await, 0);
}

async fn holds_that_open_while_the_other_node_publishes_miss_nothing(kind: Kind) {
    holds_that_open_miss_nothing(kind, HOLDS).await;
}

/// Opens so many holds at one node while the other one publishes.
async fn holds_that_open_miss_nothing(kind: Kind, holds: usize) {
    let Site {
        broker: _broker,
        feed,
        a,
        b,
        ..
    } = Site::start(kind).await;
    let is_over = AtomicBool::new(false);
    let publishing = async {
        while !is_over.load(Ordering::Relaxed) {
            a.publish_surely(feed.append()).await;
            sleep(Duration::from_millis(5)).await;
        }
    };
    let opening = async {
        let mut openers = JoinSet::new();
        for _ in 0..OPENERS {
            openers.spawn_local(open(feed.clone(), b.front, holds / OPENERS));
        }
        while let Some(opener) = openers.join_next().await {
            opener.unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    };
    LocalSet::new()
        .run_until(async { tokio::join!(publishing, opening) })
        .await;
    assert_eq!(b.metric("gripware_relay_missed_total").await, 0);
}

/// Opens one hold after another. Each goes on from the last line that there is, and goes once it has
/// some more.
async fn open(feed: Feed, front: SocketAddr, holds: usize) {
    for _ in 0..holds {
        let from = feed.last();
        let client = Client::connect(front, from).await;
        client.has(feed.last() + 2).await;
        let seen = client.seen();
        assert!(
            seen.iter().copied().eq(from + 1..=from + seen.len() as u64),
            "after {from}: {seen:?}"
        );
    }
}

/// Each for both brokers.
macro_rules! with_brokers {
    ($($name:ident,)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis() {
                super::$name(super::Kind::Redis).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nats() {
                super::$name(super::Kind::Nats).await;
            }
        }
    )*};
}

with_brokers! {
    a_broker_is_killed_and_comes_back,
    a_node_is_stopped_and_goes_on,
    a_node_is_killed_and_its_clients_go_to_the_other,
    holds_that_open_while_the_other_node_publishes_miss_nothing,
}
