//! What proxies of their own do to rooms: their limits, and items that come past the program.

use gripware_core::GripUrl;
use gripware_interop::{Place, Request, Socket};
use gripware_publish::Publisher;
use gripware_templar::Trigger;
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    hears, python_code, room,
    servers::{Setup, Started, behind_hub, behind_pushpin, ours},
    subscribes, welcomed,
};

/// With a route for triggers.
const WITH_KEY: Setup<'_> = Setup {
    broker: None,
    redis: None,
    further: &["--trigger-key", "key"],
    commands: false,
    environment: &[],
};

/// Tells the rooms something with the key, and returns the status of the answer.
async fn told(server: &Started, body: &Value) -> u16 {
    let request = Request::new("POST", server.address, "/trigger/");
    let request = request.header("authorization", "Bearer key");
    request.body(body.to_string()).send().await.status()
}

fn published(data: &Value, request_id: &str) -> Value {
    json!({"type": "publish", "data": data, "requestId": request_id})
}

#[tokio::test]
async fn a_client_that_wants_more_than_pushpin_allows_is_told() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let server = behind_pushpin(&place, backend.address, WITH_KEY).await;
    is_told(&server).await;
}

#[tokio::test]
async fn a_client_that_wants_more_than_the_hub_allows_is_told() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let server = behind_hub(&place, backend.address, &[], WITH_KEY).await;
    is_told(&server).await;
}

/// A client gets 19 of 25 subscriptions, and hears each of them. Its session has a channel as well.
async fn is_told(server: &Started) {
    let headers = [("cookie", "sessionid=me")];
    let mut client = Socket::open_with(server.address, "/ws/", &headers).await;
    assert_eq!(hears(&mut client).await["is_authorized"], true);
    for n in 1..=25 {
        let answer = subscribes(&mut client, &n.to_string(), &n.to_string()).await;
        let expected = match n {
            1..=19 => json!({"code": "success"}),
            _ => json!({"code": "error", "message": "too-many-subscriptions"}),
        };
        assert_eq!(answer, expected, "{n}");
    }
    let proxy = server.proxy.as_ref().unwrap();
    proxy.follows(19).await;
    for n in 1..=25 {
        let body = json!({"rooms": [room(&n.to_string())], "data": n});
        assert_eq!(told(server, &body).await, 200);
        if n <= 19 {
            let heard = hears(&mut client).await;
            assert_eq!(heard, published(&json!(n), &n.to_string()));
        }
    }
    // Nothing came of the others.
    client.sends("ping").await;
    client.receives("pong").await;
}

#[tokio::test]
async fn permissions_are_asked_for_again_by_the_command_socket_of_pushpin() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let setup = Setup {
        commands: true,
        ..WITH_KEY
    };
    let server = behind_pushpin(&place, backend.address, setup).await;
    are_asked_for_again(&server).await;
}

#[tokio::test]
async fn permissions_are_asked_for_again_behind_the_hub() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let server = behind_hub(&place, backend.address, &[], WITH_KEY).await;
    are_asked_for_again(&server).await;
}

/// By cookie and by room, a user loses one of two rooms and keeps the other.
async fn are_asked_for_again(server: &Started) {
    let mut subscribed = 0;
    for (session, whose) in [
        ("one", json!({"cookie": "one"})),
        ("two", json!({"room": room("1")})),
    ] {
        let cookie = format!("sessionid={session}; who=leaving-{session}");
        let headers = [("cookie", cookie.as_str())];
        let mut client = Socket::open_with(server.address, "/ws/", &headers).await;
        assert_eq!(hears(&mut client).await["is_authorized"], true);
        for (customer, request_id) in [("1", "a"), ("2", "b")] {
            let answer = subscribes(&mut client, customer, request_id).await;
            assert_eq!(answer, json!({"code": "success"}));
        }
        subscribed += 2;
        let proxy = server.proxy.as_ref().unwrap();
        proxy.follows(subscribed).await;
        assert_eq!(told(server, &json!({"recheck": whose})).await, 200);
        let ended = json!({"type": "unsubscribed", "requestId": "a", "room": room("1")});
        assert_eq!(hears(&mut client).await, ended);
        // Who follows nothing of it is no reason to fail.
        let nobody = json!({"recheck": {"cookie": "nobody"}});
        assert_eq!(told(server, &nobody).await, 200);
        let both = json!({"rooms": [room("1"), room("2")], "data": "x"});
        assert_eq!(told(server, &both).await, 200);
        assert_eq!(hears(&mut client).await, published(&json!("x"), "b"));
    }
}

