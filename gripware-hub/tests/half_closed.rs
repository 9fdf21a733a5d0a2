//! Clients that close their sending side, as `printf … | nc -N` does. One with a plain request gets its
//! answer; one that is held has left, since nobody would notice its end otherwise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use gripware_axum::HttpStream;
use support::Site;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_plain_request_is_answered() {
    let site = Site::new().await;
    let mut client = site.get("/plain").await;
    client.stream.shutdown().await.unwrap();
    assert!(client.reads_to_end().await.ends_with("\r\n\r\nplain\n"));
}

#[tokio::test]
async fn a_client_that_is_held_has_left_whenever_it_says_so() {
    let mut site = Site::new().await;
    for path in ["/stream?channel=a", "/response?channel=a", "/ws?channel=a"] {
        let mut client = site.connect().await;
        if path.starts_with("/ws") {
            client.upgrades(path).await;
        } else {
            client.asks(path).await;
        }
        site.followed("a", 1).await;
        client.stream.shutdown().await.unwrap();
        site.followed("a", 0).await;
        let rest = client.reads_to_end().await;
        assert!(!rest.contains("nothing"), "{path}: {rest}");
        assert!(site.hub.connections().await.is_empty(), "{path}");
    }
    site.sees("disconnected").await;
}

#[tokio::test]
async fn a_client_that_has_left_before_it_is_held_is_not_counted() {
    let site = Site::new().await;
    for path in ["/stream?channel=b", "/response?channel=b"] {
        let mut client = site.get(path).await;
        client.stream.shutdown().await.unwrap();
        // Neither is the beginning of a stream of use to it, nor the answer of a long poll that comes
        // when nothing else has.
        client.reads_to_end().await;
        site.followed("b", 0).await;
    }
    let reached = site.hub.publish("b", HttpStream::text("item\n")).await;
    assert_eq!(reached.unwrap().total(), 0);
}
