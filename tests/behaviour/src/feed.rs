//! The stream that misses nothing.

use gripware_core::{Channel, Hold, HttpStream, Item};
use gripware_test::Proxy;

use crate::Server;

async fn append(proxy: &Proxy, name: &str, line: &str) -> String {
    let answer = proxy
        .post(&format!("/feed/{name}"))
        .body(line.to_owned())
        .await;
    answer.assert_status(200);
    answer.text().to_owned()
}

pub async fn lines_get_rising_ids(server: &Server) {
    let proxy = server.start().await;
    for id in 1..=3 {
        assert_eq!(
            append(&proxy, "a", "line").await,
            format!("{{\"id\":{id}}}")
        );
        let item = Item::from(HttpStream::text("line\n"))
            .id(id.to_string())
            .prev_id((id - 1).to_string());
        proxy.assert_published("feed-a", item);
    }
    assert_eq!(append(&proxy, "b", "").await, "{\"id\":1}");
}

pub async fn a_stream_misses_nothing(server: &Server) {
    let proxy = server.start().await;
    append(&proxy, "a", "one").await;
    let mut stream = proxy.get("/feed/a").hold().await;
    stream.expect("one\n");
    append(&proxy, "a", "two").await;
    stream.expect("two\n");
    let mut late = proxy.get("/feed/a?after=1").hold().await;
    late.expect("two\n");

    // Two lines that the proxy is not told of.
    proxy.refuse_items("lost");
    for line in ["three", "four"] {
        proxy.post("/feed/a").body(line).await.assert_status(502);
    }
    proxy.take_items();
    append(&proxy, "a", "five").await;
    stream.expect_nothing();
    proxy.recover().await;
    for stream in [&mut stream, &mut late] {
        stream.expect("three\nfour\nfive\n");
    }
    append(&proxy, "a", "six").await;
    stream.expect("six\n");

    stream.fire_next().await;
    stream.expect_nothing();
}

pub async fn the_proxys_last_id_counts_before_the_cursor(server: &Server) {
    let proxy = server.start().await;
    for line in ["one", "two", "three"] {
        append(&proxy, "a", line).await;
    }
    proxy.get("/feed/a").await.assert_text("one\ntwo\nthree\n");
    proxy.get("/feed/a?after=2").await.assert_text("three\n");
    let request = proxy.get("/feed/a?after=2").last("feed-a", "1");
    request.await.assert_text("two\nthree\n");
    proxy
        .get("/feed/a")
        .last("feed-a", "3")
        .await
        .assert_text("");
    proxy
        .get("/feed/a")
        .last("feed-b", "3")
        .await
        .assert_text("one\ntwo\nthree\n");

    // Of somebody else it is not believed, and there is nobody to hold.
    let request = proxy.get("/feed/a").last("feed-a", "1").forged();
    request.await.assert_status(501);
}

pub async fn the_link_is_one_that_a_proxy_can_read(server: &Server) {
    let proxy = server.start().await;
    let channel = Channel::new("feed-a").unwrap().with_prev_id("0").unwrap();
    let answer = proxy.get("/feed/a?after=0").await;
    answer.assert_hold(&Hold::stream(channel).next("/feed/a"));
    answer.assert_header("content-type", "text/plain");
    for name in ["a,b", "a;b", "a%20b", "caf%C3%A9"] {
        append(&proxy, name, "one").await;
        let mut stream = proxy.get(&format!("/feed/{name}")).hold().await;
        stream.expect("one\n");
        stream.fire_next().await;
        append(&proxy, name, "two").await;
        stream.expect("two\n");
    }
}

pub async fn a_cursor_that_is_none_is_refused(server: &Server) {
    let proxy = server.start().await;
    for after in ["x", "-1", ""] {
        let answer = proxy.get(&format!("/feed/a?after={after}")).await;
        answer.assert_status(400).assert_no_hold();
    }
    proxy.post("/feed/a%0Ab").body("x").await.assert_status(400);
    assert!(proxy.published().is_empty());
}
