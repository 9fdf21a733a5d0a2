//! A broadcaster and clients on free ports of this machine.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::time::Duration;

use gripware_hub::Hub;
use gripware_topics::{Auth, client::Client, ws::MAX_MESSAGE};
use gripware_topics_server::{Broadcaster, BroadcasterBuilder, Settings, Targets};
use tokio::{net::TcpListener, task::JoinHandle};

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
    let hub = Hub::builder()
        .max_message(MAX_MESSAGE)
        .max_turn(MAX_MESSAGE + 1024 * 1024)
        .queue_bytes(MAX_MESSAGE + 1024 * 1024)
        .build()
        .unwrap();
    let broadcaster = set(builder(auth).grip(&hub.grip())).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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
    let client = Client::builder(auth.clone())
        .broadcaster(&broadcaster.url)
        .unwrap()
        .host(&host)
        .unwrap()
        .rounds(1)
        .build()
        .unwrap();
    let serving = client.clone();
    tokio::spawn(async move { serving.serve(listener).await.unwrap() });
    client
}
