//! The programs that a benchmark of a server starts. It is a module of each of them, as they are
//! benchmarks of different packages.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// A program that ends with this.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn();
        Self(child.expect("tests/peers installs it"))
    }

    /// Waits until it takes connections.
    pub(crate) async fn listens(&mut self, address: SocketAddr) {
        while TcpStream::connect(address).await.is_err() {
            let ended = self.0.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "it has ended with {ended:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that nobody listens at.
pub(crate) async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}
