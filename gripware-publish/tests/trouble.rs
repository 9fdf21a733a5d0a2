//! What an endpoint that is dead, ill or contrary costs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute, not what they call"
)]

#[allow(dead_code, reason = "shared with other tests, which use all of it")]
mod support;

use std::time::Duration;

use gripware_core::{GripUrl, Item, WsMessage};
use gripware_publish::{Endpoint as Target, FailureReason, Publisher, PublisherBuilder};
use support::{Answer, Endpoint, OK};

fn to(endpoint: &Endpoint) -> PublisherBuilder {
    Publisher::builder().endpoint(endpoint.url())
}

fn message(text: impl Into<String>) -> Item {
    Item::from(WsMessage::text(text))
}

fn list(length: usize) -> impl Iterator<Item = (&'static str, Item)> {
    (0..length).map(|number| ("c", message(number.to_string())))
}

/// The URL of a port that nobody listens to.
fn nobody() -> GripUrl {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    GripUrl::parse(&format!("http://{address}/")).unwrap()
}

#[tokio::test]
async fn an_endpoint_that_refuses_everything_costs_few_requests() {
    let endpoint = Endpoint::start(|_, _| Answer::Status(400, "no\n")).await;
    let publisher = to(&endpoint).build().unwrap();
    let error = publisher.publish_all(list(100)).await.unwrap_err();
    assert_eq!(error.failures()[0].items(), 100);
    let lengths: Vec<_> = endpoint.got().iter().map(|got| got.items.len()).collect();
    assert_eq!(
        lengths,
        [100, 50, 25, 12, 6, 3, 1, 2, 1, 1, 3, 6, 13, 25, 50]
    );
}

#[tokio::test]
async fn two_bad_items_in_a_row_do_not_take_the_others_with_them() {
    let endpoint = Endpoint::start(|_, got| {
        let is_bad = |text: &String| text == "0" || text == "1" || text == "70";
        match got.texts().iter().any(is_bad) {
            true => Answer::Status(400, "Invalid format.\n"),
            false => OK,
        }
    })
    .await;
    let publisher = to(&endpoint).build().unwrap();
    let error = publisher.publish_all(list(100)).await.unwrap_err();
    assert_eq!(error.failures()[0].items(), 3);
}

#[tokio::test]
async fn the_parts_of_a_request_share_its_retries() {
    let endpoint = Endpoint::start(|_, got| match got.items.len() {
        1 => Answer::Status(503, ""),
        _ => Answer::Status(400, ""),
    })
    .await;
    let publisher = to(&endpoint).retries(2).build().unwrap();
    publisher.publish_all(list(4)).await.unwrap_err();
    let lengths: Vec<_> = endpoint.got().iter().map(|got| got.items.len()).collect();
    assert_eq!(lengths, [4, 2, 1, 1, 1, 1, 2, 1, 1]);
}

#[tokio::test]
async fn an_item_is_given_up_in_time_whatever_the_retries() {
    let endpoint = Endpoint::start(|_, _| Answer::Hang).await;
    let publisher = to(&endpoint)
        .timeout(Duration::from_secs(3))
        .retries(1000)
        .give_up_after(Duration::from_secs(5))
        .build()
        .unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    let reason = error.failures()[0].reason();
    assert!(
        matches!(reason, FailureReason::TimedOut { .. }),
        "{reason:?}"
    );
    // The second one has what is left of the time.
    assert_eq!(endpoint.got().len(), 2);
}

#[tokio::test]
async fn an_item_that_stands_in_the_queue_for_too_long_is_not_sent() {
    let endpoint = Endpoint::start(|_, _| Answer::Hang).await;
    let target = Target::new(endpoint.url()).max_items(1);
    let after = Duration::from_millis(100);
    let builder = Publisher::builder().endpoint(target);
    let publisher = builder.give_up_after(after).build().unwrap();
    for text in ["1", "2", "3", "4"] {
        publisher.enqueue("c", message(text)).unwrap();
    }
    let error = publisher.flush().await.unwrap_err();
    let failure = &error.failures()[0];
    assert_eq!((failure.items(), failure.attempts()), (4, 0));
    assert_eq!(failure.reason(), &FailureReason::Expired { after });
    assert_eq!(endpoint.texts(), [["1"]]);
}

#[tokio::test]
async fn an_endpoint_out_of_reach_holds_nobody_up_a_second_time() {
    let publisher = Publisher::builder().endpoint(nobody()).build().unwrap();
    let attempts = || async {
        let error = publisher.publish("c", message("x")).await.unwrap_err();
        error.failures()[0].attempts()
    };
    assert_eq!(attempts().await, 4);
    for _ in 0..20 {
        assert_eq!(attempts().await, 1);
    }

    // Nobody waits for this one, so there is time to try.
    publisher.enqueue("c", message("x")).unwrap();
    let error = publisher.flush().await.unwrap_err();
    assert_eq!(error.failures()[0].attempts(), 4);
}

#[tokio::test]
async fn an_endpoint_that_answers_again_gets_its_retries_again() {
    let endpoint = Endpoint::start(|number, _| match number {
        1..=3 | 5 => Answer::Break,
        _ => OK,
    })
    .await;
    let publisher = to(&endpoint).retries(1).build().unwrap();
    let publish = || publisher.publish("c", message("x"));
    assert_eq!(publish().await.unwrap_err().failures()[0].attempts(), 2);
    assert_eq!(publish().await.unwrap_err().failures()[0].attempts(), 1);
    publish().await.unwrap();
    publish().await.unwrap();
    assert_eq!(endpoint.got().len(), 6);
}
