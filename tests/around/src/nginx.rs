use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use gripware_interop::{PATIENCE, Place, Process};
use tokio::net::TcpStream;

/// A running nginx in front of another server, set up as its manual says for WebSockets and streams.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    _process: Process,
    // After the process, which writes into it.
    _place: Place,
}

impl Nginx {
    /// Starts one, and waits until it listens. Where there are files, it serves those under
    /// `/files/` itself.
    ///
    /// # Panics
    /// Where it does not start, mostly because it is not installed.
    pub async fn start(upstream: SocketAddr, files: Option<&Path>) -> Self {
        let place = Place::new();
        let address = place.free_address();
        let files = files.map_or(String::new(), |files| {
            format!("location /files/ {{ root {}; }}", files.display())
        });
        // A client of HTTP/1.0 may name none.
        let host = if files.is_empty() {
            "$host:$server_port"
        } else {
            "$http_host"
        };
        let text = include_str!("nginx.conf")
            .replace("@listen@", &address.to_string())
            .replace("@upstream@", &upstream.to_string())
            .replace("@files@", &files)
            .replace("@host@", host);
        let config = place.write("nginx.conf", &text);
        let mut command = Command::new("/usr/sbin/nginx");
        command
            .arg("-p")
            .arg(place.directory())
            .arg("-c")
            .arg(config);
        command.args(["-e", "stderr"]);
        let mut process = Process::start(command, place.directory(), "nginx");
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = process.ended() {
                panic!("nginx has ended with {status}: {}", process.errors());
            }
            assert!(start.elapsed() < PATIENCE, "nginx does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self {
            address,
            _process: process,
            _place: place,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
