//! What a hub does that Pushpin does not, or not as it is installed here.

use std::time::Duration;

use bytes::Bytes;
use gripware_interop::{AXUM, Front, Layout, Request, Site, SiteBuilder, until};
use http::Response;
use serde_json::{Value, json};

fn hub() -> SiteBuilder {
    Site::with(Layout {
        front: Front::HubProgram,
        origin: AXUM,
    })
}

/// Answers `/own` with these headers, and everything else as the origin does.
fn answering(headers: &'static [(&'static str, &'static str)]) -> SiteBuilder {
    hub().scripted(move |request| {
        if request.path == "/gone" {
            return Some(Response::new(Bytes::new()));
        }
        if request.path != "/own" {
            return None;
        }
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Some(response.body(Bytes::from("[open]\n")).expect("an answer"))
    })
}

async fn connections(site: &Site) -> Vec<Value> {
    let answer = Request::new("GET", site.control(), "/connections")
        .send()
        .await;
    answer.json().await.as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_close_ends_a_stream_whose_filter_fails() {
    let site = answering(&[
        ("grip-hold", "stream"),
        ("grip-channel", "news; filter=build-id"),
    ])
    .start()
    .await;
    let mut client = site.get("/own").await;
    client.receives("[open]\n").await;
    site.publish(r#"{"channel": "news", "http-stream": {"action": "close"}}"#)
        .await;
    client.ends().await;
}

#[tokio::test]
async fn a_gone_link_is_followed_when_the_client_has_gone() {
    for hold in [
        &[
            ("grip-hold", "stream"),
            ("grip-channel", "news"),
            ("grip-link", "</gone>; rel=gone"),
        ],
        &[
            ("grip-hold", "response"),
            ("grip-channel", "news"),
            ("grip-link", "</gone>; rel=gone"),
        ],
    ] {
        let site = answering(hold).start().await;
        let client = site.hold("/own");
        site.subscriptions("news", 1).await;
        // The head of a stream comes at once, and the client is gone with it.
        client.goes();
        until("the gone link to be followed", async || {
            let requests = site.recorder().requests();
            requests.iter().any(|request| request.path == "/gone")
        })
        .await;
        let requests = site.recorder().requests();
        let gone = requests.iter().find(|request| request.path == "/gone");
        let gone = gone.expect("a request");
        assert_eq!((gone.method.as_str(), gone.body.len()), ("POST", 0));
        assert!(!gone.header("grip-sig").is_empty());
        site.has_no_subscribers("news").await;
    }
}

#[tokio::test]
async fn a_hub_that_ends_says_goodbye_to_everybody() {
    let mut site = hub().start().await;
    let response = site.hold("/hold/response?channel=news&body=stored%0A");
    site.settled("news").await;
    let mut stream = site.get("/hold/stream?channel=news").await;
    stream.receives("[open]\n").await;
    let mut socket = site.socket("/ws/room?channel=news&user=a").await;
    site.subscriptions("news", 3).await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "last\n"}, "ws-message": {"content": "last"}}"#)
        .await;
    site.stop_proxy().await;
    let answer = response.answer().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await, "stored\n");
    stream.receives("last\n").await;
    stream.ends().await;
    socket.receives("last").await;
    socket.is_closed(1001, "").await;
}

#[tokio::test]
async fn a_connection_is_looked_at_reached_and_closed_by_its_id() {
    let site = hub().start().await;
    let mut stream = site.get("/hold/stream?channel=a&channel=b").await;
    stream.receives("[open]\n").await;
    let mut socket = site.socket("/ws/room?channel=a&user=x").await;
    site.subscriptions("a", 2).await;

    let found = connections(&site).await;
    let mut kinds: Vec<_> = found.iter().map(|one| one["kind"].clone()).collect();
    kinds.sort_by_key(Value::to_string);
    assert_eq!(kinds, [json!("stream"), json!("websocket")]);
    for one in &found {
        let id = one["id"].as_str().expect("an id");
        let close = Request::new("DELETE", site.control(), &format!("/connections/{id}"));
        assert!((200..300).contains(&close.send().await.status()));
    }
    stream.ends().await;
    socket.is_closed(1000, "").await;
    until("nobody to be held", async || {
        connections(&site).await.is_empty()
    })
    .await;
    let unknown = "/connections/00000000-0000-4000-8000-000000000000";
    let close = Request::new("DELETE", site.control(), unknown).send().await;
    assert_eq!(close.status(), 404);
}

