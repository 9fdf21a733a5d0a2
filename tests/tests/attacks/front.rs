use std::net::SocketAddr;

use gripware_interop::{HubProgram, Place};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The program `gripware-hub` in front of an origin, with further flags.
pub(crate) async fn hub(origin: SocketAddr, further: &[&str]) -> HubProgram {
    let place = Place::new();
    let (client, control) = (place.free_address(), place.free_address());
    HubProgram::start(place, client, control, origin, further).await
}

/// A front that passes on every byte as it is, as the control of a test of what does not pass: the
/// detector has to find the attack behind it.
#[derive(Debug)]
pub(crate) struct Naive {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Naive {
    pub(crate) async fn start(origin: SocketAddr) -> Self {
        let address = Place::new().free_address();
        let listener = TcpListener::bind(address).await.expect("a free address");
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    if let Ok(mut origin) = TcpStream::connect(origin).await {
                        // Either may leave at any time.
                        let _ = copy_bidirectional(&mut client, &mut origin).await;
                    }
                });
            }
        });
        Self { address, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        self.task.abort();
    }
}
