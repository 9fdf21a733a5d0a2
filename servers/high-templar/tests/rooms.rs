//! Clients, a backend and triggers, with the hub inside.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::{Duration, SystemTime};

use gripware_core::webhook::WebhookKey;
use gripware_templar::{NotifyOnline, Rooms};
use serde_json::{Value, json};
use support::{Client, KEY, Site};

fn room(customer: &str) -> Value {
    json!({"target": "m", "customer": customer})
}

fn published(data: &str, request_id: &str) -> Value {
    json!({"type": "publish", "data": data, "requestId": request_id})
}

#[tokio::test]
async fn a_trigger_reaches_each_subscription_of_its_rooms() {
    let site = Site::new().await;
    let (mut one, mut other) = (site.welcome().await, site.welcome().await);
    one.subscribes(room("1"), "a").await;
    one.subscribes(room("1"), "b").await;
    other.subscribes(room("1"), "c").await;
    other.subscribes(room("2"), "d").await;
    site.triggers(json!([room("1")]), json!("50% of \"it\" %(x)s"))
        .await;
    let mut heard = [one.reads().await, one.reads().await];
    heard.sort_by_key(|frame| frame["requestId"].to_string());
    let data = "50% of \"it\" %(x)s";
    assert_eq!(heard, [published(data, "a"), published(data, "b")]);
    assert_eq!(other.reads().await, published(data, "c"));
    other.hears_nothing().await;

    let frame = json!({"type": "unsubscribe", "requestId": "a"});
    assert_eq!(one.asks(frame).await, json!({"code": "success"}));
    site.triggers(json!([room("1")]), json!("more")).await;
    assert_eq!(one.reads().await, published("more", "b"));
    one.hears_nothing().await;
}

#[tokio::test]
async fn whom_the_backend_refuses_is_told_and_closed() {
    let site = Site::new().await;
    for allowed in [Value::Null, json!(["no room"]), json!({})] {
        site.api.allow(allowed);
        let mut client = site.connect("sessionid=me").await;
        let frame = json!({"is_authorized": false, "is_authenticated": false});
        assert_eq!(client.reads().await, frame);
        assert_eq!(client.reads().await, json!({"closed": 1000}));
    }
    site.api.allow(json!("no JSON"));
    assert_eq!(Client::connect(site.address, "a=b").await.err(), Some(500));
    assert_eq!(site.templar.status().await.unwrap().open_connections, 0);
}

#[tokio::test]
async fn the_backend_sees_the_handshake() {
    let site = Site::new().await;
    let _client = site.connect("sessionid=me; csrftoken=c").await;
    let headers = site.api.asked("/bootstrap/", 1).await;
    assert_eq!(headers["cookie"], "sessionid=me; csrftoken=c");
    assert_eq!(headers["x-csrftoken"], "c");
    assert_eq!(headers["authorization"], "Token t");
    assert_eq!(headers["x-real-ip"], "127.0.0.1");
}

