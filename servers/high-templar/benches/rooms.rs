//! How many frames `gripware-templar` delivers, and how late, beside PyPI's high-templar 3.1.0 in one
//! run: 1 000 sockets, each in ten rooms of its own and in one that all of them hear.
//!
//! ```text
//! tests/peers                                        installs high-templar and RabbitMQ
//! cargo bench -p gripware-templar
//! ```
//!
//! Triggers come from one RabbitMQ. First a burst to the room of all, then two a second, then a burst
//! in which each goes to a room of one socket. Clients are in this process, on the same cores.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "it is a benchmark"
)]

#[path = "../../../benches/servers/running.rs"]
mod running;

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use axum::{Json, Router, routing::any};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{BasicPublishOptions, ExchangeDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use self::running::{Running, free};

const SOCKETS: usize = 1_000;
const ROOMS_EACH: usize = 10;

/// How many sockets connect at a time.
const AT_ONCE: usize = 20;

/// How long the triggers come two a second.
const PACED: usize = 20;

/// Whatever has not come after so long a silence is lost.
const SILENCE: Duration = Duration::from_secs(20);

/// A frame that has arrived, and what its trigger said.
struct Arrived {
    at: Instant,
    data: u64,
}

struct Bench {
    begun: Instant,
    broker: Channel,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    lost: usize,
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = free().await;
    // They end in this order.
    let (mut rabbitmq, _port_mapper) = rabbitmq(folder.path(), broker).await;
    rabbitmq.listens(broker).await;
    let backend = backend().await;
    for (name, burst) in [("high-templar", 20), ("gripware-templar", 500)] {
        let address = free().await;
        let mut command = match name {
            "high-templar" => original(address, backend, broker),
            _ => ours(address, backend, broker),
        };
        let mut server = Running::start(&mut command);
        server.listens(address).await;
        measure(name, address, broker, burst).await;
    }
    let _ = Command::new("/bin/kill")
        .arg(rabbitmq.0.id().to_string())
        .status();
    let _ = rabbitmq.0.wait();
}

/// Debian's, with a port mapper of its own.
async fn rabbitmq(folder: &Path, address: SocketAddr) -> (Running, Running) {
    let (mapper, distribution) = (free().await.port(), free().await.port());
    let mut epmd = Command::new("epmd");
    let epmd = epmd.args(["-address", "127.0.0.1", "-port", &mapper.to_string()]);
    let epmd = Running::start(epmd);
    let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    command
        .current_dir(folder)
        .env(
            "RABBITMQ_NODENAME",
            format!("bench{}@localhost", std::process::id()),
        )
        .env("RABBITMQ_NODE_IP_ADDRESS", address.ip().to_string())
        .env("RABBITMQ_NODE_PORT", address.port().to_string())
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        )
        .env("RABBITMQ_MNESIA_BASE", folder)
        .env("RABBITMQ_LOG_BASE", folder)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapper.to_string())
        .env("HOME", folder);
    (Running::start(&mut command), epmd)
}

async fn measure(name: &str, address: SocketAddr, broker: SocketAddr, burst: usize) {
    let url = format!("amqp://guest:guest@{broker}/%2f");
    let properties = ConnectionProperties::default();
    let broker = Connection::connect(&url, properties)
        .await
        .expect("a broker");
    let channel = broker.create_channel().await.expect("a channel");
    // Before it is there a publish ends the channel.
    let (kind, options) = (ExchangeKind::Direct, ExchangeDeclareOptions::default());
    channel
        .exchange_declare("hightemplar".into(), kind, options, FieldTable::default())
        .await
        .expect("an exchange");
    let (sender, arrived) = mpsc::unbounded_channel();
    is_ready(&channel, address).await;
    let begun = Instant::now();
    let sockets: Vec<_> = stream::iter(0..SOCKETS)
        .map(|n| open(address, n))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let opened = begun.elapsed();
    for mut socket in sockets {
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Ok(Some(Message::Text(text))) = socket.try_next().await {
                let at = Instant::now();
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                let data = frame["data"].as_u64().expect("a time");
                if sender.send(Arrived { at, data }).is_err() {
                    return;
                }
            }
        });
    }
    let mut bench = Bench {
        begun,
        broker: channel,
        arrived,
        lost: 0,
    };
    let all = bench.burst(burst, burst * SOCKETS, |_| everybody()).await;
    let late = bench.paced().await;
    let alone = burst * 10;
    let one = bench
        .burst(alone, alone, |n| room(n % SOCKETS, n % ROOMS_EACH))
        .await;
    println!(
        "{name:<17} {SOCKETS} sockets in {} rooms in {opened:.1?}; to all {all:.0} deliveries/s; \
         two a second p50 {:.1?}, p99 {:.1?}; to one {one:.0} deliveries/s; lost {}",
        SOCKETS * ROOMS_EACH,
        late[late.len() / 2],
        late[late.len() * 99 / 100],
        bench.lost,
    );
}

