//! How many messages a broadcaster takes and delivers, beside PyPI's `lonelypss` in one run.
//!
//! ```text
//! tests/peers                                              installs lonelypss
//! cargo bench -p gripware-topics-server                    both, two to three minutes
//! cargo bench -p gripware-topics-server -- ours 10         ours alone, ten seconds a figure
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

use std::{
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap};
use bytes::Bytes;
use gripware_topics::{
    Address, Auth, Pattern, Topic, Tracing,
    auth::{Nonce, Signed},
    client::Client,
    http::{ReceiveHead, Reply, Subscribe},
};
use http_body_util::Full;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 8;
const SUBSCRIBERS: [u32; 4] = [0, 1, 100, 1000];

/// A broadcaster in a process of its own.
struct Broadcaster {
    child: Child,
    url: String,
    auth: Auth,
    _folder: tempfile::TempDir,
}

impl Drop for Broadcaster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Broadcaster {
    fn ours() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_gripware-topics");
        let setup = Command::new(program)
            .arg("--setup")
            .arg(folder.path())
            .status();
        assert!(setup.unwrap().success());
        let secrets = folder.path().join("broadcaster-secrets.json");
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .args(["--allow-target", "127.0.0.0/8"])
            .arg("--db")
            .arg(format!("sqlite:{}/topics.db", folder.path().display()))
            .arg("--secrets")
            .arg(&secrets)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim_ascii_end().strip_prefix("listening on ");
        Self {
            url: format!("http://{}", address.unwrap()),
            auth: Auth::from_file(secrets).unwrap(),
            child,
            _folder: folder,
        }
    }

    async fn original() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new(root.join(".peers/venv/bin/python"))
            .arg(root.join("tests/peers_py/topics_broadcaster.py"))
            .args([&port.to_string(), "hmac", "hmac"])
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("run tests/peers first");
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Self {
            url: format!("http://127.0.0.1:{port}"),
            auth: Auth::from_file(folder.path().join("broadcaster-secrets.json")).unwrap(),
            child,
            _folder: folder,
        }
    }

    /// Subscribes so many addresses to a topic.
    async fn subscribe(&self, count: u32, topic: &str, port: u16) {
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
                self.auth
                    .to_broadcaster
                    .sign(&signed, &subscribe.tracing, now(), &Nonce::random());
            let request = http::Request::post(format!("{}{}", self.url, subscribe.path()))
                .header("authorization", authorization.unwrap().as_str())
                .body(Full::new(subscribe.encode()))
                .unwrap();
            let response = http.request(request).await.unwrap();
            assert!(response.status().is_success(), "{response:?}");
        }
    }

    async fn measure(&self, count: u32, topic: &'static str, time: Duration) -> Figures {
        let started = Instant::now();
        let mut publishers = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = Client::builder(self.auth.clone())
                .broadcaster(&self.url)
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
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
        Figures {
            notifies: times.len() as f64 / seconds,
            p50: at(50),
            p99: at(99),
        }
    }
}

struct Figures {
    notifies: f64,
    p50: Duration,
    p99: Duration,
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
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
            "ours" => Broadcaster::ours(),
            _ => Broadcaster::original().await,
        };
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .fallback(confirm)
            .with_state(Arc::new(broadcaster.auth.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        for (count, topic) in SUBSCRIBERS.into_iter().zip(["none", "one", "some", "many"]) {
            broadcaster.subscribe(count, topic, port).await;
            let Figures { notifies, p50, p99 } = broadcaster.measure(count, topic, time).await;
            let deliveries = notifies * f64::from(count);
            println!(
                "| {name} | {count} | {notifies:.1} | {deliveries:.0} | {p50:.1?} | {p99:.1?} |"
            );
        }
    }
}
