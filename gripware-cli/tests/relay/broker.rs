//! A broker of Debian's package, on a loopback address that it keeps over a restart.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::LONG;

static NEXT_PORT: AtomicU16 = AtomicU16::new(20_000);

/// An address that no other process of the tests has: all of 127.0.0.0/8 is loopback, and this one is
/// made from the process id.
fn free_address() -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from((Ipv4Addr::new(127, a + 1, b, c), port))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis,
    Nats,
}

pub(crate) struct Broker {
    pub(crate) kind: Kind,
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Broker {
    pub(crate) fn start(kind: Kind) -> Self {
        let (address, folder) = (free_address(), TempDir::new().unwrap());
        let child = run(kind, address, &folder);
        Self {
            kind,
            child,
            address,
            folder,
        }
    }

    pub(crate) fn url(&self) -> String {
        match self.kind {
            Kind::Redis => format!("redis://{}/", self.address),
            Kind::Nats => format!("nats://{}", self.address),
        }
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it once more: empty, as what it had is not written down.
    pub(crate) fn start_again(&mut self) {
        self.child = run(self.kind, self.address, &self.folder);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // One that is stopped can be killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(kind: Kind, address: SocketAddr, folder: &TempDir) -> Child {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = match kind {
        Kind::Redis => {
            let mut command = Command::new("redis-server");
            command.args(["--bind", &ip, "--port", &port, "--save", ""]);
            command
        }
        Kind::Nats => {
            let mut command = Command::new("nats-server");
            command.args(["--addr", &ip, "--port", &port]);
            command
        }
    };
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut child = command
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .spawn()
        .expect("tests/peers installs it");
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "{kind:?} has ended");
        assert!(begin.elapsed() < LONG, "{kind:?} does not listen");
        thread::sleep(Duration::from_millis(10));
    }
    child
}
