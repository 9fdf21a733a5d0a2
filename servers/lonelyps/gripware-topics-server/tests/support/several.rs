//! Broadcasters that share their subscriptions in a Redis.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use gripware_topics::{Auth, auth::Kind};
use tempfile::{NamedTempFile, TempDir};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Running, Served, program, soon};

/// A Redis that ends with the test.
pub(crate) struct Redis {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static NEXT_PORT: AtomicU16 = AtomicU16::new(10_000);

/// An address that no other process of the tests has: all of 127.0.0.0/8 is loopback, and this one is
/// made from the process id.
fn free_address() -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from((Ipv4Addr::new(127, a + 1, b, c), port))
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut child = Command::new("redis-server")
            .args(["--bind", &address.ip().to_string()])
            .args(["--port", &address.port().to_string(), "--save", ""])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("tests/peers installs redis-server");
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "it has ended");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon(listens).await;
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// Everything in it is lost.
    pub(crate) async fn wipe(&self) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(b"FLUSHALL\r\n").await.unwrap();
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"+OK\r\n");
    }
}

/// A NATS that ends with the test.
pub(crate) struct Nats(Child, pub(crate) SocketAddr);

impl Nats {
    pub(crate) async fn start() -> Self {
        let address = free_address();
        let child = Command::new("nats-server")
            .args(["-a", &address.ip().to_string()])
            .args(["-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/peers installs nats-server");
        let this = Self(child, address);
        soon(async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        this
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Secrets that several broadcasters have, and their file.
pub(crate) fn secrets() -> (Auth, NamedTempFile) {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), auth.to_json()).unwrap();
    (auth, file)
}

/// A broadcaster whose connections others reach.
pub(crate) async fn broadcaster(redis: &Redis, secrets: &Path) -> (Running, Served) {
    broadcaster_with(redis, secrets, "").await
}

/// The same, with a relay.
pub(crate) async fn broadcaster_with(
    redis: &Redis,
    secrets: &Path,
    relay: &str,
) -> (Running, Served) {
    let address = free_address();
    let url = format!("http://{address}");
    let running = Running::start_at(
        &address.to_string(),
        program()
            .args(["--allow-target", "127.0.0.0/8", "--host", &url])
            .arg("--secrets")
            .arg(secrets)
            .env("GRIPWARE_RELAY", relay)
            .env("GRIPWARE_STATE", format!("redis://{}", redis.address)),
    );
    let serving = tokio::spawn(async {});
    (running, Served { url, serving })
}
