//! How many messages a broadcaster takes and delivers, beside PyPI's `lonelypss` in one run.
//!
//! ```text
//! tests/peers                                              installs lonelypss
//! cargo bench -p gripware-topics-server --bench notify                  both, a minute
//! cargo bench -p gripware-topics-server --bench notify -- ours 10       ours alone, ten seconds a figure
//! ```
//!
//! 8 connections publish messages of 100 bytes under hmac, with replay protection on (of the original:
//! in SQLite, as it sets it up). Subscribers are addresses of 127.0.0.0/8 in this process, which
//! confirm at once: they sign, and do not verify.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "it is a benchmark"
)]

mod support;

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap};
use bytes::Bytes;
use gripware_topics::{
    Address, Auth, Pattern, Topic, Tracing,
    auth::{Kind, Nonce, Signed},
    client::Client,
    http::{ReceiveHead, Reply, Subscribe},
};
use http_body_util::Full;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::support::{Broadcaster, now, percentile};

const CONNECTIONS: usize = 8;
const SUBSCRIBERS: [u32; 4] = [0, 1, 100, 1000];

/// Subscribes so many addresses to a topic.
async fn subscribe(to: &Broadcaster, count: u32, topic: &str, port: u16) {
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    for number in 0..count {
        let subscribe = Subscribe {
            url: address(number, port),
            pattern: Pattern::Exact(Topic::try_from(topic).unwrap()),
            recovery: None,
            tracing: Tracing::default(),
        };
        let signed = Signed::Subscribe {
            url: subscribe.url.as_str(),
            recovery: None,
            pattern: &subscribe.pattern,
        };
        let authorization =
            to.auth
                .to_broadcaster
                .sign(&signed, &subscribe.tracing, now(), &Nonce::random());
        let request = http::Request::post(format!("{}{}", to.url, subscribe.path()))
            .header("authorization", authorization.unwrap().as_str())
            .body(Full::new(subscribe.encode()))
            .unwrap();
        let response = http.request(request).await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
    }
}

async fn measure(to: &Broadcaster, count: u32, topic: &'static str, time: Duration) -> Figures {
    let started = Instant::now();
    let mut publishers = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = Client::builder(to.auth.clone())
            .broadcaster(&to.url)
            .unwrap()
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap();
        publishers.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < time {
                let sent = Instant::now();
                let notified = client.notify(topic, vec![b'x'; 100]).await.unwrap();
                assert_eq!(notified.subscribers, count);
                times.push(sent.elapsed());
            }
            times
        }));
    }
    let mut times = Vec::new();
    for publisher in publishers {
        times.extend(publisher.await.unwrap());
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort();
    Figures {
        notifies: times.len() as f64 / seconds,
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
    }
}

struct Figures {
    notifies: f64,
    p50: Duration,
    p99: Duration,
}

fn address(number: u32, port: u16) -> Address {
    let host = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number);
    Address::new(format!("http://{host}:{port}/v1/receive")).unwrap()
}

/// Confirms whatever comes.
async fn confirm(State(auth): State<Arc<Auth>>, headers: HeaderMap, body: Bytes) -> Bytes {
    let (head, _) = ReceiveHead::decode(&body).unwrap().unwrap();
    let url = format!("http://{}/v1/receive", headers["host"].to_str().unwrap());
    let signed = Signed::ConfirmReceive {
        identifier: &head.identifier,
        subscribers: 1,
        url: &url,
    };
    let tracing = Tracing::default();
    let credential = &auth.to_broadcaster;
    Reply::ConfirmReceive {
        authorization: credential.sign(&signed, &tracing, now(), &Nonce::random()),
        tracing,
        identifier: head.identifier.clone(),
        subscribers: 1,
    }
    .encode()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let only = |name: &str| arguments.iter().any(|argument| argument == name);
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(5));
    println!("| broadcaster | subscribers | notifies/s | deliveries/s | p50 | p99 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for name in ["original", "ours"] {
        if only("ours") != only("original") && !only(name) {
            continue;
        }
        let broadcaster = match name {
            "ours" => Broadcaster::ours(Kind::Hmac),
            _ => Broadcaster::original(Kind::Hmac),
        };
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .fallback(confirm)
            .with_state(Arc::new(broadcaster.auth.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        for (count, topic) in SUBSCRIBERS.into_iter().zip(["none", "one", "some", "many"]) {
            subscribe(&broadcaster, count, topic, port).await;
            let Figures { notifies, p50, p99 } = measure(&broadcaster, count, topic, time).await;
            let deliveries = notifies * f64::from(count);
            println!(
                "| {name} | {count} | {notifies:.1} | {deliveries:.0} | {p50:.1?} | {p99:.1?} |"
            );
        }
    }
}
