//! PyPI's server, and ours with the hub inside and behind proxies.

use std::{
    fs,
    net::SocketAddr,
    process::{Command, Output},
    time::{Duration, Instant},
};

use gripware_interop::{
    Frame, HubProgram, ISSUER, KEY, PATIENCE, Place, Process, Pushpin, Socket, program, run, until,
};
use serde_json::json;
use tokio::time::timeout;

use crate::{SECRET, call, scripts, venv};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// PyPI's.
    Original,
    /// With the hub inside.
    Ours,
    OursBehindPushpin,
    /// The same with the setting of its command socket.
    OursBehindPushpinWithCommands,
    /// The program `gripware-hub`.
    OursBehindHub,
}

impl Server {
    pub(crate) const OURS: [Self; 4] = [
        Self::Ours,
        Self::OursBehindHub,
        Self::OursBehindPushpin,
        Self::OursBehindPushpinWithCommands,
    ];
}

/// A server that runs for as long as this is kept.
pub(crate) struct Started {
    /// Where browsers and the backend connect.
    pub(crate) address: SocketAddr,
    _process: Process,
    _proxy: Option<Proxy>,
}

/// What is in front of a process.
enum Proxy {
    Pushpin(Pushpin),
    Hub(HubProgram),
}

impl Proxy {
    fn client(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.client(),
            Self::Hub(hub) => hub.client(),
        }
    }

    fn control(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.control(),
            Self::Hub(hub) => hub.control(),
        }
    }
}

impl Started {
    pub(crate) async fn new(place: &Place, server: Server) -> Self {
        match server {
            Server::Original => original(place).await,
            Server::Ours => Self::with_settings(place, "").await,
            Server::OursBehindHub => behind_hub(place).await,
            Server::OursBehindPushpin => behind_pushpin(place, false).await,
            Server::OursBehindPushpinWithCommands => behind_pushpin(place, true).await,
        }
    }

    /// Ours with the hub inside, and with further lines in the ini file.
    pub(crate) async fn with_settings(place: &Place, lines: &str) -> Self {
        ours(place, place.free_address(), None, lines, None).await
    }

    /// The same, with a Redis that processes share.
    pub(crate) async fn sharing(place: &Place, redis: &str) -> Self {
        ours(place, place.free_address(), None, "", Some(redis)).await
    }

    /// Waits until a call of the backend is answered, whatever the answer says.
    pub(crate) async fn answers(&self) {
        until("an answer", async || {
            match call(self, "/info", json!({})).await {
                Ok(_) => true,
                Err(text) => !text.is_empty(),
            }
        })
        .await;
    }

    /// Waits until a socket hears what is published. The programs of Pushpin find each other in the
    /// background, and lose what comes before.
    pub(crate) async fn is_ready(&self) {
        until("a socket that hears", async || {
            let opening = json!({"username": "ready", "channels": ["ready"]});
            let Ok(told) = call(self, "/connect", opening).await else {
                return false;
            };
            let path = format!("/ws?conn_id={}", told["conn_id"].as_str().expect("an id"));
            let Ok(Ok(mut socket)) = Socket::try_connect(self.address, &path, &[]).await else {
                return false;
            };
            let message = json!([{"user": "ready", "channel": "ready", "message": {}}]);
            let sent = call(self, "/message", message).await;
            let heard = timeout(Duration::from_secs(2), async {
                loop {
                    match socket.next().await {
                        Frame::Ping(_) => {}
                        Frame::Text(text) if text == "[]" => {}
                        frame => return matches!(frame, Frame::Text(_)),
                    }
                }
            });
            sent.is_ok() && heard.await == Ok(true)
        })
        .await;
    }
}

async fn original(place: &Place) -> Started {
    let address = place.free_address();
    let ini = place.directory().join("original.ini");
    let settings = format!(
        "[channelstream]\nsecret = {SECRET}\nadmin_secret = x\nhost = {}\nport = {}\n",
        address.ip(),
        address.port()
    );
    fs::write(&ini, settings).expect("a file");
    let mut command = Command::new(venv().join("python"));
    command
        .arg(scripts().join("serve.py"))
        .arg("-i")
        .arg(ini)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let process = Process::start(command, place.directory(), "original");
    started(process, address, None).await
}

/// Ours at an address, where a proxy asks it if there is one.
async fn ours(
    place: &Place,
    listen: SocketAddr,
    proxy: Option<Proxy>,
    lines: &str,
    redis: Option<&str>,
) -> Started {
    let ini = place.directory().join(format!("{}.ini", listen.port()));
    // The proxy says whom it forwards for.
    let settings = format!(
        "[channelstream]\nsecret = {SECRET}\nadmin_secret = x\nhost = {}\nport = {}\njsonp = 1\n\
         demo = 1\nallow_posting_from = 127.0.0.1,\n    127.0.0.2\n{lines}\n",
        listen.ip(),
        listen.port()
    );
    fs::write(&ini, settings).expect("a file");
    let mut command = Command::new(program("gripware-channelstream"));
    command
        .arg("-i")
        .arg(ini)
        .env_remove("GRIP_URL")
        .env_remove("GRIPWARE_RELAY")
        .env_remove("GRIPWARE_STATE");
    if let Some(proxy) = &proxy {
        let control = proxy.control();
        let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
        command.env("GRIP_URL", url);
    }
    if let Some(redis) = redis {
        command
            .env("GRIPWARE_STATE", redis)
            .env("GRIPWARE_RELAY", redis);
    }
    let name = format!("channelstream-{}", listen.port());
    let process = Process::start(command, place.directory(), &name);
    started(process, listen, proxy).await
}

async fn behind_pushpin(place: &Place, with_commands: bool) -> Started {
    let of_pushpin = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_pushpin.free_address());
    let pushpin = Pushpin::start(of_pushpin, client, control, origin, false);
    let lines = match with_commands {
        true => format!("command_socket = tcp://{}", pushpin.command()),
        false => String::new(),
    };
    ours(place, origin, Some(Proxy::Pushpin(pushpin)), &lines, None).await
}

async fn behind_hub(place: &Place) -> Started {
    let of_hub = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_hub.free_address());
    let further = ["--max-channels", "102"];
    let hub = HubProgram::start(of_hub, client, control, origin, &further).await;
    ours(place, origin, Some(Proxy::Hub(hub)), "", None).await
}

/// Waits until a server takes clients.
async fn started(mut process: Process, listen: SocketAddr, proxy: Option<Proxy>) -> Started {
    listens(&mut process, listen).await;
    Started {
        address: proxy.as_ref().map_or(listen, Proxy::client),
        _process: process,
        _proxy: proxy,
    }
}

pub(crate) async fn listens(process: &mut Process, address: SocketAddr) {
    let start = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(process.ended().is_none(), "{}", process.errors());
        assert!(start.elapsed() < PATIENCE, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn play(address: SocketAddr, script: &str) -> Output {
    let mut command = Command::new(venv().join("python"));
    command
        .arg(scripts().join(script))
        .args([&address.to_string(), SECRET])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(command).await
}
