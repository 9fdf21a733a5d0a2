//! A Redis of Debian's package, on a loopback address of its own.

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
fn free_address() -> SocketAddr {
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
    /// Starts one with these lines in its configuration, beside those that it needs.
    pub(crate) fn with(settings: &str) -> Self {
        let address = free_address();
        let directory = tempfile::tempdir().unwrap();
        let child = start(directory.path(), address, settings);
        Self {
            child,
            address,
            settings: settings.to_owned(),
            directory,
            url: format!("redis://{address}/"),
        }
    }

    /// The same with TLS at another port, by a certificate for its address. Returns the file with it.
    pub(crate) fn with_tls(files: &Path) -> (Self, String) {
        let address = free_address();
        let made = rcgen::generate_simple_self_signed([address.ip().to_string()]).unwrap();
        let certificate = files.join("cert.pem").display().to_string();
        let key = files.join("key.pem").display().to_string();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut server = Self::with(&format!(
            "tls-port {}\ntls-cert-file {certificate}\ntls-key-file {key}\n\
             tls-auth-clients no\n",
            address.port()
        ));
        server.url = format!("rediss://{address}/");
        (server, certificate)
    }

    /// A broker by this URL, or by its own.
    pub(crate) fn broker_at(url: &str) -> Arc<dyn Broker> {
        let (url, cluster) = (url.parse().unwrap(), "test".parse().unwrap());
        Backend::open_url(&[gripware_redis::broker()], &url, &cluster).unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }

    /// Runs `redis-cli`, and returns what it says.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-h", &self.address.ip().to_string()])
            .args(["-p", &self.address.port().to_string(), "--raw"])
            .args(arguments)
            .output()
            .expect("tests/peers installs redis-cli");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn kill_now(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_now(&mut self) {
        self.child = start(self.directory.path(), self.address, &self.settings);
    }
}

impl Engine for Server {
    const HAS_ONE_ORDER: bool = true;

    async fn start() -> Self {
        Self::with("save \"\"\nappendonly no\n")
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Self::broker_at(&self.url)
    }

    async fn kill(&mut self) {
        self.kill_now();
    }

    async fn start_again(&mut self) {
        self.start_now();
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
    let file = directory.join("redis.conf");
    let (ip, port) = (address.ip(), address.port());
    let directory_name = directory.display();
    let whole = format!("bind {ip}\nport {port}\ndir {directory_name}\n{settings}");
    fs::write(&file, whole).unwrap();
    let log = fs::File::create(directory.join("log")).unwrap();
    let mut child = Command::new("redis-server")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .expect("tests/peers installs redis-server");
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait().unwrap() {
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            panic!("redis-server ended with {status}: {log}");
        }
        assert!(begin.elapsed() < PATIENCE, "redis-server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}
