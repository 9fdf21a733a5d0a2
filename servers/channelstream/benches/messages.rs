//! How many messages `gripware-channelstream` takes, how many frames it delivers, and what a
//! connection costs it, beside PyPI's channelstream 0.7.1 in one run.
//!
//! ```text
//! tests/peers                                        installs channelstream
//! cargo bench -p gripware-channelstream
//! ```
//!
//! Callers and browsers are in this process, on the same cores.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "it is a benchmark"
)]

#[path = "../../../benches/servers/running.rs"]
mod running;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use self::running::{Running, free};

const SECRET: &str = "s3cret";

/// Of that secret; the servers do not ask how old it is.
const TOKEN: &str = "/connect.ZVPxAA.QFuQun62pFuoCaEnUrF17Omxb_4";

const SOCKETS: usize = 1_000;

/// How long each of the loads takes.
const SPAN: Duration = Duration::from_secs(5);

/// Messages of one request, and callers at a time.
const BATCH: usize = 100;
const CALLERS: usize = 4;

/// Whatever has not come after so long a silence is lost.
const SILENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, burst) in [("channelstream", 20), ("gripware-channelstream", 500)] {
        let address = free().await;
        let ini = folder.path().join(format!("{name}.ini"));
        let settings = format!(
            "[channelstream]\nsecret = {SECRET}\nvalidate_requests = false\nlog_level = ERROR\n\
             host = {}\nport = {}\n",
            address.ip(),
            address.port()
        );
        fs::write(&ini, settings).expect("a file");
        let mut command = match name {
            "channelstream" => original(),
            _ => ours(),
        };
        let mut server = Running::start(command.arg("-i").arg(&ini));
        server.listens(address).await;
        measure(name, &server, address, burst).await;
    }
}

/// Kilobytes of a program that are in memory.
fn memory(server: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.0.id()));
    let status = status.expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    number.expect("a size").parse().expect("a number")
}

async fn measure(name: &str, server: &Running, address: SocketAddr, burst: usize) {
    let before = memory(server);
    let begun = Instant::now();
    let (heard, mut arrived) = mpsc::unbounded_channel();
    let opening = stream::iter(0..SOCKETS).map(|n| open(address, n, heard.clone()));
    let browsers: Vec<_> = opening.buffer_unordered(20).collect().await;
    let took = begun.elapsed();
    sleep(Duration::from_secs(1)).await;
    let each = memory(server).saturating_sub(before) as f64 / SOCKETS as f64;
    println!("{name}: {SOCKETS} sockets in {took:.1?}, {each:.1} kB each");

    // All of them hear a burst.
    let mut caller = Caller::new(address).await;
    let start = Instant::now();
    let mut sent = 0;
    while sent < burst {
        let some = BATCH.min(burst - sent);
        caller.post("/message", &batch("all", some)).await;
        sent += some;
    }
    let expected = burst * SOCKETS;
    let mut count = 0;
    let mut last = Instant::now();
    while count < expected {
        match timeout(SILENCE, arrived.recv()).await {
            Ok(Some(at)) => {
                count += 1;
                last = at;
            }
            _ => break,
        }
    }
    let rate = count as f64 / (last - start).as_secs_f64();
    let lost = expected - count;
    println!("{name}: {rate:.0} deliveries/s to {SOCKETS} sockets, {lost} of {expected} lost");

    // Nobody hears these.
    caller.post("/channel_config", &json!({"nobody": {}})).await;
    let one = batch("nobody", 1);
    let calls = callers(address, &one, false).await;
    println!("{name}: {calls:.0} messages/s with a connection each");
    let calls = callers(address, &batch("nobody", BATCH), true).await;
    let rate = calls * BATCH as f64;
    println!("{name}: {rate:.0} messages/s in batches of {BATCH} over {CALLERS}");
    drop(browsers);
}

fn batch(channel: &str, size: usize) -> Value {
    let message = json!({"user": "caller", "channel": channel,
        "message": {"text": "a message of some length, as somebody in a chat would write it"}});
    Value::Array(vec![message; size])
}

/// How many requests a second are answered.
async fn callers(address: SocketAddr, body: &Value, is_kept: bool) -> f64 {
    let end = Instant::now() + SPAN;
    let calling = (0..CALLERS).map(|_| {
        let body = body.clone();
        tokio::spawn(async move {
            let mut calls = 0;
            let mut caller = Caller::new(address).await;
            while Instant::now() < end {
                if !is_kept {
                    caller = Caller::new(address).await;
                }
                caller.post("/message", &body).await;
                calls += 1;
            }
            calls
        })
    });
    let mut calls = 0;
    for caller in calling.collect::<Vec<_>>() {
        calls += caller.await.expect("no panic");
    }
    f64::from(calls) / SPAN.as_secs_f64()
}

/// One connection of the backend.
struct Caller(SendRequest<Full<Bytes>>);

impl Caller {
    async fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        Self(sender)
    }

    async fn post(&mut self, path: &str, body: &Value) -> Bytes {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("x-channelstream-secret", TOKEN)
            .body(Full::from(body.to_string()))
            .expect("a request");
        self.0.ready().await.expect("it is kept");
        let response = self.0.send_request(request).await.expect("an answer");
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert!(status.is_success(), "{status}: {body:?}");
        body
    }
}

async fn open(
    address: SocketAddr,
    n: usize,
    heard: mpsc::UnboundedSender<Instant>,
) -> tokio::task::JoinHandle<()> {
    let mut caller = Caller::new(address).await;
    let body = json!({"username": format!("user {n}"), "channels": ["all"],
        "info": {"include_users": false}});
    let told = caller.post("/connect", &body).await;
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let id = told["conn_id"].as_str().expect("an id").to_owned();
    let stream = TcpStream::connect(address).await.expect("a connection");
    let url = format!("ws://{address}/ws?conn_id={id}");
    let (mut socket, _) = client_async(url, stream).await.expect("a WebSocket");
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            // No heartbeat.
            if let Message::Text(text) = message
                && text.len() > 2
            {
                let _ = heard.send(Instant::now());
            }
        }
    })
}

fn original() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join(".peers/channelstream/bin/python"));
    command.arg(root.join("tests/peers_py/channelstream/serve.py"));
    command
}

fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-channelstream"));
    command.env_remove("GRIP_URL");
    command
}
