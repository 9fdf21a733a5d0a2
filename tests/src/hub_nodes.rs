use std::{
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

use crate::{HubProgram, PATIENCE, Place, Process};

/// Two `gripware-hub` that are one by a Redis, in front of one origin, as a conformance server keeps
/// its feeds to itself. Clients go to one and the other in turn, and items are published at the first.
#[derive(Debug)]
pub(crate) struct HubNodes {
    hubs: [HubProgram; 2],
    connected: AtomicUsize,
    _redis: Process,
    // After the process, whose files are in it.
    _place: Place,
}

impl HubNodes {
    /// Starts them, and waits until they know each other.
    pub(crate) async fn start(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        origin: SocketAddr,
        further: &[&str],
    ) -> Self {
        let own = Place::new();
        let (redis, address) = start_redis(&own).await;
        let relay = format!("--relay=redis://{address}/");
        let further: Vec<_> = further.iter().copied().chain([relay.as_str()]).collect();
        let other = Place::new();
        let (other_client, other_control) = (other.free_address(), other.free_address());
        let hubs = [
            HubProgram::start(place, client, control, origin, &further).await,
            HubProgram::start(other, other_client, other_control, origin, &further).await,
        ];
        let this = Self {
            hubs,
            connected: AtomicUsize::new(0),
            _redis: redis,
            _place: own,
        };
        this.know_each_other().await;
        this
    }

    /// Where the next client connects.
    pub(crate) fn client(&self) -> SocketAddr {
        let [one, other] = &self.hubs;
        match self.connected.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => one.client(),
            _ => other.client(),
        }
    }

    pub(crate) fn control(&self) -> SocketAddr {
        let [one, _] = &self.hubs;
        one.control()
    }

    /// Where one looks into each of them.
    pub(crate) fn controls(&self) -> [SocketAddr; 2] {
        self.hubs.each_ref().map(HubProgram::control)
    }

    pub(crate) async fn stop(&mut self) {
        for hub in &mut self.hubs {
            hub.stop().await;
        }
    }

    pub(crate) async fn start_again(&mut self) {
        for hub in &mut self.hubs {
            hub.start_again().await;
        }
        self.know_each_other().await;
    }

    async fn know_each_other(&self) {
        let start = Instant::now();
        for hub in &self.hubs {
            while hub.metric("gripware_relay_nodes").await < 1.0 {
                assert!(start.elapsed() < PATIENCE, "{}", hub.log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Starts one, and waits until it listens.
async fn start_redis(place: &Place) -> (Process, SocketAddr) {
    let address = place.free_address();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args(["--save", ""]);
    let mut redis = Process::start(command, place.directory(), "redis-server");
    let start = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        assert!(redis.ended().is_none(), "redis-server has ended");
        assert!(start.elapsed() < PATIENCE, "redis-server does not listen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (redis, address)
}
