//! `gripware-templar` beside PyPI's high-templar 3.1.0: one RabbitMQ, one backend, one script.

mod backend;
mod broker;
mod online;
mod page;
mod processes;
mod proxies;
mod servers;
mod transcripts;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use gripware_interop::{Frame, PATIENCE, Socket, run, try_run};
use serde_json::{Value, json};

/// A client that was let in.
async fn welcomed(address: SocketAddr) -> Socket {
    let mut client = Socket::open(address, "/ws/").await;
    assert_eq!(hears(&mut client).await["is_authorized"], true);
    client
}

/// A room of the tests.
fn room(customer: &str) -> Value {
    json!({"target": "m", "customer": customer})
}

/// Subscribes, and returns the answer.
async fn subscribes(client: &mut Socket, customer: &str, request_id: &str) -> Value {
    let frame = json!({"type": "subscribe", "room": room(customer), "requestId": request_id});
    client.sends(&frame.to_string()).await;
    hears(client).await
}

/// The next frame that is not one of the proxy's pings.
async fn hears(client: &mut Socket) -> Value {
    loop {
        match client.next().await {
            Frame::Text(text) => {
                return serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
            }
            Frame::Ping(_) => {}
            frame => panic!("{frame:?}"),
        }
    }
}

/// Runs a script to its end.
async fn python(script: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(venv().join("python"));
    command.arg(scripts().join(script)).args(arguments);
    run(command).await
}

/// Runs a text as a program.
async fn python_code(code: &str) -> Output {
    let mut command = Command::new(venv().join("python"));
    command.args(["-c", code]);
    run(command).await
}

/// Sends a trigger to a broker that may not have the exchange yet, where it is lost: pika then
/// fails, or waits for the broker without an end.
async fn tries_a_trigger(broker: SocketAddr, body: &str) {
    let mut command = Command::new(venv().join("python"));
    command.arg(scripts().join("trigger.py")).args([
        &broker.ip().to_string(),
        &broker.port().to_string(),
        body,
    ]);
    let _ = try_run(command, PATIENCE / 3).await;
}

fn venv() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/venv/bin")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers_py/high_templar")
}
