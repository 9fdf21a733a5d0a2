//! Applications that are written with other people's libraries: Python's `django-grip` and
//! JavaScript's `@fanoutio/serve-grip`. They keep a part of the conformance servers' contract.

use std::time::Duration;

use gripware_interop::{Answer, DJANGO, Frame, Front, Layout, NODE, Site, scenario};
use serde_json::json;

macro_rules! for_each_application {
    ($($name:ident,)*) => {
        for_each_application! { @behind pushpin, Pushpin, $($name,)* }
        for_each_application! { @behind hub_program, HubProgram, $($name,)* }
    };
    (@behind $module:ident, $front:ident, $($name:ident,)*) => {
        mod $module {
            use super::*;

            mod django {
                use super::*;
                $(
                    #[tokio::test]
                    async fn $name() {
                        let layout = Layout { front: Front::$front, origin: DJANGO };
                        scenario(|| super::super::$name(layout)).await;
                    }
                )*
            }

            mod node {
                use super::*;
                $(
                    #[tokio::test]
                    async fn $name() {
                        let layout = Layout { front: Front::$front, origin: NODE };
                        scenario(|| super::super::$name(layout)).await;
                    }
                )*
            }
        }
    };
}

for_each_application! {
    a_plain_request_passes_through,
    a_held_request_is_answered_with_what_is_published,
    a_held_request_nobody_answers_gets_its_own_answer,
    a_stream_gets_what_is_published,
    a_stream_is_kept_alive,
    a_websocket_gets_its_messages_back,
    a_room_passes_on_what_is_said_in_it,
    a_counter_remembers_its_connection,
    an_item_with_an_id_comes_once,
}

async fn a_plain_request_passes_through(layout: Layout) {
    let site = Site::of(layout).await;
    let answer = site.get("/plain").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!(answer.text().await, "plain\n");
    // Past the proxy nothing is held.
    let answer = site.origin().get("/hold/stream?channel=news").await;
    assert_eq!(answer.status(), 501);
}

async fn a_held_request_is_answered_with_what_is_published(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.hold("/hold/response?channel=news&timeout=20");
    site.settled("news").await;
    client.is_held_for(Duration::from_millis(200)).await;
    publish(&site, "news", "é ☃\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 200);
    assert!(has_no_instructions(&answer));
    assert_eq!(answer.text().await, "é ☃\n");
}

async fn a_held_request_nobody_answers_gets_its_own_answer(layout: Layout) {
    let site = Site::of(layout).await;
    let plain = site.hold("/hold/response?channel=a&timeout=5");
    let unchanged = site.hold("/hold/response?channel=b&timeout=5&status=304");
    let answer = plain.answer().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await, "timeout\n");
    let answer = unchanged.answer().await;
    assert_eq!(answer.status(), 304);
    assert!(has_no_instructions(&answer));
    answer.ends().await;
}

async fn a_stream_gets_what_is_published(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=a&channel=b").await;
    assert_eq!(client.status(), 200);
    assert!(has_no_instructions(&client));
    client.receives("[open]\n").await;
    for (channel, content) in [("a", "one\n"), ("b", "two, é ☃\n"), ("a", "three\n")] {
        publish(&site, channel, content).await;
        client.receives(content).await;
    }
    site.publish(r#"{"channel": "b", "http-stream": {"action": "close"}}"#)
        .await;
    client.ends().await;
}

async fn a_stream_is_kept_alive(layout: Layout) {
    let site = Site::of(layout).await;
    let path = "/hold/stream?channel=news&keep_alive=:%0A%0A&keep_alive_timeout=1";
    let mut client = site.get(path).await;
    client.receives("[open]\n:\n\n:\n\n").await;
}

async fn a_websocket_gets_its_messages_back(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/echo").await;
    for message in ["one", "", "é ☃", "c:{\"type\":\"detach\"}"] {
        client.sends(message).await;
        client.receives(message).await;
    }
    client.sends_binary(b"\x00\xff").await;
    assert_eq!(client.next().await, Frame::Binary(b"\x00\xff".to_vec()));
    client.closes(4001, "").await;
    client.is_closed(4001, "").await;
}

async fn a_room_passes_on_what_is_said_in_it(layout: Layout) {
    let site = Site::of(layout).await;
    let mut anna = site.socket("/ws/room?channel=room").await;
    let mut ben = site.socket("/ws/room?channel=room").await;
    site.subscriptions("room", 2).await;
    anna.sends("hello").await;
    anna.receives("hello").await;
    ben.receives("hello").await;
    publish(&site, "room", "from outside").await;
    anna.receives("from outside").await;
    ben.receives("from outside").await;
}

async fn a_counter_remembers_its_connection(layout: Layout) {
    let site = Site::of(layout).await;
    let mut one = site.socket("/ws/counter").await;
    let mut two = site.socket("/ws/counter").await;
    for n in 1..=3 {
        one.sends("more").await;
        one.receives(&n.to_string()).await;
    }
    two.sends("more").await;
    two.receives("1").await;
}

async fn an_item_with_an_id_comes_once(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=news").await;
    client.receives("[open]\n").await;
    for (channel, content) in [
        ("news&id=1", "one\n"),
        ("news&id=1", "one\n"),
        ("news&id=2", "two\n"),
    ] {
        publish(&site, channel, content).await;
    }
    client.receives("one\ntwo\n").await;
    client.stays_quiet(Duration::from_millis(200)).await;
}

fn has_no_instructions(answer: &Answer) -> bool {
    let mut names = answer.headers().keys();
    !names.any(|name| name.as_str().starts_with("grip-"))
}

async fn publish(site: &Site, channel: &str, content: &str) {
    let answer = site
        .origin()
        .request("POST", &format!("/publish/all?channel={channel}"))
        .body(content.to_owned())
        .send()
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json().await, json!({"published": 1}));
}
