//! Programs in other languages publish straight to the subject.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use gripware_core::{Channel, Item, WsMessage};
use gripware_relay::suite::{Engine, Member};

use crate::Server;

fn expected() -> (Channel, Item) {
    let item = Item::from(WsMessage::text("hi")).id("5").prev_id("4");
    (Channel::new("room").unwrap(), item)
}

/// As `nats pub` does.
#[tokio::test(flavor = "multi_thread")]
async fn two_lines_over_tcp_publish() {
    let server = Server::start().await;
    let member = Member::hearing(server.broker(), "a").await;
    let item =
        r#"{"channel":"room","id":"5","prev-id":"4","formats":{"ws-message":{"content":"hi"}}}"#;
    let mut stream = TcpStream::connect(server.address).unwrap();
    let publish = format!(
        "CONNECT {{\"verbose\":false}}\r\nPUB gw.test.items {}\r\n{item}\r\nPING\r\n",
        item.len()
    );
    stream.write_all(publish.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"PONG\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend_from_slice(&byte);
    }
    member.until("has it", |it| it.count() == 1).await;
    assert_eq!(member.items(), [expected()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_publishes() {
    let server = Server::start().await;
    let member = Member::hearing(server.broker(), "a").await;
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../.peers/venv/bin/python");
    let script = r#"
import asyncio, json, sys, nats
item = {"channel": "room", "id": "5", "prev-id": "4", "formats": {"ws-message": {"content": "hi"}}}
async def publish():
    client = await nats.connect(sys.argv[1])
    await client.publish("gw.test.items", json.dumps(item).encode())
    await client.drain()
asyncio.run(publish())
"#;
    let output = Command::new(python)
        .args(["-c", script, &server.url])
        .output()
        .expect("tests/peers installs Python's packages");
    assert!(output.status.success(), "{output:?}");
    member.until("has it", |it| it.count() == 1).await;
    assert_eq!(member.items(), [expected()]);
}
