use std::{
    net::SocketAddr,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use crate::{Answer, PATIENCE, Place, Process, Request, binary};

/// A running conformance server.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    process: Option<Process>,
    // After the process, which writes into it.
    _place: Option<Place>,
}

/// How a conformance server is started.
#[derive(Debug)]
pub struct OriginBuilder {
    command: Command,
    listen: SocketAddr,
}

impl Origin {
    /// Settings for one of the conformance servers, such as [`AXUM`](crate::AXUM). Without further
    /// settings no proxy is configured.
    #[must_use]
    pub fn of(name: &str) -> OriginBuilder {
        let mut command = binary::origin(name);
        for setting in ["GRIP_URL", "GRIP_PREFIX", "GRIP_PROXY_REQUIRED"] {
            command.env_remove(setting);
        }
        OriginBuilder {
            command,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// One in this process, which has this address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            process: None,
            _place: None,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a GET straight to it, past any proxy.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// A request straight to it, past any proxy.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, self.address, path)
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    /// Where it is in this process.
    pub fn terminate(&self) {
        let process = self.process.as_ref();
        process.expect("an origin of its own").terminate();
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// Where it has not ended after `limit`, or is in this process.
    pub async fn stop(&mut self, limit: Duration) -> ExitStatus {
        let process = self.process.as_mut();
        process.expect("an origin of its own").stop(limit).await
    }
}

impl OriginBuilder {
    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets where it listens. Default: at a free port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// Where it ends instead, or says nothing of an address within [`PATIENCE`].
    pub async fn start(self) -> Origin {
        let place = Place::new();
        let mut process = self.run(&place);
        let start = Instant::now();
        loop {
            // A line is whole once its end is there.
            if let Some((line, _)) = process.output().split_once('\n') {
                let address = line
                    .strip_prefix("listening on ")
                    .unwrap_or_else(|| panic!("the first line is {line:?}"));
                return Origin {
                    address: address.parse().expect("an address after `listening on`"),
                    process: Some(process),
                    _place: Some(place),
                };
            }
            if let Some(status) = process.ended() {
                panic!("the origin ended with {status}");
            }
            assert!(start.elapsed() < PATIENCE, "the origin does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs it to its end, which is expected to come by itself: the exit status, and what it wrote
    /// to its standard error.
    ///
    /// # Panics
    /// Where it has not ended within [`PATIENCE`].
    pub async fn runs_to_its_end(self) -> (ExitStatus, String) {
        let place = Place::new();
        let mut process = self.run(&place);
        let start = Instant::now();
        loop {
            if let Some(status) = process.ended() {
                return (status, process.errors());
            }
            assert!(start.elapsed() < PATIENCE, "the origin does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn run(mut self, place: &Place) -> Process {
        self.command.args(["--listen", &self.listen.to_string()]);
        Process::start(self.command, place.directory(), "origin")
    }
}
