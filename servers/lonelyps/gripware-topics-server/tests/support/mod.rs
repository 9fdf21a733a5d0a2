//! A broadcaster and clients on free ports of this machine.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub(crate) mod endpoint;
pub(crate) mod originals;
#[cfg(feature = "program")]
pub(crate) mod several;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use gripware_hub::Hub;
use gripware_topics::{Auth, auth::Kind, client::Client, ws::MAX_MESSAGE};
use gripware_topics_server::{Broadcaster, BroadcasterBuilder, Settings, Targets};
use http::{HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy, rt::TokioExecutor};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};

/// A bound for what happens at once unless something is wrong.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A broadcaster that serves.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) serving: JoinHandle<()>,
}

pub(crate) fn loopback() -> Targets {
    Targets::public().allow("127.0.0.0/8".parse().unwrap())
}

pub(crate) fn builder(auth: &Auth) -> BroadcasterBuilder {
    Broadcaster::builder(auth.clone())
        .targets(loopback())
        .settings(Settings::default())
}

pub(crate) async fn serve(broadcaster: &Broadcaster) -> Served {
    serve_on(broadcaster, TcpListener::bind("127.0.0.1:0").await.unwrap())
}

pub(crate) fn serve_on(broadcaster: &Broadcaster, listener: TcpListener) -> Served {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = broadcaster.router();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Served { url, serving }
}

/// As [`serve`], behind a hub, which holds WebSockets.
pub(crate) async fn serve_with_hub(
    auth: &Auth,
    set: impl FnOnce(BroadcasterBuilder) -> BroadcasterBuilder,
) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve_with_hub_on(auth, set, listener, MAX_TURN)
}

/// The largest turn of a WebSocket as the program has it.
pub(crate) const MAX_TURN: usize = MAX_MESSAGE + 1024 * 1024;

pub(crate) fn serve_with_hub_on(
    auth: &Auth,
    set: impl FnOnce(BroadcasterBuilder) -> BroadcasterBuilder,
    listener: TcpListener,
    max_turn: usize,
) -> Served {
    let hub = Hub::builder()
        .max_message(MAX_MESSAGE)
        .max_turn(max_turn)
        .queue_bytes(MAX_TURN)
        .build()
        .unwrap();
    let broadcaster = set(builder(auth).grip(&hub.grip())).build().unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = hub.serve(listener, broadcaster.router());
    let serving = tokio::spawn(async move { serving.await.unwrap() });
    Served { url, serving }
}

pub(crate) async fn broadcaster(auth: &Auth) -> Served {
    serve(&builder(auth).build().unwrap()).await
}

/// A client whose host has a path and a fragment.
pub(crate) async fn client(auth: &Auth, broadcaster: &Served) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}/pubsub#1", listener.local_addr().unwrap());
    client_at(auth, broadcaster, &host, listener)
}

/// A client whose host is this one.
pub(crate) fn client_at(
    auth: &Auth,
    broadcaster: &Served,
    host: &str,
    listener: TcpListener,
) -> Client {
    let client = Client::builder(auth.clone())
        .broadcaster(&broadcaster.url)
        .unwrap()
        .host(host)
        .unwrap()
        .rounds(1)
        .build()
        .unwrap();
    let serving = client.clone();
    tokio::spawn(async move { serving.serve(listener).await.unwrap() });
    client
}

/// POSTs a body to a broadcaster, and returns the status and the answer.
pub(crate) async fn ask(
    broadcaster: &Served,
    path: &str,
    header: Option<(HeaderName, &str)>,
    body: Bytes,
) -> (StatusCode, Bytes) {
    let url = format!("{}{path}", broadcaster.url);
    post(url, header, body).await.unwrap()
}

/// POSTs a body, and returns the status and the answer. `None` where there is no answer.
pub(crate) async fn post(
    url: String,
    header: Option<(HeaderName, &str)>,
    body: Bytes,
) -> Option<(StatusCode, Bytes)> {
    let mut request = Request::post(url);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body)).unwrap();
    let sender = legacy::Client::builder(TokioExecutor::new()).build_http();
    let answer = soon(sender.request(request)).await.ok()?;
    let status = answer.status();
    let body = soon(answer.into_body().collect()).await.ok()?;
    Some((status, body.to_bytes()))
}

/// A client that keeps a WebSocket.
pub(crate) fn socket_client(auth: &Auth, broadcasters: &[&str]) -> Client {
    let builder = Client::builder(auth.clone()).websocket();
    let builder = (0..)
        .zip(broadcasters)
        .fold(builder, |builder, (priority, url)| {
            builder.broadcaster_with_priority(url, priority).unwrap()
        });
    builder.build().unwrap()
}

/// Bytes that no compression makes shorter, of which each position counts.
pub(crate) fn noise(length: usize) -> Bytes {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The secrets of each kind.
pub(crate) fn kinds() -> impl Iterator<Item = Auth> {
    let kinds = [Kind::None, Kind::Token, Kind::Hmac];
    kinds
        .into_iter()
        .map(|kind| Auth::generate(kind, kind).unwrap())
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.unwrap()
}

/// The program, without settings of this environment.
#[cfg(feature = "program")]
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-topics"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GRIP")) {
        command.env_remove(name);
    }
    command
}

/// A program that serves, and where.
pub(crate) struct Running(pub(crate) Child, pub(crate) String);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_at("127.0.0.1:0", command)
    }

    pub(crate) fn start_at(address: &str, command: &mut Command) -> Self {
        let mut child = command
            .args(["--listen", address, "--log", "off"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim_ascii_end().strip_prefix("listening on ").unwrap();
        let address = address.to_owned();
        Self(child, address)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.1)
    }

    /// Ends it as a service manager does, and returns its status.
    pub(crate) fn end(mut self) -> i32 {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
