//! The servers: the original, and ours with the hub inside or behind a proxy.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use gripware_interop::{
    HubProgram, ISSUER, KEY, PATIENCE, Place, Process, Pushpin, Request, Socket, program, until,
};
use serde_json::json;

use crate::{scripts, tries_a_trigger, venv};

/// A Redis and its URL.
pub(crate) async fn redis(place: &Place) -> (String, Process) {
    let address = place.free_address();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args(["--save", "", "--protected-mode", "no"]);
    let mut process = Process::start(command, place.directory(), "redis");
    listens(&mut process, address).await;
    (format!("redis://{address}"), process)
}

/// A server that runs for as long as this is kept.
pub(crate) struct Started {
    pub(crate) address: SocketAddr,
    /// Where the process itself listens, and how it is started again.
    pub(crate) listen: SocketAddr,
    pub(crate) command: Box<dyn Fn() -> Command>,
    pub(crate) process: Process,
    pub(crate) proxy: Option<Proxy>,
}

/// What is in front of a process.
pub(crate) enum Proxy {
    Pushpin(Pushpin),
    Hub(HubProgram),
}

impl Proxy {
    pub(crate) fn client(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.client(),
            Self::Hub(hub) => hub.client(),
        }
    }

    pub(crate) fn control(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.control(),
            Self::Hub(hub) => hub.control(),
        }
    }

    /// Waits until so many rooms are followed. Pushpin tells a client of success before it follows
    /// what the answer says.
    pub(crate) async fn follows(&self, rooms: usize) {
        match self {
            Self::Pushpin(pushpin) => pushpin.subscriptions_below("room-", rooms).await,
            Self::Hub(_) => {}
        }
    }
}

pub(crate) async fn original(place: &Place, backend: SocketAddr, broker: SocketAddr) -> Started {
    let address = place.free_address();
    let command = move || {
        let mut command = Command::new(venv().join("hypercorn"));
        command
            .args(["-b", &address.to_string(), "serve:app"])
            .current_dir(scripts())
            .env("API_URL", format!("http://{backend}/"))
            .env("BROKER", broker.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let process = Process::start(command(), place.directory(), "high-templar");
    started(process, Box::new(command), address, None, Some(broker)).await
}

/// What differs from a server with the hub inside that has no broker and shares nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup<'a> {
    /// Where triggers come from, which is waited for.
    pub(crate) broker: Option<SocketAddr>,
    /// Where processes share what is known of connections. Those with the hub inside have their relay
    /// there.
    pub(crate) redis: Option<&'a str>,
    pub(crate) further: &'a [&'a str],
    /// Whether it knows the command socket of the Pushpin in front of it.
    pub(crate) commands: bool,
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

/// With the hub inside.
pub(crate) async fn ours(place: &Place, backend: SocketAddr, setup: Setup<'_>) -> Started {
    behind(place, backend, None, setup).await
}

/// As the origin of a proxy, if there is one, which asks it at the address.
async fn behind(
    place: &Place,
    backend: SocketAddr,
    proxy: Option<(SocketAddr, Proxy)>,
    setup: Setup<'_>,
) -> Started {
    let (listen, proxy) = match proxy {
        Some((origin, proxy)) => (origin, Some(proxy)),
        None => (place.free_address(), None),
    };
    let owned = |text: &&str| (*text).to_owned();
    let mut arguments: Vec<String> = setup.further.iter().map(owned).collect();
    arguments.push(format!("--listen={listen}"));
    arguments.push(format!("--api-url=http://{backend}/"));
    arguments.push("--notify-online".to_owned());
    if let (true, Some(Proxy::Pushpin(pushpin))) = (setup.commands, &proxy) {
        arguments.push(format!("--command-socket=tcp://{}", pushpin.command()));
    }
    if let Some(broker) = setup.broker {
        arguments.push(format!("--amqp=amqp://guest:guest@{broker}/%2f"));
    }
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut environment: Vec<(String, String)> = setup.environment.iter().map(pair).collect();
    let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
    if let Some(proxy) = &proxy {
        let control = proxy.control();
        let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
        set("GRIP_URL", &url);
    }
    if let Some(redis) = setup.redis {
        set("GRIPWARE_STATE", redis);
        if proxy.is_none() {
            set("GRIPWARE_RELAY", redis);
        }
    }
    let command = move || {
        let mut command = Command::new(program("gripware-templar"));
        command
            .args(&arguments)
            .env_remove("GRIP_URL")
            .env_remove("GRIPWARE_RELAY")
            .env_remove("GRIPWARE_STATE")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        command
    };
    let process = Process::start(command(), place.directory(), "templar");
    started(process, Box::new(command), listen, proxy, setup.broker).await
}

/// Pushpin as it is shipped.
pub(crate) async fn behind_pushpin(
    place: &Place,
    backend: SocketAddr,
    setup: Setup<'_>,
) -> Started {
    let of_pushpin = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_pushpin.free_address());
    let pushpin = Pushpin::start(of_pushpin, client, control, origin, false);
    let proxy = Some((origin, Proxy::Pushpin(pushpin)));
    behind(place, backend, proxy, setup).await
}

/// The program `gripware-hub`, with further arguments.
pub(crate) async fn behind_hub(
    place: &Place,
    backend: SocketAddr,
    further: &[&str],
    setup: Setup<'_>,
) -> Started {
    let of_hub = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_hub.free_address());
    let hub = HubProgram::start(of_hub, client, control, origin, further).await;
    let proxy = Some((origin, Proxy::Hub(hub)));
    behind(place, backend, proxy, setup).await
}

/// Waits until a server takes clients, and triggers reach them.
async fn started(
    mut process: Process,
    command: Box<dyn Fn() -> Command>,
    listen: SocketAddr,
    proxy: Option<Proxy>,
    broker: Option<SocketAddr>,
) -> Started {
    let address = proxy.as_ref().map_or(listen, Proxy::client);
    listens(&mut process, listen).await;
    // Pushpin may need a moment more.
    until("an answer", async || {
        let answer = Request::new("GET", address, "/").try_send().await;
        answer.is_ok_and(|answer| answer.status() != 502)
    })
    .await;
    if let Some(broker) = broker {
        triggers_arrive(address, broker).await;
    }
    Started {
        address,
        listen,
        command,
        process,
        proxy,
    }
}

/// Waits until a trigger of the broker arrives.
async fn triggers_arrive(address: SocketAddr, broker: SocketAddr) {
    let start = Instant::now();
    let mut client = Socket::open(address, "/ws/").await;
    client.next().await;
    let room = json!({"target": "m", "customer": "ready"});
    let subscribe = json!({"type": "subscribe", "room": room, "requestId": "ready"});
    client.sends(&subscribe.to_string()).await;
    client.next().await;
    let body = json!({"rooms": [room], "data": "ready"}).to_string();
    loop {
        tries_a_trigger(broker, &body).await;
        let next = tokio::time::timeout(Duration::from_secs(1), client.next()).await;
        if next.is_ok() {
            break;
        }
        assert!(start.elapsed() < 3 * PATIENCE, "no trigger arrives");
    }
    client.closes(1000, "").await;
}

pub(crate) async fn listens(process: &mut Process, address: SocketAddr) {
    let start = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(process.ended().is_none(), "it has ended");
        assert!(start.elapsed() < PATIENCE, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
