//! Programs in other languages publish straight into the stream.

use std::process::Command;

use gripware_core::{Channel, Item, WsMessage};
use gripware_relay::suite::{Engine, Member};

use crate::Server;

const ITEM: &str =
    r#"{"channel":"room","id":"5","prev-id":"4","formats":{"ws-message":{"content":"hi"}}}"#;

fn expected() -> (Channel, Item) {
    let item = Item::from(WsMessage::text("hi")).id("5").prev_id("4");
    (Channel::new("room").unwrap(), item)
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_publishes() {
    let server = Server::start().await;
    let member = Member::hearing(server.broker(), "a").await;
    let add = ["XADD", "gw:test:items", "MAXLEN", "~", "100000", "*", "d"];
    let many = format!("{{\"items\":[{ITEM},{ITEM}]}}");
    for message in [ITEM, &many] {
        let id = server.cli(&[&add[..], &[message]].concat());
        assert!(id.contains('-'), "{id}");
    }
    member.until("has all", |it| it.count() == 3).await;
    assert_eq!(member.items(), [expected(), expected(), expected()]);

    // An entry that is something else is counted.
    server.cli(&["XADD", "gw:test:items", "*", "other", "1"]);
    member
        .until("has counted", |it| it.relay.counts().refused == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_publishes() {
    let server = Server::start().await;
    let member = Member::hearing(server.broker(), "a").await;
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../.peers/venv/bin/python");
    let script = r#"
import json, sys, redis
item = {"channel": "room", "id": "5", "prev-id": "4", "formats": {"ws-message": {"content": "hi"}}}
client = redis.Redis.from_url(sys.argv[1])
client.xadd("gw:test:items", {"d": json.dumps(item)}, maxlen=100000, approximate=True)
"#;
    let output = Command::new(python)
        .args(["-c", script, &server.url])
        .output()
        .expect("tests/peers installs Python's packages");
    assert!(output.status.success(), "{output:?}");
    member.until("has it", |it| it.count() == 1).await;
    assert_eq!(member.items(), [expected()]);
}
