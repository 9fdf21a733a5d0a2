use std::{
    fs,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{places::free_addresses, settings::first_line};
use crate::Error;

const PATIENCE: Duration = Duration::from_secs(10);

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Brokering {
    Redis,
    Nats,
}

impl Brokering {
    pub(crate) const ALL: [Self; 2] = [Self::Redis, Self::Nats];

    /// Which version it is, where it says so.
    pub(crate) fn version(self) -> Option<String> {
        match self {
            Self::Redis => first_line("redis-server", &["--version"]),
            Self::Nats => first_line("nats-server", &["--version"]),
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Nats => "NATS",
        }
    }
}

/// A broker of Debian's package, ended when dropped. It writes nothing down.
#[derive(Debug)]
pub(crate) struct Broker {
    kind: Brokering,
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Broker {
    /// Starts one, which listens when this returns.
    pub(crate) fn start(kind: Brokering) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("load-").tempdir()?;
        let [address] = free_addresses()?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = match kind {
            Brokering::Redis => {
                let mut command = Command::new("redis-server");
                command.args(["--bind", &ip, "--port", &port, "--save", ""]);
                command
            }
            Brokering::Nats => {
                let mut command = Command::new("nats-server");
                command.args(["--addr", &ip, "--port", &port]);
                command
            }
        };
        let log = fs::File::create(directory.path().join("log"))?;
        let process = command
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| {
                format!("{} does not start ({error}): run tests/peers", kind.title())
            })?;
        let mut broker = Self {
            kind,
            process,
            address,
            _directory: directory,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if broker.process.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("{} does not listen", kind.title()).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(broker)
    }

    /// What a hub's `--relay` says.
    pub(crate) fn url(&self) -> String {
        match self.kind {
            Brokering::Redis => format!("redis://{}/", self.address),
            Brokering::Nats => format!("nats://{}", self.address),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
