//! A `redis-server` on a free port of the loopback interface.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use gripware_state::{Backends, Namespace, StateProvider};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// A server, which is stopped when this is dropped.
pub struct Server {
    pub port: u16,
    folder: TempDir,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts a server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server with these settings.
    pub fn with(settings: &[&str]) -> Self {
        let mut server = Self {
            port: 0,
            folder: tempfile::tempdir().unwrap(),
            settings: settings
                .iter()
                .map(|setting| (*setting).to_owned())
                .collect(),
            child: None,
        };
        // Somebody else may take the port before the server does.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            if server.run() {
                return server;
            }
        }
        panic!("redis-server does not start; tests/peers installs it");
    }

    /// Starts it again, on the same port, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        assert!(self.run(), "redis-server does not start again");
    }

    fn run(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command
            .args([
                "--bind",
                "127.0.0.1",
                self.port_setting(),
                &self.port.to_string(),
            ])
            .args(["--dir", self.folder.path().to_str().unwrap()])
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = Some(
            command
                .spawn()
                .expect("redis-server, which tests/peers installs"),
        );
        let started = Instant::now();
        while started.elapsed() < READY {
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            if self.is_ready() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// A server that has a certificate takes nothing but TLS.
    fn port_setting(&self) -> &'static str {
        match self
            .settings
            .iter()
            .any(|setting| setting.starts_with("--tls-cert"))
        {
            true => "--tls-port",
            false => "--port",
        }
    }

    /// Whether it answers at all, be it that it wants a password or TLS.
    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let second = Some(Duration::from_secs(1));
        stream.set_read_timeout(second).unwrap();
        let mut answer = [0; 16];
        stream.write_all(b"PING\r\n").is_ok()
            && match stream.read(&mut answer) {
                Ok(length) => !answer[..length].starts_with(b"-LOADING"),
                // A server for TLS breaks off.
                Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
            }
    }

    /// Kills it, as the kernel does without memory.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it without ending it: its connections stay, and nothing is answered.
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("a running server"))
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Backends at this server.
    pub fn backends(&self) -> Backends {
        let provider = gripware_redis::state();
        provider.open(&self.url(), &Namespace::default()).unwrap()
    }

    /// Sends a command as `redis-cli` would, and returns the reply's text.
    pub async fn command(&self, words: &[&str]) -> String {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        let reply: redis::Value = command.query_async(&mut connection).await.unwrap();
        format!("{reply:?}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