impl Bench {
    /// Publishes as many triggers as fast as it can; deliveries per second, from the first trigger to
    /// the last frame.
    #[allow(clippy::cast_precision_loss, reason = "it is printed")]
    async fn burst(&mut self, triggers: usize, frames: usize, to: impl Fn(usize) -> Value) -> f64 {
        let start = Instant::now();
        for n in 0..triggers {
            self.publish(&to(n)).await;
        }
        let arrived = self.receive(frames).await;
        let last = arrived.iter().map(|it| it.at).max().unwrap_or(start);
        arrived.len() as f64 / last.duration_since(start).as_secs_f64()
    }

    /// How long each frame took, sorted.
    async fn paced(&mut self) -> Vec<Duration> {
        let mut late = Vec::new();
        for _ in 0..2 * PACED {
            let next = Instant::now() + Duration::from_millis(500);
            self.publish(&everybody()).await;
            for Arrived { at, data } in self.receive(SOCKETS).await {
                late.push(at.duration_since(self.begun) - Duration::from_micros(data));
            }
            tokio::time::sleep_until(next.into()).await;
        }
        late.sort_unstable();
        late
    }

    async fn publish(&self, room: &Value) {
        let now = u64::try_from(self.begun.elapsed().as_micros()).expect("a time");
        publish(&self.broker, room, now).await;
    }

    /// Waits for so many frames. Those that are lost are counted.
    async fn receive(&mut self, frames: usize) -> Vec<Arrived> {
        let mut arrived = Vec::with_capacity(frames);
        while arrived.len() < frames
            && let Ok(next) = timeout(SILENCE, self.arrived.recv()).await
        {
            arrived.push(next.expect("a client"));
        }
        self.lost += frames - arrived.len();
        arrived
    }
}

async fn publish(broker: &Channel, room: &Value, data: u64) {
    let body = json!({"rooms": [room], "data": data}).to_string();
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let (exchange, key) = ("hightemplar".into(), "*".into());
    let published = broker.basic_publish(exchange, key, options, body.as_bytes(), properties);
    published.await.expect("a broker");
}

/// Waits until triggers reach clients: the server has a queue a while after it listens.
async fn is_ready(broker: &Channel, address: SocketAddr) {
    let mut socket = open(address, SOCKETS).await;
    loop {
        publish(broker, &room(SOCKETS, 0), 0).await;
        let heard = timeout(Duration::from_millis(500), socket.next()).await;
        if heard.is_ok() {
            break;
        }
    }
    socket.close(None).await.expect("a socket");
}

fn everybody() -> Value {
    json!({"target": "all", "customer": "0"})
}

fn room(socket: usize, n: usize) -> Value {
    json!({"target": "own", "customer": format!("{socket}-{n}")})
}

/// A socket that hears its rooms.
async fn open(address: SocketAddr, n: usize) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("a server");
    let opening = client_async(format!("ws://{address}/ws/"), stream);
    let (mut socket, _) = opening.await.expect("a handshake");
    let _welcome = socket.next().await.expect("a frame").expect("a frame");
    let rooms = (0..ROOMS_EACH).map(|at| room(n, at));
    for (id, room) in rooms.chain([everybody()]).enumerate() {
        let frame = json!({"type": "subscribe", "room": room, "requestId": id});
        socket
            .send(Message::text(frame.to_string()))
            .await
            .expect("a socket");
        let answer = socket.next().await.expect("an answer").expect("an answer");
        assert!(
            answer.to_text().expect("text").contains("success"),
            "{answer}"
        );
    }
    socket
}

/// Lets everybody into every room.
async fn backend() -> SocketAddr {
    let rooms = json!({"allowed_rooms": [
        {"target": "own", "customer": "*"},
        {"target": "all", "customer": "*"},
    ]});
    let router = Router::new().route("/bootstrap/", any(async || Json(rooms)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

fn ours(address: SocketAddr, backend: SocketAddr, broker: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-templar"));
    command
        .args(["--listen", &address.to_string()])
        .args(["--api-url", &format!("http://{backend}/")])
        .args(["--amqp", &format!("amqp://guest:guest@{broker}/%2f")])
        .args(["--log", "warn"])
        .env_remove("GRIP_URL")
        .env_remove("GRIPWARE_RELAY")
        .env_remove("GRIPWARE_STATE");
    command
}

fn original(address: SocketAddr, backend: SocketAddr, broker: SocketAddr) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join(".peers/venv/bin/hypercorn"));
    command
        .args(["-b", &address.to_string(), "serve:app"])
        .current_dir(root.join("tests/peers_py/high_templar"))
        .env("API_URL", format!("http://{backend}/"))
        .env("BROKER", broker.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