#[tokio::test]
async fn a_publish_tells_how_many_it_reaches() {
    let site = hub().start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = site.get("/hold/stream?channel=news").await;
        client.receives("[open]\n").await;
        clients.push(client);
    }
    for (channel, count) in [("news", "3"), ("nobody", "0")] {
        let item = json!({"items": [{"channel": channel, "http-stream": {"content": "x"}}]});
        let request = Request::new("POST", site.control(), "/publish/").body(item.to_string());
        let answer = request.send().await;
        assert_eq!(answer.header("grip-subscribers"), count);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_and_keeps_nothing_from_others() {
    let site = hub().start().await;
    let mut reads = site.get("/hold/stream?channel=news").await;
    reads.receives("[open]\n").await;
    let mut stalls = site.get("/hold/stream?channel=news").await;
    stalls.receives("[open]\n").await;
    site.subscriptions("news", 2).await;
    let content = "0123456789".repeat(5_000);
    let item = json!({"channel": "news", "http-stream": {"content": content}}).to_string();
    let mut sent = 0;
    while site.metric("gripware_hub_slow_closed_total").await == 0.0 {
        site.publish(&item).await;
        reads.receives(&content).await;
        sent += 1;
        assert!(sent < 2_000, "the client that does not read is still there");
    }
    site.publish(r#"{"channel": "news", "http-stream": {"content": "still here\n"}}"#)
        .await;
    reads.receives("still here\n").await;
    reads.stays_quiet(Duration::from_millis(100)).await;
    assert!(stalls.try_bytes().await.is_err(), "its stream has no end");
}

#[tokio::test]
async fn what_is_recovered_for_one_client_goes_to_no_other() {
    let site = hub()
        .scripted(|request| {
            let (path, user) = request.path.split_once("?user=")?;
            let response = Response::builder()
                .header("grip-hold", "stream")
                .header("grip-link", format!("</next?user={user}>; rel=next"));
            let (id, body) = match path {
                "/first" => ("0", "[open]\n".to_owned()),
                "/next" => ("3", format!("missed by {user}\n")),
                _ => return None,
            };
            let response = response.header("grip-channel", format!("news; prev-id={id}"));
            Some(response.body(Bytes::from(body)).expect("an answer"))
        })
        .start()
        .await;
    let mut clients = Vec::new();
    for user in ["anna", "ben"] {
        let request = site.request("GET", &format!("/first?user={user}"));
        let mut client = request.header("cookie", "secret").send().await;
        client.receives("[open]\n").await;
        clients.push((user, client));
    }
    for (id, previous) in [("1", "0"), ("3", "2")] {
        let item = json!({"channel": "news", "id": id, "prev-id": previous,
            "http-stream": {"content": format!("[{id}]\n")}});
        site.publish(&item.to_string()).await;
    }
    for (user, client) in &mut clients {
        client.receives(format!("[1]\nmissed by {user}\n")).await;
        client.stays_quiet(Duration::from_millis(300)).await;
    }
    let requests = site.recorder().requests();
    let next: Vec<_> = requests
        .iter()
        .filter(|request| request.path.starts_with("/next"))
        .collect();
    assert_eq!(next.len(), 2, "{next:?}");
    for request in next {
        assert_eq!(request.header("cookie"), "");
        assert_eq!(request.header("grip-last"), "news; last-id=1");
    }
}
