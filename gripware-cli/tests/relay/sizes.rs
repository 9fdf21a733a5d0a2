//! Failures in the sizes that they have in operation. They take minutes, so they are no part of what
//! CI runs: CONTRIBUTING.md says how they are run. Each prints its figures.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use super::{
    Site,
    broker::{Broker, Kind},
    client::Client,
    holds_that_open_miss_nothing,
    hub::Hub,
    origin::Feed,
    until,
};

const ITEMS: u64 = 100_000;
const KILLS: u64 = 5;
const HOLDS: usize = 10_000;

/// How many lines are published in one request.
const BATCH: u64 = 50;

/// How long a broker that was killed is away.
const AWAY: Duration = Duration::from_secs(1);

/// How long a node stands still.
const STOPPED: Duration = Duration::from_secs(30);

/// How long a broker stands still.
const HANGS: Duration = Duration::from_secs(20);

/// What a node has counted that is worth knowing after a failure.
const COUNTERS: [&str; 6] = [
    "received",
    "duplicates",
    "missed",
    "losses",
    "sent_again",
    "disconnects",
];

async fn print_counts(kind: Kind, what: &str, hubs: [&Hub; 2]) {
    for (name, hub) in ["a", "b"].iter().zip(hubs) {
        let mut text = format!("{kind:?}, {what}: node {name}");
        for counter in COUNTERS {
            let value = hub.metric(&format!("gripware_relay_{counter}_total")).await;
            text += &format!(", {counter} {value}");
        }
        println!("{text}");
    }
}

/// Adds lines to the feed, and publishes them together until they are accepted. Returns the last one.
async fn publish_batch(feed: &Feed, hub: &Hub) -> u64 {
    let first = feed.last() + 1;
    let last = (0..BATCH).fold(0, |_, _| feed.append());
    let is_accepted = async || hub.publish_lines(first, last).await;
    until("they are accepted", is_accepted).await;
    last
}

/// Tries to publish a line each second, which is refused each time, until `time` is over. Returns
/// how often it was.
async fn is_refused_for(time: Duration, hub: &Hub, line: u64) -> u64 {
    let (begin, mut refused) = (Instant::now(), 0);
    while begin.elapsed() < time {
        assert!(!hub.publish(line).await, "nobody has it");
        refused += 1;
        sleep(Duration::from_secs(1)).await;
    }
    refused
}

async fn until_ready(hub: &Hub) {
    until("it is ready", async || hub.is_ready().await).await;
}

async fn until_deaf(hub: &Hub) {
    until("it is not ready", async || !hub.is_ready().await).await;
}

async fn a_hundred_thousand_items_outlive_five_kills_of_the_broker(kind: Kind) {
    let Site {
        mut broker,
        feed,
        a,
        b,
        of_a,
        of_b,
    } = Site::start(kind).await;
    let begin = Instant::now();
    let (mut last, mut killed) = (0, 0);
    for hub in [&a, &b].into_iter().cycle() {
        let is_due = killed < KILLS && last >= ITEMS / (KILLS + 1) * (killed + 1);
        if is_due {
            killed += 1;
            let publishing = publish_batch(&feed, hub);
            (last, ()) = tokio::join!(publishing, is_killed(&mut broker));
        } else {
            last = publish_batch(&feed, hub).await;
        }
        if last >= ITEMS {
            break;
        }
    }
    println!(
        "{kind:?}: {last} items accepted with {killed} kills in {:.1?}",
        begin.elapsed()
    );
    everybody_has_all(of_a.iter().chain(&of_b), last).await;
    print_counts(kind, "five kills", [&a, &b]).await;
}

/// With a batch on its way.
async fn is_killed(broker: &mut Broker) {
    sleep(Duration::from_millis(2)).await;
    broker.kill();
    sleep(AWAY).await;
    broker.start_again();
}

async fn everybody_has_all(clients: impl Iterator<Item = &Client>, last: u64) {
    for client in clients {
        client.has(last).await;
        client.has_all(1, last);
    }
}

async fn ten_thousand_holds_that_open_miss_nothing(kind: Kind) {
    let begin = Instant::now();
    holds_that_open_miss_nothing(kind, HOLDS).await;
    println!("{kind:?}: {HOLDS} holds in {:.1?}", begin.elapsed());
}

