//! Who publishes, who reads, and what a process takes.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Publishers at a time, each of which publishes so many items every so many milliseconds: 10 000 a
/// second together.
const PUBLISHERS: usize = 8;
const BATCH: usize = 20;
const EVERY: Duration = Duration::from_millis(16);

/// An item of about 200 bytes.
pub(crate) fn item(text: &str) -> String {
    let padding = "x".repeat(120);
    format!(
        "{{\"channel\":\"figures\",\"formats\":{{\"http-stream\":{{\"content\":\"{text} {padding}\\n\"}}}}}}"
    )
}

/// Publishes at a node for a while.
pub(crate) async fn run(control: SocketAddr, limit: Duration) {
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        publishers.spawn(async move {
            let mut connection = Control::connect(control).await;
            let items = vec![item("load"); BATCH].join(",");
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let begin = Instant::now();
            while begin.elapsed() < limit {
                ticks.tick().await;
                connection.send(&items).await;
                connection.answered().await;
            }
        });
    }
    publishers.join_all().await;
}

/// A connection to the control API, which is kept.
pub(crate) struct Control {
    stream: BufReader<TcpStream>,
}

impl Control {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) async fn send(&mut self, items: &str) {
        let body = format!("{{\"items\":[{items}]}}");
        let request = format!(
            "POST /publish/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    pub(crate) async fn answered(&mut self) {
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).await.unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_ascii_end().parse().unwrap();
            }
        }
        self.stream.read_exact(&mut vec![0; length]).await.unwrap();
    }
}

/// A client that is held.
pub(crate) struct Stream {
    stream: BufReader<TcpStream>,
}

impl Stream {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /stream HTTP/1.1\r\nHost: example.org\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut this = Self {
            stream: BufReader::new(stream),
        };
        this.until("[open]").await;
        this
    }

    /// Reads up to a line that begins with this.
    pub(crate) async fn until(&mut self, text: &str) {
        let mut line = String::new();
        while !line.starts_with(text) {
            line.clear();
            assert_ne!(
                self.stream.read_line(&mut line).await.unwrap(),
                0,
                "cut off"
            );
        }
    }

    /// Reads and forgets.
    pub(crate) async fn drain(mut self) {
        let mut buffer = vec![0; 1 << 16];
        while self
            .stream
            .read(&mut buffer)
            .await
            .is_ok_and(|read| read > 0)
        {}
    }
}

/// What a process has taken of the processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// Its thread that sends to and receives from the broker.
    pub(crate) relay: Duration,
    pub(crate) all: Duration,
}

/// By the scheduler's own count of nanoseconds for each thread.
pub(crate) fn cpu(process: u32) -> Cpu {
    let (mut relay, mut all) = (Duration::ZERO, Duration::ZERO);
    for thread in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let path = thread.unwrap().path();
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        let first = text.split_ascii_whitespace().next();
        let nanos = first.and_then(|it| it.parse().ok()).unwrap_or(0);
        let took = Duration::from_nanos(nanos);
        all += took;
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if name.trim_ascii_end() == "gripware-relay" {
            relay += took;
        }
    }
    Cpu { relay, all }
}