#[tokio::test]
async fn a_client_learns_what_is_wrong_with_its_frame() {
    let site = Site::new().await;
    let mut client = site.welcome().await;
    let mut refused = async |frame: &str| {
        client.says(frame).await;
        let answer = client.reads().await;
        assert_eq!(answer["code"], "error");
        answer["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("{").await, "non-json-message");
    assert_eq!(refused("[1]").await, "non-json-message");
    assert_eq!(refused("{}").await, "message-type-not-allowed");
    assert_eq!(
        refused(r#"{"type":"status"}"#).await,
        "message-type-not-allowed"
    );
    assert_eq!(
        refused(r#"{"type":"subscribe","requestId":1}"#).await,
        "invalid-room"
    );
    assert_eq!(
        refused(r#"{"type":"subscribe","requestId":1,"room":"m"}"#).await,
        "invalid-room"
    );
    assert_eq!(
        refused(r#"{"type":"subscribe","room":{}}"#).await,
        "no-request-id"
    );
    assert_eq!(
        refused(r#"{"type":"subscribe","room":{},"requestId":1}"#).await,
        "room-not-found"
    );
    assert_eq!(
        refused(r#"{"type":"unsubscribe","requestId":1}"#).await,
        "not-subscribed"
    );
    client.says("ping").await;
    assert_eq!(client.reads().await, "pong");
}

#[tokio::test]
async fn whoever_has_the_key_may_ask_for_the_status() {
    let site = Site::new().await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "a").await;
    let status = client.asks(json!({"type": "status", "key": KEY})).await;
    assert_eq!(status["open_connections"], 1);
    assert_eq!(status["num_rooms"], 1);
    client.leaves().await;
}

#[tokio::test]
async fn replies_repeat_their_request_id_if_asked_to() {
    let site = Site::with(|templar| templar.request_ids_in_replies(true)).await;
    let mut client = site.welcome().await;
    let subscribe = json!({"type": "subscribe", "room": room("1"), "requestId": "a"});
    let success = json!({"code": "success", "requestId": "a"});
    assert_eq!(client.asks(subscribe).await, success);
}

#[tokio::test]
async fn a_star_reaches_every_room_that_fits_in_one_frame() {
    let site = Site::with(|templar| templar.rooms(Rooms::Wildcard)).await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "one").await;
    client.subscribes(room("2"), "two").await;
    client.subscribes(room("*"), "any").await;
    let heard = async |client: &mut Client, count| {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(
                client.reads().await["requestId"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        client.hears_nothing().await;
        ids.sort();
        ids
    };
    site.triggers(json!([room("*")]), json!(1)).await;
    assert_eq!(heard(&mut client, 3).await, ["any", "one", "two"]);
    site.triggers(json!([room("1"), room("*"), room("1")]), json!(1))
        .await;
    assert_eq!(heard(&mut client, 3).await, ["any", "one", "two"]);
    site.triggers(json!([room("7")]), json!(1)).await;
    assert_eq!(heard(&mut client, 1).await, ["any"]);
}

#[tokio::test]
async fn without_wildcards_a_star_is_a_value() {
    let site = Site::new().await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "one").await;
    client.subscribes(room("*"), "any").await;
    site.triggers(json!([room("*")]), json!("x")).await;
    assert_eq!(client.reads().await, published("x", "any"));
    client.hears_nothing().await;
}

#[tokio::test]
async fn a_signed_trigger_is_taken_once() {
    let site = Site::new().await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "a").await;
    let body = json!({"rooms": [room("1")], "data": "x"}).to_string();
    let signed = WebhookKey::parse(KEY)
        .unwrap()
        .sign("1", SystemTime::now(), body.as_bytes());
    let signed = signed.unwrap();
    let headers = signed
        .each_ref()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let success = (200, "publish success".to_owned());
    assert_eq!(site.posts(&headers, &body).await, success);
    assert_eq!(site.posts(&headers, &body).await.0, 409);
    assert_eq!(site.posts(&headers, &body.replace('x', "y")).await.0, 403);
    assert_eq!(site.posts(&[], &body).await.0, 401);
    let bearer = format!("Bearer {KEY}");
    assert_eq!(
        site.posts(&[("authorization", &bearer)], &body).await,
        success
    );
    assert_eq!(
        site.posts(&[("authorization", "Bearer wrong")], &body)
            .await
            .0,
        403
    );
    for _ in 0..2 {
        assert_eq!(client.reads().await, published("x", "a"));
    }
    client.hears_nothing().await;
}

#[tokio::test]
async fn what_is_no_trigger_is_told_and_may_be_sent_again() {
    let site = Site::new().await;
    let key = format!("Bearer {KEY}");
    let posts = async |body: &str| site.posts(&[("authorization", &key)], body).await;
    assert_eq!(
        posts(r#"{"data": 1}"#).await,
        (400, "rooms not specified\n".to_owned())
    );
    assert_eq!(
        posts(r#"{"rooms": []}"#).await,
        (400, "data not specified\n".to_owned())
    );
    assert_eq!(posts("{").await.0, 400);
    let (status, reason) = posts(r#"{"recheck": {"cookie": 1}}"#).await;
    assert_eq!(
        (status, reason.contains("a string")),
        (400, true),
        "{reason}"
    );
    assert_eq!(posts(&"x".repeat(2 << 20)).await.0, 413);

    let signed = WebhookKey::parse(KEY)
        .unwrap()
        .sign("1", SystemTime::now(), b"{");
    let signed = signed.unwrap();
    let headers = signed
        .each_ref()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    assert_eq!(site.posts(&headers, "{").await.0, 400);
    assert_eq!(site.posts(&headers, "{").await.0, 400);
}

#[tokio::test]
async fn permissions_are_asked_for_again_when_the_backend_says_so() {
    let site = Site::new().await;
    let mut client = site.welcome().await;
    let mut other = site.connect("sessionid=other").await;
    assert_eq!(other.reads().await["is_authorized"], true);
    for client in [&mut client, &mut other] {
        client.subscribes(room("1"), "a").await;
        client.subscribes(room("2"), "b").await;
    }
    site.api.allow(json!([room("2")]));
    let key = format!("Bearer {KEY}");
    let posts = async |body: Value| {
        let answer = site
            .posts(&[("authorization", &key)], &body.to_string())
            .await;
        assert_eq!(answer, (200, "publish success".to_owned()));
    };
    posts(json!({"recheck": {"cookie": "me"}})).await;
    let ended = json!({"type": "unsubscribed", "requestId": "a", "room": room("1")});
    assert_eq!(client.reads().await, ended);
    other.hears_nothing().await;
    posts(json!({"recheck": {"room": room("1")}})).await;
    assert_eq!(other.reads().await, ended);
    site.triggers(json!([room("1"), room("2")]), json!("x"))
        .await;
    for client in [&mut client, &mut other] {
        assert_eq!(client.reads().await, published("x", "b"));
        client.hears_nothing().await;
    }

    // A backend that fails takes nothing from anybody.
    site.api.allow(json!(503));
    posts(json!({"recheck": {"cookie": "me"}})).await;
    site.api.asked("/bootstrap/", 5).await;
    site.triggers(json!([room("2")]), json!("x")).await;
    assert_eq!(client.reads().await, published("x", "b"));

    site.api.allow(Value::Null);
    posts(json!({"recheck": {"cookie": "me"}})).await;
    assert_eq!(client.reads().await["requestId"], "b");
    assert_eq!(client.reads().await["is_authorized"], false);
    assert_eq!(client.reads().await, json!({"closed": 1000}));
}

#[tokio::test]
async fn a_user_is_named_by_the_id_that_the_backend_gives() {
    let site = Site::with(|templar| templar.user_id_path(["user", "data", "id"])).await;
    let mut clients = Vec::new();
    for id in [json!(7), json!("7"), json!(8)] {
        site.api.identify(json!({"data": {"id": id}}));
        site.api.allow(json!([room("1")]));
        let mut client = site.welcome().await;
        client.subscribes(room("1"), "a").await;
        clients.push(client);
    }
    site.api.allow(json!([]));
    let key = format!("Bearer {KEY}");
    let body = json!({"recheck": {"user": 7}}).to_string();
    let answer = site.posts(&[("authorization", &key)], &body).await;
    assert_eq!(answer, (200, "publish success".to_owned()));
    let ended = json!({"type": "unsubscribed", "requestId": "a", "room": room("1")});
    assert_eq!(clients[0].reads().await, ended);
    for other in &mut clients[1..] {
        other.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_silent_client_is_closed_and_one_that_pings_is_not() {
    let site = Site::with(|templar| templar.idle(Duration::from_secs(6))).await;
    let (mut silent, mut lively) = (site.welcome().await, site.welcome().await);
    let pinging = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            lively.says("ping").await;
            assert_eq!(lively.reads().await, "pong");
        }
    };
    let (closed, ()) = tokio::join!(silent.reads(), pinging);
    assert_eq!(closed, json!({"closed": 1000}));
    assert_eq!(site.templar.status().await.unwrap().open_connections, 1);
}

#[tokio::test]
async fn the_backend_is_told_who_is_online() {
    let site = Site::with(|templar| templar.hooks(NotifyOnline)).await;
    let mut client = site.welcome().await;
    let headers = site.api.asked("/user/notify_online/", 1).await;
    assert_eq!(headers["cookie"], "sessionid=me");
    client.says("ping").await;
    site.api.asked("/user/notify_online/", 2).await;
    client.leaves().await;
    site.api.asked("/user/notify_offline/", 1).await;
    assert_eq!(site.templar.status().await.unwrap().open_connections, 0);
}

#[tokio::test]
async fn more_subscriptions_than_there_may_be_are_refused() {
    let site = Site::with(|templar| templar.max_subscriptions(2)).await;
    let mut client = site.welcome().await;
    client.subscribes(room("1"), "1").await;
    client.subscribes(room("2"), "2").await;
    let frame = json!({"type": "subscribe", "room": room("3"), "requestId": "3"});
    let refusal = json!({"code": "error", "message": "too-many-subscriptions"});
    assert_eq!(client.asks(frame).await, refusal);
}

#[tokio::test]
async fn a_connection_hears_as_many_rooms_as_it_may_subscribe_to() {
    let site = Site::new().await;
    let mut client = site.welcome().await;
    for n in 0..1000 {
        client
            .subscribes(room(&n.to_string()), &n.to_string())
            .await;
    }
    for n in ["0", "255", "256", "257", "999"] {
        site.triggers(json!([room(n)]), json!("x")).await;
        assert_eq!(client.reads().await, published("x", n));
    }
    for n in 0..998 {
        let frame = json!({"type": "unsubscribe", "requestId": n.to_string()});
        assert_eq!(client.asks(frame).await, json!({"code": "success"}));
    }
    site.triggers(json!([room("0"), room("999")]), json!("y"))
        .await;
    assert_eq!(client.reads().await, published("y", "999"));
    client.hears_nothing().await;
}
