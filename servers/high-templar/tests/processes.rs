//! Several processes behind one proxy, with a state that they share: any of them may have the next
//! turn of a connection.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::SystemTime;

use gripware_core::webhook::WebhookKey;
use gripware_state::{Backends, State};
use gripware_templar::{NotifyOnline, Rooms, TemplarBuilder};
use serde_json::{Value, json};
use support::{Client, KEY, Site};

/// Three of them. The state is of a proxy outside, as it is for processes.
async fn three(set: impl Fn(TemplarBuilder) -> TemplarBuilder) -> Site {
    let state = State::new(Backends::memory());
    Site::of(3, |templar| set(templar.state(&state))).await
}

fn room(customer: &str) -> Value {
    json!({"target": "m", "customer": customer})
}

fn published(data: &str, request_id: &str) -> Value {
    json!({"type": "publish", "data": data, "requestId": request_id})
}

#[tokio::test]
async fn any_process_has_the_next_turn_of_a_connection() {
    let site = three(|templar| templar.hooks(NotifyOnline)).await;
    let mut client = site.welcome().await;
    for n in 0..10 {
        client
            .subscribes(room(&n.to_string()), &n.to_string())
            .await;
    }
    client.says("ping").await;
    assert_eq!(client.reads().await, "pong");
    let twice = json!({"type": "subscribe", "room": room("1"), "requestId": "more"});
    assert_eq!(client.asks(twice).await, json!({"code": "success"}));
    let unsubscribe = json!({"type": "unsubscribe", "requestId": "1"});
    assert_eq!(client.asks(unsubscribe).await, json!({"code": "success"}));
    for _ in 0..site.all_trigger(&json!([room("1")]), &json!("x")).await {
        assert_eq!(client.reads().await, published("x", "more"));
    }
    client.hears_nothing().await;
    for templar in &site.templars {
        let status = templar.status().await.unwrap();
        assert_eq!((status.open_connections, status.num_rooms), (1, 10));
    }
    client.leaves().await;
    site.api.asked("/user/notify_offline/", 1).await;
    let status = site.templar.status().await.unwrap();
    assert_eq!((status.open_connections, status.num_rooms), (0, 0));
}

#[tokio::test]
async fn a_star_reaches_the_rooms_of_all_processes() {
    let site = three(|templar| templar.rooms(Rooms::Wildcard)).await;
    let (mut one, mut other) = (site.welcome().await, site.welcome().await);
    one.subscribes(room("1"), "one").await;
    one.subscribes(room("*"), "any").await;
    other.subscribes(room("2"), "two").await;
    let heard = async |client: &mut Client, count: usize| {
        let mut ids = Vec::new();
        for _ in 0..count {
            let frame = client.reads().await;
            ids.push(frame["requestId"].as_str().unwrap().to_owned());
        }
        client.hears_nothing().await;
        ids.sort();
        ids
    };
    let processes = site
        .all_trigger(&json!([room("*"), room("1")]), &json!(1))
        .await;
    let expected = ["any", "one"].map(|id| vec![id; processes]).concat();
    assert_eq!(heard(&mut one, 2 * processes).await, expected);
    assert_eq!(heard(&mut other, processes).await, vec!["two"; processes]);
    site.triggers(json!([room("2")]), json!(1)).await;
    assert_eq!(heard(&mut one, 1).await, ["any"]);
    assert_eq!(heard(&mut other, 1).await, ["two"]);
    let unsubscribe = json!({"type": "unsubscribe", "requestId": "any"});
    assert_eq!(one.asks(unsubscribe).await, json!({"code": "success"}));
    site.triggers(json!([room("*")]), json!(1)).await;
    assert_eq!(heard(&mut one, 1).await, ["one"]);
}

#[tokio::test]
async fn permissions_are_asked_for_again_whoever_has_the_connection() {
    let site = three(|templar| templar).await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "a").await;
    client.subscribes(room("2"), "b").await;
    site.api.allow(json!([room("2")]));
    let key = format!("Bearer {KEY}");
    for whose in [json!({"cookie": "me"}), json!({"room": room("*")})] {
        let body = json!({ "recheck": whose }).to_string();
        let answer = site.posts(&[("authorization", &key)], &body).await;
        assert_eq!(answer, (200, "publish success".to_owned()));
        if whose.get("cookie").is_some() {
            let ended = json!({"type": "unsubscribed", "requestId": "a", "room": room("1")});
            assert_eq!(client.reads().await, ended);
            site.api.allow(json!([]));
        }
    }
    let ended = json!({"type": "unsubscribed", "requestId": "b", "room": room("2")});
    assert_eq!(client.reads().await, ended);
}

#[tokio::test]
async fn a_signed_trigger_is_taken_once_by_all_of_them() {
    let site = three(|templar| templar).await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "a").await;
    let body = json!({"rooms": [room("1")], "data": "x"}).to_string();
    let key = WebhookKey::parse(KEY).unwrap();
    let signed = key.sign("1", SystemTime::now(), body.as_bytes()).unwrap();
    let headers = signed
        .each_ref()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(site.posts(&headers, &body).await.0);
    }
    assert_eq!(answers, [200, 409, 409, 409]);
    assert_eq!(client.reads().await, published("x", "a"));
    client.hears_nothing().await;
}

#[tokio::test]
async fn a_connection_may_hear_more_than_a_record_has_room_for() {
    let site = three(|templar| templar).await;
    let mut client = site.welcome().await;
    let long = |n: usize| format!("{n}{}", "\"é".repeat(200));
    for n in 0..100 {
        client.subscribes(room(&long(n)), &n.to_string()).await;
    }
    for n in [0, 50, 99] {
        site.triggers(json!([room(&long(n))]), json!("x")).await;
        assert_eq!(client.reads().await, published("x", &n.to_string()));
    }
}
