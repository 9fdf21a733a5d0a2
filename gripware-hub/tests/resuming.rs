//! WebSockets that miss nothing between what their handler reads and their subscription.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use gripware_axum::{Item, WsMessage};
use support::Site;

const TEXT: u8 = 1;

fn item(id: &str, prev_id: &str) -> Item {
    Item::from(WsMessage::text(id)).id(id).prev_id(prev_id)
}

#[tokio::test]
async fn what_is_published_between_reading_and_subscribing_is_caught_up_with_at_once() {
    let site = Site::new().await;
    let mut client = site.connect().await;
    client.upgrades("/resuming").await;
    client.sends_frame(TEXT, b"1 2").await;
    assert_eq!(client.frame().await, (TEXT, b"caught up".to_vec()));

    // From then on items come by the subscription, in their order.
    site.hub.publish("room", item("3", "2")).await.unwrap();
    assert_eq!(client.frame().await, (TEXT, b"3".to_vec()));

    // Where nothing else was published there is nothing to catch up with; nor once more from an id
    // that the hub has asked for already, so that a handler which reads nothing is not asked again
    // and again.
    for step in [&b"3 -"[..], b"2 -", b"2 -"] {
        client.sends_frame(TEXT, step).await;
    }
    assert_eq!(client.frame().await, (TEXT, b"caught up".to_vec()));
    site.hub.publish("room", item("4", "3")).await.unwrap();
    assert_eq!(client.frame().await, (TEXT, b"4".to_vec()));
}

#[tokio::test]
async fn so_it_is_when_the_connection_opens() {
    let site = Site::new().await;
    let mut client = site.connect().await;
    client.upgrades("/resuming?1&2").await;
    assert_eq!(client.frame().await, (TEXT, b"caught up".to_vec()));
    let mut client = site.connect().await;
    client.upgrades("/resuming?2&-").await;
    site.followed("room", 2).await;
    site.hub.publish("room", item("3", "2")).await.unwrap();
    assert_eq!(client.frame().await, (TEXT, b"3".to_vec()));
}
