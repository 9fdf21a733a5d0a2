//! A NATS of Debian's package, on a loopback address of its own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use gripware_relay::{Backend, Broker, suite::Engine};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

static NEXT_PORT: AtomicU16 = AtomicU16::new(10_000);

/// An address that no other process of the tests has: all of 127.0.0.0/8 is loopback, and this one is
/// made from the process id. It stays free while a server is restarted, too.
pub(crate) fn free_address() -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from((Ipv4Addr::new(127, a + 1, b, c), port))
}

/// A server, which ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    settings: String,
    directory: TempDir,
    /// How it is reached.
    pub(crate) url: String,
}

impl Server {
    /// Starts one with these lines in its configuration.
    pub(crate) fn with(settings: &str) -> Self {
        Self::at(free_address(), settings)
    }

    /// The same at an address.
    pub(crate) fn at(address: SocketAddr, settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = start(directory.path(), address, settings);
        Self {
            child,
            address,
            settings: settings.to_owned(),
            directory,
            url: format!("nats://{address}"),
        }
    }

    /// A broker by this URL.
    pub(crate) fn broker_at(url: &str) -> Arc<dyn Broker> {
        let (url, cluster) = (url.parse().unwrap(), "test".parse().unwrap());
        Backend::open_url(&[gripware_nats::broker()], &url, &cluster).unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }
}

impl Engine for Server {
    const HAS_ONE_ORDER: bool = false;

    async fn start() -> Self {
        Self::with("")
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Self::broker_at(&self.url)
    }

    async fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.child = start(self.directory.path(), self.address, &self.settings);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is stopped can be killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts one, and waits until it answers.
fn start(directory: &Path, address: SocketAddr, settings: &str) -> Child {
    let file = directory.join("nats.conf");
    fs::write(&file, format!("listen: \"{address}\"\n{settings}\n")).unwrap();
    let log = fs::File::create(directory.join("log")).unwrap();
    let mut child = Command::new("nats-server")
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("tests/peers installs nats-server");
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait().unwrap() {
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            panic!("nats-server ended with {status}: {log}");
        }
        assert!(begin.elapsed() < PATIENCE, "nats-server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}
