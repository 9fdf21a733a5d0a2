//! `gripware-channelstream` beside PyPI's channelstream 0.7.1.

mod javascript;
mod processes;
mod servers;
mod subscriptions;
mod transcripts;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use gripware_interop::{Frame, Socket, run};
use serde_json::{Value, json};

use self::servers::Started;

const SECRET: &str = "a secret of the tests";

/// A call of the backend at a node.
async fn call(node: &Started, path: &str, body: Value) -> Result<Value, String> {
    let mut command = Command::new(venv().join("python"));
    command.arg(scripts().join("call.py")).args([
        &node.address.to_string(),
        SECRET,
        path,
        &body.to_string(),
    ]);
    let output = run(command).await;
    let text = String::from_utf8(output.stdout).expect("text");
    match output.status.success() {
        true => Ok(serde_json::from_str(&text).expect("JSON")),
        false => Err(text),
    }
}

/// Makes a connection known at one node and opens its socket at another.
async fn opens(connects: &Started, listens: &Started, user: &str) -> (String, Socket) {
    let body = json!({"username": user, "channels": ["room"]});
    let told = call(connects, "/connect", body)
        .await
        .expect("it is let in");
    let id = told["conn_id"].as_str().expect("an id").to_owned();
    let socket = Socket::open(listens.address, &format!("/ws?conn_id={id}")).await;
    (id, socket)
}

/// A token of the backend, which is good for a minute.
async fn token() -> String {
    let code = "import sys; from itsdangerous import TimestampSigner; \
                print(TimestampSigner(sys.argv[1]).sign('x').decode())";
    let mut command = Command::new(venv().join("python"));
    command.args(["-c", code, SECRET]);
    let output = run(command).await;
    String::from_utf8(output.stdout)
        .expect("text")
        .trim_ascii()
        .to_owned()
}

/// The next frame that is no heartbeat.
async fn frame(socket: &mut Socket) -> Value {
    loop {
        let text = match socket.next().await {
            Frame::Text(text) => text,
            Frame::Ping(_) => continue,
            frame => panic!("{frame:?}"),
        };
        let mut frames: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        if let Some(frame) = frames.pop() {
            return frame;
        }
    }
}

async fn hears(socket: &mut Socket, message: &Value) {
    assert_eq!(&frame(socket).await["message"], message);
}

fn venv() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/channelstream/bin")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers_py/channelstream")
}
