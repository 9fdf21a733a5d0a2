//! How long a message takes to subscribers that keep WebSockets, beside PyPI's `lonelypss` in one run.
//!
//! ```text
//! tests/peers                                                    installs lonelypss
//! cargo bench -p gripware-topics-server --bench sockets          both, two minutes
//! cargo bench -p gripware-topics-server --bench sockets -- ours  ours alone
//! ```
//!
//! 1 000 subscribers in this process confirm at once: they sign, and do not verify. One message of 100
//! bytes a second goes to all of them; the time is that from its being sent to its being read by each.
//! Of the p99 of each message the median is told, and the p99 of all messages together, which the
//! slowest message of twenty decides.
//! Both ends share the processors, so the subscribers are one thread, which wakes nobody for a message
//! and reads and writes frames without a library ([`frames`]).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a benchmark"
)]

#[path = "support/frames.rs"]
mod frames;
mod support;

use std::{
    mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gripware_topics::{
    Auth, Authorization, Pattern, Topic, Tracing,
    auth::{Kind, Nonce, Signed},
    client::Client,
    http::WEBSOCKET,
    ws::{Counter, FromBroadcaster, FromSubscriber, Side, nonce},
};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    frames::Frames,
    support::{Broadcaster, now, percentile},
};

const SUBSCRIBERS: usize = 1000;

/// When a message came to each subscriber.
#[derive(Default)]
struct Arrivals {
    times: Mutex<Vec<Instant>>,
    all: Notify,
}

impl Arrivals {
    fn note(&self) {
        let mut times = self.times.lock().unwrap();
        times.push(Instant::now());
        if times.len() == SUBSCRIBERS {
            self.all.notify_one();
        }
    }

    async fn take(&self) -> Vec<Instant> {
        self.all.notified().await;
        mem::take(&mut self.times.lock().unwrap())
    }
}

/// A subscriber.
struct Socket {
    frames: Frames,
    auth: Auth,
    counter: Counter,
}

impl Socket {
    async fn open(broadcaster: &Broadcaster) -> Self {
        let address = broadcaster.url.trim_start_matches("http://");
        let mut socket = Self {
            frames: Frames::open(address, WEBSOCKET).await,
            auth: broadcaster.auth.clone(),
            counter: Counter::new("", Side::Subscriber),
        };
        let own = [7; 32];
        let signed = Signed::Configure {
            nonce: &own,
            zstd: false,
            training: false,
            initial_dict: 0,
        };
        let configure = FromSubscriber::Configure {
            nonce: own,
            zstd: false,
            training: false,
            initial_dict: 0,
            authorization: socket.sign(&signed),
            tracing: Tracing::default(),
        };
        socket.say(&configure).await;
        let FromBroadcaster::ConfirmConfigure { nonce: theirs, .. } = socket.hear().await else {
            panic!("it is not configured");
        };
        socket.counter = Counter::new(&nonce(&own, &theirs), Side::Subscriber);
        socket
    }

    async fn subscribe(&mut self, topic: &str) {
        let pattern = Pattern::Exact(Topic::try_from(topic).unwrap());
        let url = self.counter.next_url();
        let signed = Signed::Subscribe {
            url: &url,
            recovery: None,
            pattern: &pattern,
        };
        let authorization = self.sign(&signed);
        self.say(&FromSubscriber::Subscribe {
            authorization,
            tracing: Tracing::default(),
            pattern,
        })
        .await;
        let heard = self.hear().await;
        assert!(matches!(heard, FromBroadcaster::ConfirmSubscribe { .. }));
    }

    /// Says when each message came, and confirms it.
    async fn confirm_all(mut self, arrivals: Arc<Arrivals>) {
        loop {
            let FromBroadcaster::ReceiveStream(part) = self.hear().await else {
                panic!("it is no message");
            };
            arrivals.note();
            let url = self.counter.next_url();
            let signed = Signed::ConfirmReceive {
                identifier: &part.identifier,
                subscribers: 1,
                url: &url,
            };
            let authorization = self.sign(&signed);
            self.say(&FromSubscriber::ConfirmReceive {
                identifier: part.identifier,
                authorization,
                tracing: Tracing::default(),
                subscribers: 1,
            })
            .await;
        }
    }

    fn sign(&self, signed: &Signed<'_>) -> Option<Authorization> {
        let credential = &self.auth.to_broadcaster;
        if credential.kind() == Kind::None {
            // Nothing to be random either.
            return None;
        }
        credential.sign(signed, &Tracing::default(), now(), &Nonce::random())
    }

    async fn say(&mut self, message: &FromSubscriber) {
        self.frames.write(&message.encode(true).unwrap()).await;
    }

    async fn hear(&mut self) -> FromBroadcaster {
        FromBroadcaster::decode(self.frames.read().await).unwrap()
    }
}

/// How long each message took to each subscriber, the fastest first.
async fn measure(broadcaster: &Broadcaster, messages: u32) -> Vec<Vec<Duration>> {
    let arrivals = Arc::new(Arrivals::default());
    // They end with this function, before the broadcaster does.
    let mut subscribers = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let mut socket = Socket::open(broadcaster).await;
        socket.subscribe("t").await;
        subscribers.spawn(socket.confirm_all(Arc::clone(&arrivals)));
    }
    let publisher = Client::builder(broadcaster.auth.clone())
        .broadcaster(&broadcaster.url)
        .unwrap()
        .build()
        .unwrap();
    let mut times = Vec::new();
    for _ in 0..messages {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sent = Instant::now();
        let publisher = publisher.clone();
        let notified = tokio::spawn(async move { publisher.notify("t", vec![b'x'; 100]).await });
        let came = arrivals.take().await;
        let mut took: Vec<_> = came.iter().map(|came| came.duration_since(sent)).collect();
        took.sort();
        times.push(took);
        notified.await.unwrap().unwrap();
    }
    times
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let only = |name: &str| arguments.iter().any(|argument| argument == name);
    let messages = arguments.iter().find_map(|argument| argument.parse().ok());
    let messages = messages.unwrap_or(10);
    println!(
        "| broadcaster | authentication | sockets | p99 of a message | p50 of all | p99 of all |"
    );
    println!("|---|---|---:|---:|---:|---:|");
    for (name, kind) in [
        ("original", Kind::None),
        ("ours", Kind::None),
        ("ours", Kind::Hmac),
    ] {
        if only("ours") != only("original") && !only(name) {
            continue;
        }
        let broadcaster = match name {
            "ours" => Broadcaster::ours(kind),
            _ => Broadcaster::original(kind),
        };
        let times = measure(&broadcaster, messages).await;
        let mut of_each: Vec<_> = times.iter().map(|took| percentile(took, 99)).collect();
        of_each.sort();
        let of_a_message = percentile(&of_each, 50);
        let mut all = times.concat();
        all.sort();
        let [p50, p99] = [50, 99].map(|part| percentile(&all, part));
        let kind = kind.as_str();
        println!(
            "| {name} | {kind} | {SUBSCRIBERS} | {of_a_message:.1?} | {p50:.1?} | {p99:.1?} |"
        );
    }
}
