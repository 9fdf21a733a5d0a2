use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use gripware_interop::{PATIENCE, Place, Process};

use crate::Files;

/// A running application on Starlette and uvicorn, with the library `websockets`.
#[derive(Debug)]
pub struct Python {
    address: SocketAddr,
    _process: Process,
    // After the process, which writes into it.
    _place: Place,
}

impl Python {
    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// Where it ends instead, mostly because a library is not installed.
    pub async fn start(files: &Files) -> Self {
        let place = Place::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(root.join(".peers/venv/bin/python"));
        command
            .arg(root.join("tests/peers_py/application.py"))
            // Lists that are made of sets have one order.
            .env("PYTHONHASHSEED", "0")
            .args(["--listen", "127.0.0.1:0", "--files"])
            .arg(files.public());
        let mut process = Process::start(command, place.directory(), "uvicorn");
        let start = Instant::now();
        loop {
            // A line is whole once its end is there.
            let said = process.output();
            let line = said.split_once('\n').map(|(line, _)| line);
            if let Some(address) = line.and_then(|line| line.strip_prefix("listening on ")) {
                return Self {
                    address: address.parse().expect("an address"),
                    _process: process,
                    _place: place,
                };
            }
            if let Some(status) = process.ended() {
                panic!("uvicorn has ended with {status}: run tests/peers, which installs it");
            }
            assert!(start.elapsed() < PATIENCE, "uvicorn does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
