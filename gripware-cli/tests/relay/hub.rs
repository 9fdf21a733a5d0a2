//! The program, as a node.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{broker::Broker, until};

pub(crate) struct Hub {
    child: Child,
    pub(crate) front: SocketAddr,
    pub(crate) control: SocketAddr,
    folder: TempDir,
}

impl Hub {
    /// Starts one, which is ready when this returns.
    pub(crate) async fn start(name: &str, origin: SocketAddr, broker: &Broker) -> Self {
        let relay = format!("--relay={}", broker.url());
        let node = format!("--node={name}");
        Self::with(origin, &[&relay, &node, "--publish-timeout=500ms"]).await
    }

    /// Starts one that has no others.
    #[allow(dead_code, reason = "for the benchmark")]
    pub(crate) async fn alone(origin: SocketAddr) -> Self {
        Self::with(origin, &[]).await
    }

    async fn with(origin: SocketAddr, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gripware-hub"))
            .env_clear()
            .current_dir(folder.path())
            .args(["--listen=127.0.0.1:0", "--control=127.0.0.1:0"])
            .arg(format!("--origin=http://{origin}"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| {
            let line = lines.next().and_then(Result::ok).unwrap_or_default();
            let address = line.strip_prefix(before).and_then(|it| it.parse().ok());
            let errors = fs::read_to_string(folder.path().join("errors"));
            address.unwrap_or_else(|| panic!("{line}: {errors:?}"))
        };
        let hub = Self {
            front: address("listening on "),
            control: address("control on "),
            child,
            folder,
        };
        until("it is ready", async || hub.is_ready().await).await;
        hub
    }

    /// Returns the id of its process.
    #[allow(dead_code, reason = "for the benchmark")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn is_ready(&self) -> bool {
        self.request("GET /ready", "")
            .await
            .starts_with("HTTP/1.1 200 ")
    }

    /// Publishes a line of the feed. Returns whether it was accepted.
    pub(crate) async fn publish(&self, number: u64) -> bool {
        self.publish_lines(number, number).await
    }

    /// Publishes lines of the feed together. Returns whether all were accepted.
    pub(crate) async fn publish_lines(&self, first: u64, last: u64) -> bool {
        let items: Vec<_> = (first..=last).map(item).collect();
        let body = format!("{{\"items\":[{}]}}", items.join(","));
        let answer = self.request("POST /publish/", &body).await;
        let refused = ["HTTP/1.1 503 ", "HTTP/1.1 504 "];
        let is_accepted = answer.starts_with("HTTP/1.1 200 ");
        assert!(
            is_accepted || refused.iter().any(|it| answer.starts_with(it)),
            "{answer}"
        );
        is_accepted
    }

    /// Publishes it again and again until it is accepted: the same id, so that it is delivered once.
    pub(crate) async fn publish_surely(&self, number: u64) {
        until("it is accepted", async || self.publish(number).await).await;
    }

    /// Returns the value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let metrics = self.request("GET /metrics", "").await;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value
            .and_then(|it| it.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {metrics}"))
    }

    pub(crate) async fn request(&self, line: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.control).await.unwrap();
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn errors(&self) -> PathBuf {
        self.folder.path().join("errors")
    }
}

/// A line of the feed, as an item.
fn item(number: u64) -> String {
    format!(
        "{{\"channel\":\"feed\",\"id\":\"{number}\",\"prev-id\":\"{}\",\
         \"formats\":{{\"http-stream\":{{\"content\":\"{number}\\n\"}}}}}}",
        number - 1
    )
}

impl Drop for Hub {
    fn drop(&mut self) {
        // One that is stopped can be killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.errors()).unwrap_or_default());
        }
    }
}
