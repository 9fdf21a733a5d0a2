//! What the origin publishes, as the clients of a proxy get it.

use std::time::Duration;

use gripware_interop::{
    Answer, Difference, Frame, Layout, Origin, Request, Site, escaped, for_each_origin,
    for_each_site,
};
use serde_json::json;

for_each_site! {
    an_answer_is_published_to_held_requests,
    bytes_are_published_to_streams,
    a_message_is_published_to_websockets,
    one_item_reaches_clients_of_every_kind,
    bytes_that_are_no_text_arrive_as_they_are,
    a_close_ends_streams_and_closes_websockets,
    a_close_without_a_code_is_a_close_too,
    a_hint_makes_the_proxy_ask_again,
    an_action_the_proxy_does_not_know_is_an_error,
    what_cannot_be_built_is_a_bad_request,
    one_endpoint_that_accepts_is_enough,
    an_endpoint_that_is_away_keeps_nothing_from_the_others,
    an_item_with_an_id_comes_once,
    items_come_in_the_order_of_their_ids,
    the_sender_and_listed_users_are_spared,
    any_channel_name_may_be_published_to,
}

for_each_origin! {
    an_item_no_endpoint_accepts_is_a_bad_gateway,
}

async fn an_answer_is_published_to_held_requests(layout: Layout) {
    let site = Site::of(layout).await;
    let one = site.hold("/hold/response?channel=news");
    let two = site.hold("/hold/response?channel=conflict");
    site.settled("news").await;
    site.settled("conflict").await;

    published(publish(&site, "http-response?channel=news", "news\n")).await;
    let answer = one.answer().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await, "news\n");
    published(publish(
        &site,
        "http-response?channel=conflict&code=409",
        "no\n",
    ))
    .await;
    let answer = two.answer().await;
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.text().await, "no\n");
}

async fn bytes_are_published_to_streams(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = open(&site, "/hold/stream?channel=news").await;
    for content in ["one\n", "", "\r\n", "{\"json\": \"é ☃\"}\n", "\0"] {
        published(publish(&site, "http-stream?channel=news", content)).await;
        client.receives(content).await;
    }
}

async fn a_message_is_published_to_websockets(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/room?channel=room&user=anna").await;
    site.subscriptions("room", 1).await;
    for content in ["one", "m:two", "c:{}", "é ☃"] {
        published(publish(&site, "ws-message?channel=room", content)).await;
        client.receives(content).await;
    }
    published(publish(
        &site,
        "ws-message?channel=room&binary=true",
        "text",
    ))
    .await;
    assert_eq!(client.next().await, Frame::Binary(b"text".to_vec()));
}

async fn one_item_reaches_clients_of_every_kind(layout: Layout) {
    let site = Site::of(layout).await;
    let mut stream = open(&site, "/hold/stream?channel=news").await;
    let mut socket = site.socket("/ws/room?channel=news&user=anna").await;
    let response = site.hold("/hold/response?channel=news");
    site.subscriptions("news", 2).await;
    site.settled("news").await;

    published(publish(&site, "all?channel=news", "news")).await;
    stream.receives("news").await;
    socket.receives("news").await;
    assert_eq!(response.answer().await.text().await, "news");
}

async fn bytes_that_are_no_text_arrive_as_they_are(layout: Layout) {
    let site = Site::of(layout).await;
    let mut stream = open(&site, "/hold/stream?channel=news").await;
    let mut socket = site.socket("/ws/room?channel=news&user=anna").await;
    let response = site.hold("/hold/response?channel=news");
    site.subscriptions("news", 2).await;
    site.settled("news").await;

    let bytes: Vec<u8> = (0..=255).collect();
    for (format, binary) in [
        ("http-stream", ""),
        ("ws-message", "&binary=true"),
        ("http-response", ""),
    ] {
        let path = format!("{format}?channel=news{binary}");
        published(publish(&site, &path, bytes.clone())).await;
    }
    stream.receives(&bytes).await;
    assert_eq!(socket.next().await, Frame::Binary(bytes.clone()));
    assert_eq!(response.answer().await.bytes().await, bytes);
}

async fn a_close_ends_streams_and_closes_websockets(layout: Layout) {
    let site = Site::of(layout).await;
    let stream = open(&site, "/hold/stream?channel=room").await;
    let mut socket = site.socket("/ws/room?channel=room&user=anna").await;
    site.subscriptions("room", 2).await;

    let path = format!(
        "close?channel=room&code=4001&reason={}",
        escaped("room \"closed\", é")
    );
    published(publish(&site, &path, "")).await;
    stream.ends().await;
    socket.is_closed(4001, "room \"closed\", é").await;
}

async fn a_close_without_a_code_is_a_close_too(layout: Layout) {
    let site = Site::of(layout).await;
    let stream = open(&site, "/hold/stream?channel=room").await;
    let mut socket = site.socket("/ws/room?channel=room&user=anna").await;
    site.subscriptions("room", 2).await;

    published(publish(&site, "close?channel=room", "")).await;
    stream.ends().await;
    let frame = socket.next().await;
    assert!(
        matches!(&frame, Frame::Close(None | Some((1000, _)))),
        "{frame:?}"
    );
}

async fn a_hint_makes_the_proxy_ask_again(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.hold("/hold/response?channel=news");
    site.settled("news").await;
    published(publish(&site, "hint?channel=news", "")).await;
    site.is_asked_again("news").await;
    client.is_held_for(Duration::from_millis(100)).await;

    published(publish(&site, "http-response?channel=news", "news\n")).await;
    assert_eq!(client.answer().await.text().await, "news\n");
}

