use std::{net::SocketAddr, process::Command, time::Instant};

use crate::{PATIENCE, Place, Process};

/// A RabbitMQ of Debian's `rabbitmq-server`, whose user is `guest` with the password `guest`. It has
/// a node name, a port mapper and a directory of its own.
#[derive(Debug)]
pub struct RabbitMq {
    broker: Process,
    address: SocketAddr,
    starts: usize,
    mapper_port: u16,
    _port_mapper: Process,
    // After the processes, which write into it.
    place: Place,
}

impl RabbitMq {
    /// Starts one, and waits until it takes connections.
    ///
    /// # Panics
    /// Where it does not start, mostly because it is not installed.
    pub async fn start() -> Self {
        let place = Place::new();
        let address = place.free_address();
        let mapper_port = free_port();
        let mut mapper = Command::new("epmd");
        mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
        let mapper = Process::start(mapper, place.directory(), "epmd");
        let broker = run(&place, address, mapper_port, 1);
        let mut rabbitmq = Self {
            broker,
            address,
            starts: 1,
            mapper_port,
            _port_mapper: mapper,
            place,
        };
        rabbitmq.listens().await;
        rabbitmq
    }

    /// Where it takes connections.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and starts it again with what it keeps.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Ends it.
    pub async fn stop(&mut self) {
        self.broker.stop(2 * PATIENCE).await;
    }

    /// Starts one that was ended, at the same address and with what it keeps.
    pub async fn start_again(&mut self) {
        self.starts += 1;
        self.broker = run(&self.place, self.address, self.mapper_port, self.starts);
        self.listens().await;
    }

    async fn listens(&mut self) {
        let start = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.broker.ended() {
                panic!("RabbitMQ has ended with {status}");
            }
            assert!(start.elapsed() < 3 * PATIENCE, "RabbitMQ does not start");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

fn run(place: &Place, address: SocketAddr, mapper_port: u16, start: usize) -> Process {
    let directory = place.directory();
    let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    command
        .env(
            "RABBITMQ_NODENAME",
            format!("grip{}@localhost", std::process::id()),
        )
        .env("RABBITMQ_NODE_IP_ADDRESS", address.ip().to_string())
        .env("RABBITMQ_NODE_PORT", address.port().to_string())
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        )
        .env("RABBITMQ_MNESIA_BASE", directory)
        .env("RABBITMQ_LOG_BASE", directory)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", directory.join("plugins"))
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapper_port.to_string())
        .env("HOME", directory);
    Process::start(command, directory, &format!("rabbitmq-{start}"))
}

/// A port for what listens on 127.0.0.1, and not on the address of the place.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
