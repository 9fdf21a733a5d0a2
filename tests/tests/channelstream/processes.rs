//! Several processes that share a Redis.

use std::{net::SocketAddr, process::Command, time::Instant};

use gripware_interop::{PATIENCE, Place, Process, Socket};
use serde_json::{Value, json};

use crate::{
    call, frame, hears, opens,
    servers::{Started, listens},
};

/// A Redis and its URL.
async fn redis(place: &Place, address: SocketAddr) -> Process {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ])
        .args(["--protected-mode", "no", "--dir"])
        .arg(place.directory());
    let mut process = Process::start(command, place.directory(), "redis");
    listens(&mut process, address).await;
    process
}

/// The next frame that tells who comes or goes. Messages may come once more before it, as a node that
/// has not heard its broker for a while recovers what it may have lost.
async fn presence(socket: &mut Socket) -> Value {
    loop {
        let frame = frame(socket).await;
        if frame["type"] != "message" {
            return frame;
        }
    }
}

#[tokio::test]
async fn two_nodes_are_one_and_a_killed_redis_loses_nothing() {
    let place = Place::new();
    let at = place.free_address();
    let url = format!("redis://{at}");
    let mut redis_process = redis(&place, at).await;
    let one = Started::sharing(&place, &url).await;
    let two = Started::sharing(&place, &url).await;
    let settings = json!({"room": {"notify_presence": true, "store_history": true}});
    call(&one, "/channel_config", settings)
        .await
        .expect("settings");

    let (anna_id, mut anna) = opens(&one, &two, "anna").await;
    let (_, mut bob) = opens(&two, &one, "bob").await;
    assert_eq!(
        frame(&mut anna).await["message"],
        json!({"action": "joined"})
    );
    let message = |n: u64| json!([{"user": "x", "channel": "room", "message": {"n": n}}]);
    for (n, node) in [(1, &one), (2, &two)] {
        call(node, "/message", message(n)).await.expect("a message");
        hears(&mut anna, &json!({"n": n})).await;
        hears(&mut bob, &json!({"n": n})).await;
    }
    let private = json!([{"user": "x", "pm_users": ["anna"], "message": {"n": 3}}]);
    call(&one, "/message", private).await.expect("a message");
    hears(&mut anna, &json!({"n": 3})).await;
    // Its socket is at the other node.
    let more = json!({"conn_id": anna_id, "channels": ["other"]});
    call(&one, "/subscribe", more).await.expect("a channel");
    let other = json!([{"user": "x", "channel": "other", "message": {"n": 4}}]);
    call(&two, "/message", other).await.expect("a message");
    hears(&mut anna, &json!({"n": 4})).await;

    redis_process.kill();
    let refused = call(&one, "/message", message(5)).await;
    assert!(refused.is_err(), "nobody has it: {refused:?}");
    redis_process = redis(&place, at).await;
    let start = Instant::now();
    while call(&two, "/message", message(6)).await.is_err() {
        assert!(
            start.elapsed() < 2 * PATIENCE,
            "the node does not come back"
        );
    }
    // What failed may have been kept, or not; what was accepted is heard.
    for socket in [&mut anna, &mut bob] {
        while frame(socket).await["message"] != json!({"n": 6}) {}
    }
    let told = call(&one, "/info", json!({"channels": ["room"]})).await;
    let told = told.expect("what there is");
    let history = told["channels"]["room"]["history"]
        .as_array()
        .expect("a list");
    for n in [1, 2, 6] {
        let has = |entry: &Value| entry["message"] == json!({"n": n});
        assert!(history.iter().any(has), "{n}: {told}");
    }
    assert_eq!(told["channels"]["room"]["users"], json!(["anna", "bob"]));

    // A connection that nobody opens ends once, although two nodes look for it.
    let idle = json!({"username": "carol", "channels": ["room"]});
    call(&one, "/connect", idle).await.expect("it is let in");
    for action in ["joined", "parted"] {
        let told = presence(&mut anna).await;
        assert_eq!(
            (&told["user"], &told["message"]["action"]),
            (&json!("carol"), &json!(action))
        );
    }
    bob.closes(1000, "").await;
    let told = presence(&mut anna).await;
    assert_eq!(
        (&told["user"], &told["message"]["action"]),
        (&json!("bob"), &json!("parted"))
    );
    redis_process.stop(PATIENCE).await;
}