#[tokio::test]
async fn without_the_command_socket_the_backend_is_told_that_an_older_pushpin_refuses() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let server = behind_pushpin(&place, backend.address, WITH_KEY).await;
    let recheck = json!({"recheck": {"cookie": "me"}});
    assert_eq!(told(&server, &recheck).await, 502);
}

#[tokio::test]
async fn a_trigger_may_be_published_to_pushpin_itself() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let server = behind_pushpin(&place, backend.address, Setup::default()).await;
    is_heard(&server).await;
}

#[tokio::test]
async fn a_trigger_may_be_published_to_the_control_api_of_the_hub() {
    let (place, backend) = (Place::new(), Backend::start().await);
    let server = behind_hub(&place, backend.address, &[], Setup::default()).await;
    is_heard(&server).await;
}

/// Items of a trigger are heard that came to the proxy over GRIP.
async fn is_heard(server: &Started) {
    let mut client = welcomed(server.address).await;
    for (customer, request_id) in [("1", "a"), ("1", "b"), ("2", "c")] {
        let answer = subscribes(&mut client, customer, request_id).await;
        assert_eq!(answer, json!({"code": "success"}));
    }
    let proxy = server.proxy.as_ref().unwrap();
    proxy.follows(3).await;
    let url = GripUrl::parse(&format!("http://{}/", proxy.control())).unwrap();
    let publisher = Publisher::builder().urls([url]).build().unwrap();
    let data = json!({"percent": "100% %(r0)s", "list": [1, null]});
    let body = json!({"rooms": [room("1"), room("3")], "data": data}).to_string();
    let trigger = Trigger::parse(body.as_bytes()).unwrap();
    publisher.publish_all(trigger.items()).await.unwrap();
    let mut heard = [hears(&mut client).await, hears(&mut client).await];
    heard.sort_by_key(|frame| frame["requestId"].to_string());
    assert_eq!(heard, [published(&data, "a"), published(&data, "b")]);
    client.sends("ping").await;
    client.receives("pong").await;
}

#[tokio::test]
async fn a_django_backend_signs_as_the_documentation_shows() {
    let shown = include_str!("../../../servers/high-templar/src/lib.rs");
    let (_, shown) = shown.split_once("```python\n").unwrap();
    let (shown, _) = shown.split_once("//! ```").unwrap();
    let lines = shown.lines().map(|line| line.strip_prefix("//!").unwrap());
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let shown: Vec<_> = lines.collect();
    assert!(shown.len() <= 14, "it is to be short");

    let (place, backend) = (Place::new(), Backend::start().await);
    let server = ours(&place, backend.address, WITH_KEY).await;
    let mut client = welcomed(server.address).await;
    subscribes(&mut client, "1", "a").await;
    for (key, is_right) in [("key", true), ("another", false)] {
        let code = format!(
            "from django.conf import settings\n\
             settings.configure(TEMPLAR_KEY=b\"{key}\", TEMPLAR_URL=\"http://{}\")\n\
             {}\n\
             trigger([{{\"target\": \"m\", \"customer\": \"1\"}}], \"h\u{e9}llo\")\n",
            server.listen,
            shown.join("\n")
        );
        let output = python_code(&code).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_right, "{errors}");
        assert_eq!(errors.contains("403"), !is_right, "{errors}");
    }
    let heard = hears(&mut client).await;
    assert_eq!(heard, published(&json!("h\u{e9}llo"), "a"));
    client.sends("ping").await;
    client.receives("pong").await;
}
