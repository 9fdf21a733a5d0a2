//! What remains when a proxy or an origin ends and comes back.

use std::time::Duration;

use gripware_interop::{Difference, Frame, Layout, Site, for_each_site};
use serde_json::json;

for_each_site! {
    separate: [
        a_proxy_that_comes_back_serves_as_before,
        a_feed_goes_on_over_a_restart_of_the_proxy,
        publishing_fails_while_the_proxy_is_away_and_works_again,
        what_a_bad_origin_answers_is_explained_in_debug_only,
    ]
}

async fn a_proxy_that_comes_back_serves_as_before(layout: Layout) {
    let mut site = Site::of(layout).await;
    let mut stream = site.get("/hold/stream?channel=news").await;
    stream.receives("[open]\n").await;
    let mut socket = site.socket("/ws/echo").await;
    socket.sends("one").await;
    socket.receives("one").await;

    site.stop_proxy().await;
    if site.differs(Difference::GRACEFUL_END) {
        stream.ends().await;
        socket.is_closed(1001, "").await;
    } else {
        stream.is_cut().await;
        assert!(matches!(socket.next().await, Frame::Cut | Frame::Close(_)));
    }
    site.start_proxy_again().await;

    let mut stream = site.get("/hold/stream?channel=news").await;
    stream.receives("[open]\n").await;
    let mut socket = site.socket("/ws/echo").await;
    socket.sends("two").await;
    socket.receives("two").await;
    let publish = site
        .origin()
        .request("POST", "/publish/http-stream?channel=news");
    assert_eq!(publish.body("again\n").send().await.status(), 200);
    stream.receives("again\n").await;
}

async fn a_feed_goes_on_over_a_restart_of_the_proxy(layout: Layout) {
    let mut site = Site::of(layout).await;
    append(&site, "one").await;
    let mut client = site.get("/feed/news").await;
    client.receives("one\n").await;
    append(&site, "two").await;
    client.receives("two\n").await;

    site.stop_proxy().await;
    if site.differs(Difference::GRACEFUL_END) {
        client.ends().await;
    } else {
        client.is_cut().await;
    }
    // Kept, though nobody could be told.
    append(&site, "three").await;
    site.start_proxy_again().await;

    let mut client = site.get("/feed/news?after=2").await;
    client.receives("three\n").await;
    append(&site, "four").await;
    client.receives("four\n").await;
    client.stays_quiet(Duration::from_secs(2)).await;
}

async fn publishing_fails_while_the_proxy_is_away_and_works_again(layout: Layout) {
    let mut site = Site::of(layout).await;
    site.stop_proxy().await;
    let publish = || {
        site.origin()
            .request("POST", "/publish/http-stream?channel=news&id=1")
            .body("one\n")
    };
    let answer = publish().send().await;
    assert_eq!(answer.status(), 502);
    assert!(answer.json().await["error"].is_string());

    site.start_proxy_again().await;
    let mut client = site.get("/hold/stream?channel=news").await;
    client.receives("[open]\n").await;
    let publish = site
        .origin()
        .request("POST", "/publish/http-stream?channel=news&id=1")
        .body("one\n");
    assert_eq!(publish.send().await.json().await, json!({"published": 1}));
    client.receives("one\n").await;
    client.stays_quiet(Duration::from_secs(1)).await;
}

async fn what_a_bad_origin_answers_is_explained_in_debug_only(layout: Layout) {
    // The tests see what Pushpin thinks is wrong, since they run it with `debug`. As it is shipped
    // a client is told nothing, and everything else is the same.
    for mut site in [
        Site::of(layout).await,
        Site::with(layout).without_debug().start().await,
    ] {
        let mut client = site.get("/hold/stream?channel=news").await;
        client.receives("[open]\n").await;
        site.origin_mut().stop(Duration::from_secs(2)).await;
        let answer = site.get("/plain").await;
        assert_eq!(answer.status(), 502);
        site.publish(r#"{"channel": "news", "http-stream": {"content": "held\n"}}"#)
            .await;
        client.receives("held\n").await;
    }
}

async fn append(site: &Site, line: &'static str) {
    let append = site.origin().request("POST", "/feed/news").body(line);
    // While the proxy is away it says so, and keeps the line.
    assert!([200, 502].contains(&append.send().await.status()));
}
