//! What a relay costs, with the real program and real brokers: two nodes that take 10 000 items a
//! second, the time from publishing at one to a client of the other, and what the same items cost a
//! third node where nobody follows them.
//!
//! ```sh
//! cargo bench -p gripware-cli --bench relay
//! ```

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on panics"
)]

#[path = "../../tests/relay/broker.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod broker;
#[path = "../../tests/relay/hub.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod hub;
mod load;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use broker::{Broker, Kind};
use hub::Hub;
use load::{Control, Stream, cpu};
use tokio::{net::TcpListener, time::timeout};

const LONG: Duration = Duration::from_secs(60);

/// How many items are published one after another for the median.
const SAMPLES: usize = 1_000;

/// How long the load lasts.
const LOAD: Duration = Duration::from_secs(10);

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(LONG, waiting).await.is_ok(), "{what}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let origin = origin().await;
    let alone = {
        let hub = Hub::alone(origin).await;
        let mut stream = Stream::connect(hub.front).await;
        median(&hub, &mut stream).await
    };
    println!("one node, no relay: p50 {alone:.2?} from publish to client");
    for kind in [Kind::Redis, Kind::Nats] {
        figures(kind, origin, alone).await;
    }
}

async fn figures(kind: Kind, origin: SocketAddr, alone: Duration) {
    let broker = Broker::start(kind);
    let a = Hub::start("a", origin, &broker).await;
    let b = Hub::start("b", origin, &broker).await;
    let mut stream = Stream::connect(b.front).await;
    let across = median(&a, &mut stream).await;
    println!(
        "{kind:?}: p50 {across:.2?} from publish at one node to a client of the other, {:.2?} more",
        across.saturating_sub(alone)
    );

    let reading = tokio::spawn(stream.drain());
    load(kind, &[("a", &a), ("b", &b)]).await;
    let c = Hub::start("c", origin, &broker).await;
    load(
        kind,
        &[("a", &a), ("b", &b), ("c, where nobody follows", &c)],
    )
    .await;
    reading.abort();
}

/// Publishes at the first node for a while, and prints what that costs each.
async fn load(kind: Kind, nodes: &[(&str, &Hub)]) {
    let [(_, first), .., (_, last)] = nodes else {
        return;
    };
    let before: Vec<_> = nodes.iter().map(|(_, hub)| cpu(hub.id())).collect();
    let received = last.metric("gripware_relay_received_total").await;
    let begin = Instant::now();
    load::run(first.control, LOAD).await;
    let took = begin.elapsed().as_secs_f64();
    let received = last.metric("gripware_relay_received_total").await - received;
    println!(
        "{kind:?}: {:.0} items/s, from one node to {}",
        received as f64 / took,
        nodes.len()
    );
    for ((name, hub), before) in nodes.iter().zip(before) {
        let now = cpu(hub.id());
        let share = |now: Duration, before: Duration| (now - before).as_secs_f64() / took * 100.0;
        println!(
            "{kind:?}: node {name}: {:.1} % of a core for the relay, {:.1} % in all",
            share(now.relay, before.relay),
            share(now.all, before.all)
        );
        let missed = hub.metric("gripware_relay_missed_total").await;
        assert_eq!(missed, 0, "{name} has missed items");
    }
}

/// Publishes one item after another, each when the one before has come.
async fn median(hub: &Hub, stream: &mut Stream) -> Duration {
    let mut control = Control::connect(hub.control).await;
    let mut times = Vec::with_capacity(SAMPLES);
    for number in 0..SAMPLES {
        let text = format!("sample {number}");
        let begin = Instant::now();
        control.send(&load::item(&text)).await;
        stream.until(&text).await;
        times.push(begin.elapsed());
        control.answered().await;
    }
    times.sort_unstable();
    times.get(SAMPLES / 2).copied().unwrap_or_default()
}

/// An application whose clients are held in one stream.
async fn origin() -> SocketAddr {
    let hold = || async {
        (
            [("grip-hold", "stream"), ("grip-channel", "figures")],
            "[open]\n",
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/stream", get(hold));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}