async fn a_node_is_stopped_for_thirty_seconds_under_load(kind: Kind) {
    let site = Site::start(kind).await;
    let last = site.publish(10).await;
    site.everybody_has_all(last).await;

    site.b.send(Signal::STOP);
    let (begin, mut last) = (Instant::now(), 0);
    while begin.elapsed() < STOPPED {
        last = publish_batch(&site.feed, &site.a).await;
        // Those of the other node are unharmed.
        for client in &site.of_a {
            client.has(last).await;
        }
    }
    let meanwhile = last - 10;
    site.b.send(Signal::CONT);
    let begin = Instant::now();
    until_ready(&site.b).await;
    let ready = begin.elapsed();
    last = site.publish(10).await;
    site.everybody_has_all(last).await;
    println!(
        "{kind:?}: stopped for {STOPPED:?}, {meanwhile} items meanwhile; ready after {ready:.1?}, all \
         there after {:.1?}",
        begin.elapsed()
    );
    print_counts(kind, "a node stopped", [&site.a, &site.b]).await;
    assert_eq!(site.a.metric("gripware_relay_losses_total").await, 0);
    let missed = site.b.metric("gripware_relay_missed_total").await;
    let losses = site.b.metric("gripware_relay_losses_total").await;
    match kind {
        Kind::Redis => assert_eq!(missed, 0),
        Kind::Nats => assert!(losses >= 1),
    }
}

async fn a_broker_is_away(kind: Kind, time: Duration) {
    let mut site = Site::start(kind).await;
    let last = site.publish(20).await;
    site.everybody_has_all(last).await;

    site.broker.kill();
    for hub in [&site.a, &site.b] {
        until_deaf(hub).await;
    }
    let during = site.feed.append();
    let refused = is_refused_for(time, &site.a, during).await;
    site.broker.start_again();
    goes_on(&site, kind, &format!("away for {time:?}"), during, refused).await;
    for hub in [&site.a, &site.b] {
        assert_eq!(hub.metric("gripware_relay_disconnects_total").await, 1);
    }
}

async fn a_broker_is_away_for_thirty_seconds(kind: Kind) {
    a_broker_is_away(kind, Duration::from_secs(30)).await;
}

async fn a_broker_is_away_for_two_minutes(kind: Kind) {
    a_broker_is_away(kind, Duration::from_secs(120)).await;
}

async fn a_broker_hangs_for_twenty_seconds(kind: Kind) {
    let site = Site::start(kind).await;
    let last = site.publish(20).await;
    site.everybody_has_all(last).await;

    site.broker.send(Signal::STOP);
    let begin = Instant::now();
    for hub in [&site.a, &site.b] {
        until_deaf(hub).await;
    }
    println!(
        "{kind:?}: deaf {:.1?} after it was stopped",
        begin.elapsed()
    );
    let during = site.feed.append();
    let left = HANGS.saturating_sub(begin.elapsed());
    let refused = is_refused_for(left, &site.a, during).await;
    site.broker.send(Signal::CONT);
    goes_on(&site, kind, "hangs", during, refused).await;
}

/// The broker is back: nobody restarts anything, and every stream ends complete and in order.
async fn goes_on(site: &Site, kind: Kind, what: &str, during: u64, refused: u64) {
    let begin = Instant::now();
    for hub in [&site.a, &site.b] {
        until_ready(hub).await;
    }
    let ready = begin.elapsed();
    site.a.publish_surely(during).await;
    let last = site.publish(20).await;
    site.everybody_has_all(last).await;
    println!(
        "{kind:?}, {what}: refused {refused} times; ready after {ready:.1?}, all there after {:.1?}",
        begin.elapsed()
    );
    print_counts(kind, what, [&site.a, &site.b]).await;
}

/// Each for both brokers.
macro_rules! with_brokers {
    ($($name:ident,)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "it takes minutes: see CONTRIBUTING.md"]
            async fn redis() {
                super::$name(super::Kind::Redis).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "it takes minutes: see CONTRIBUTING.md"]
            async fn nats() {
                super::$name(super::Kind::Nats).await;
            }
        }
    )*};
}

with_brokers! {
    a_hundred_thousand_items_outlive_five_kills_of_the_broker,
    ten_thousand_holds_that_open_miss_nothing,
    a_node_is_stopped_for_thirty_seconds_under_load,
    a_broker_is_away_for_thirty_seconds,
    a_broker_is_away_for_two_minutes,
    a_broker_hangs_for_twenty_seconds,
}
