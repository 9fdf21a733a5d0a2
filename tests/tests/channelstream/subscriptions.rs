//! Channels of open sockets, and what is published while they subscribe.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gripware_interop::{Frame, PATIENCE, Place, Request, Socket};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{interval, sleep, timeout},
};

use crate::{
    call, hears, opens,
    servers::{Server, Started},
    token,
};

const HEARTBEAT: &str = r#"{"type": "heartbeat"}"#;

fn message(n: u64) -> Value {
    json!([{"user": "x", "channel": "other", "message": {"n": n}}])
}

#[tokio::test]
async fn an_open_socket_gets_a_new_channel_without_a_word_of_its_client() {
    let place = Place::new();
    for server in [
        Server::Ours,
        Server::OursBehindHub,
        Server::OursBehindPushpinWithCommands,
    ] {
        let started = Started::new(&place, server).await;
        started.is_ready().await;
        let (id, mut anna) = opens(&started, &started, "anna").await;
        let more = json!({"conn_id": id, "channels": ["other"]});
        call(&started, "/subscribe", more).await.expect("a channel");
        call(&started, "/message", message(1)).await.expect("sent");
        let mut beats = 0;
        let heard = loop {
            match anna.next().await {
                Frame::Text(text) if text == "[]" => beats += 1,
                Frame::Text(text) => break text,
                Frame::Ping(_) => {}
                frame => panic!("{server:?}: {frame:?}"),
            }
        };
        assert!(heard.contains(r#"{"n":1}"#), "{server:?}: {heard}");
        // They come every 5 s, and the proxy's own question after 20 s.
        assert!(beats < 3, "{server:?}: after {beats} heartbeats");
    }
}

#[tokio::test]
async fn where_nobody_asks_for_a_turn_the_clients_next_frame_gets_all_that_it_has_missed() {
    let place = Place::new();
    let started = Started::new(&place, Server::OursBehindPushpin).await;
    started.is_ready().await;
    let (id, mut anna) = opens(&started, &started, "anna").await;
    let more = json!({"conn_id": id, "channels": ["other"]});
    call(&started, "/subscribe", more).await.expect("a channel");
    for n in 1..=3 {
        call(&started, "/message", message(n)).await.expect("sent");
    }
    anna.sends(HEARTBEAT).await;
    for n in 1..=3 {
        hears(&mut anna, &json!({"n": n})).await;
    }
    // Whose subscription takes a moment.
    sleep(Duration::from_secs(1)).await;
    let less = json!({"conn_id": id, "channels": ["room"]});
    call(&started, "/unsubscribe", less).await.expect("less");
    call(&started, "/message", message(4)).await.expect("sent");
    hears(&mut anna, &json!({"n": 4})).await;
}

/// Sockets open one after another while messages are sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_many_sockets_misses_what_is_sent_while_it_opens() {
    for server in Server::OURS {
        let place = Place::new();
        let started = Started::new(&place, server).await;
        started.is_ready().await;
        let backend = Backend {
            address: started.address,
            token: token().await,
        };
        let ends = Arc::new(AtomicBool::new(false));
        let sending = tokio::spawn({
            let (backend, ends) = (backend.clone(), Arc::clone(&ends));
            async move {
                let mut last = 0;
                loop {
                    // The last one comes after all have opened.
                    let is_last = ends.load(Ordering::Relaxed);
                    last += 1;
                    backend.post("/message", &message(last)).await;
                    if is_last {
                        return last;
                    }
                    // The latest hundred are kept.
                    sleep(Duration::from_millis(20)).await;
                }
            }
        });
        let (at_end, last) = watch::channel(u64::MAX);
        let mut sockets = Vec::new();
        for n in 0..40 {
            let opening = json!({"username": format!("user {n}"), "channels": ["other"],
                "info": {"include_history": false, "include_users": false}});
            let told = backend.post("/connect", &opening).await;
            let id = told["conn_id"].as_str().expect("an id");
            let socket = Socket::open(started.address, &format!("/ws?conn_id={id}")).await;
            sockets.push(tokio::spawn(hears_all(socket, last.clone())));
        }
        ends.store(true, Ordering::Relaxed);
        let last = sending.await.expect("no panic");
        at_end.send(last).expect("they wait for it");
        for socket in sockets {
            let missing = socket.await.expect("no panic");
            assert!(missing.is_empty(), "{server:?}: {missing:?} of {last}");
        }
    }
}

/// Hears messages until it has all from its first to the last, and returns those that it waits for
/// in vain. Its heartbeats come more often than a browser's.
async fn hears_all(mut socket: Socket, last: watch::Receiver<u64>) -> Vec<u64> {
    let mut heard = BTreeSet::new();
    let mut beats = interval(Duration::from_millis(500));
    let waiting = timeout(PATIENCE, async {
        loop {
            tokio::select! {
                frame = socket.next() => {
                    let text = match frame {
                        Frame::Text(text) => text,
                        Frame::Ping(_) => continue,
                        frame => panic!("{frame:?}"),
                    };
                    let frames: Vec<Value> = serde_json::from_str(&text).expect("JSON");
                    let numbers = frames.iter().filter_map(|frame| frame["message"]["n"].as_u64());
                    heard.extend(numbers);
                }
                _ = beats.tick() => socket.sends(HEARTBEAT).await,
            }
            let last = *last.borrow();
            if last != u64::MAX && missing(&heard, last).is_empty() {
                return;
            }
        }
    });
    let _ = waiting.await;
    missing(&heard, *last.borrow())
}

fn missing(heard: &BTreeSet<u64>, last: u64) -> Vec<u64> {
    let first = heard.first().copied().unwrap_or(last);
    (first..=last).filter(|n| !heard.contains(n)).collect()
}

/// The backend, with a token that is good for a minute.
#[derive(Clone)]
struct Backend {
    address: SocketAddr,
    token: String,
}

impl Backend {
    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = Request::new("POST", self.address, path)
            .header("x-channelstream-secret", &self.token)
            .body(body.to_string());
        let answer = timeout(PATIENCE, request.send()).await.expect("in time");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await
    }
}