async fn an_action_the_proxy_does_not_know_is_an_error(layout: Layout) {
    let site = Site::of(layout).await;
    let refresh = publish(&site, "refresh?channel=news", "");
    if site.differs(Difference::REFRESH) {
        return published(refresh).await;
    }
    let answer = refresh.send().await;
    assert_eq!(answer.status(), 502);
    let error = answer.json().await;
    assert!(!error["error"].as_str().expect("an error").is_empty());
}

async fn what_cannot_be_built_is_a_bad_request(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = open(&site, "/hold/stream?channel=news").await;
    for path in [
        "http-stream",
        "http-stream?channel=",
        "http-stream?channel=ne%0Aws",
        "http-stream?channel=ne%00ws",
        "http-stream?channel=news&id=a%0D%0Ab",
        "http-stream?channel=news&prev_id=a%0Ab",
        "http-response?channel=news&code=ok",
        "http-response?channel=news&code=1000",
        "close?channel=news&code=1005",
        "close?channel=news&code=999",
        "close?channel=news&code=5000",
        "close?channel=news&code=-1",
        "close?channel=news&code=4000&reason=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "hint",
        "refresh?channel=",
    ] {
        let answer = publish(&site, path, "x").send().await;
        assert_eq!(answer.status(), 400, "{path}");
        let error = answer.json().await;
        assert!(!error["error"].as_str().expect(path).is_empty(), "{path}");
    }
    client.stays_quiet(Duration::from_millis(100)).await;
}

async fn an_item_no_endpoint_accepts_is_a_bad_gateway(origin: &str) {
    let nobody = "http://127.0.0.1:9/";
    for url in [nobody.to_owned(), format!("{nobody} http://127.0.0.1:1/")] {
        let origin = Origin::of(origin).env("GRIP_URL", &url).start().await;
        let answer = origin
            .request("POST", "/publish/http-stream?channel=news")
            .body("x")
            .send()
            .await;
        assert_eq!(answer.status(), 502);
        let error = answer.json().await;
        assert!(!error["error"].as_str().expect("an error").is_empty());
    }
}

const ONE_AWAY: &str = "http://127.0.0.1:9/?verify-key=other http://@control@/?verify-key=changeme";

async fn one_endpoint_that_accepts_is_enough(layout: Layout) {
    let site = Site::with(layout).grip_url(ONE_AWAY).start().await;
    published(publish(&site, "http-stream?channel=news", "one\n")).await;
}

async fn an_endpoint_that_is_away_keeps_nothing_from_the_others(layout: Layout) {
    let site = Site::with(layout).grip_url(ONE_AWAY).start().await;
    let mut client = open(&site, "/hold/stream?channel=news").await;
    for n in 1..=3 {
        let path = format!("http-stream?channel=news&id={n}");
        publish(&site, &path, format!("{n}\n")).send().await;
        client.receives(format!("{n}\n")).await;
    }
    client.stays_quiet(Duration::from_millis(200)).await;
}

async fn an_item_with_an_id_comes_once(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = open(&site, "/hold/stream?channel=news").await;
    for (id, content) in [
        ("1", "one\n"),
        ("1", "one\n"),
        ("2", "two\n"),
        ("1", "one\n"),
    ] {
        let path = format!("http-stream?channel=news&id={id}");
        published(publish(&site, &path, content)).await;
    }
    client.receives("one\ntwo\n").await;
    client.stays_quiet(Duration::from_millis(200)).await;
}

async fn items_come_in_the_order_of_their_ids(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = open(&site, "/hold/stream?channel=news").await;
    for (id, previous) in [(1, 0), (3, 2), (4, 3), (2, 1)] {
        let path = format!("http-stream?channel=news&id={id}&prev_id={previous}");
        published(publish(&site, &path, format!("{id}\n"))).await;
    }
    client.receives("1\n2\n3\n4\n").await;
}

async fn the_sender_and_listed_users_are_spared(layout: Layout) {
    let site = Site::of(layout).await;
    let filters = "filter=skip-self&filter=skip-users";
    let mut clients = Vec::new();
    for user in ["anna", "ben", "carl"] {
        let path = format!("/hold/stream?channel=room&{filters}&meta=user%3D{user}");
        clients.push(open(&site, &path).await);
    }
    published(publish(
        &site,
        "http-stream?channel=room&sender=anna",
        "1\n",
    ))
    .await;
    published(publish(
        &site,
        "http-stream?channel=room&skip_users=anna,ben",
        "2\n",
    ))
    .await;
    published(publish(&site, "http-stream?channel=room", "3\n")).await;
    for (client, expected) in clients.iter_mut().zip(["3\n", "1\n3\n", "1\n2\n3\n"]) {
        client.receives(expected).await;
    }
}

async fn any_channel_name_may_be_published_to(layout: Layout) {
    let site = Site::of(layout).await;
    for name in [
        "a,b",
        "a;b",
        "\"q\"",
        " x ",
        "back\\slash",
        "é ☃ 🦀",
        "{\"a\":[",
        "%(x)s",
    ] {
        let name = escaped(name);
        let mut client = open(&site, &format!("/hold/stream?channel={name}")).await;
        published(publish(
            &site,
            &format!("http-stream?channel={name}"),
            "heard\n",
        ))
        .await;
        client.receives("heard\n").await;
    }
}

/// A stream, after its first bytes.
async fn open(site: &Site, path: &str) -> Answer {
    let mut client = site.get(path).await;
    assert_eq!(client.status(), 200, "{path}");
    client.receives("[open]\n").await;
    client
}

fn publish(site: &Site, path: &str, content: impl Into<bytes::Bytes>) -> Request {
    let path = format!("/publish/{path}");
    site.origin().request("POST", &path).body(content)
}

async fn published(request: Request) {
    let answer = request.send().await;
    let status = answer.status();
    assert_eq!(
        (status, answer.json().await),
        (200, json!({"published": 1}))
    );
}
