//! Endpoints that are added and removed while a publisher runs, and what becomes of single items.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "the support is that of several tests, each of which uses some of it"
)]

mod support;

use std::time::Duration;

use gripware_core::{GripUrl, WsMessage};
use gripware_publish::{EnqueueError, FailureReason, Publisher};
use support::{Answer, Endpoint, OK};

fn text(text: &str) -> WsMessage {
    WsMessage::text(text)
}

#[tokio::test]
async fn endpoints_come_and_go_while_a_publisher_runs() {
    let [one, two] = [
        Endpoint::start(|_, _| OK).await,
        Endpoint::start(|_, _| OK).await,
    ];
    let publisher = Publisher::none();
    assert!(
        publisher
            .publish("a", text("0"))
            .await
            .unwrap_err()
            .is_unconfigured()
    );
    publisher.add_endpoint(one.url()).unwrap();
    publisher.publish("a", text("1")).await.unwrap();
    publisher.clone().add_endpoint(two.url()).unwrap();
    publisher.publish("a", text("2")).await.unwrap();
    assert!(publisher.remove_endpoint(one.url()));
    assert!(!publisher.remove_endpoint(one.url()));
    publisher.publish("a", text("3")).await.unwrap();
    assert_eq!(one.texts(), [["1"], ["2"]]);
    assert_eq!(two.texts(), [["2"], ["3"]]);
}

#[tokio::test]
async fn what_is_queued_for_an_endpoint_that_goes_is_sent() {
    let gone = Endpoint::start(|request, _| if request == 1 { Answer::Gate } else { OK }).await;
    let publisher = Publisher::builder().endpoint(gone.url()).build().unwrap();
    publisher.enqueue("a", text("1")).unwrap();
    gone.wait_for(1).await;
    publisher.enqueue("a", text("2")).unwrap();
    assert!(publisher.remove_endpoint(gone.url()));
    assert!(publisher.is_none());
    gone.open_gate();
    publisher.flush().await.unwrap();
    assert_eq!(gone.texts(), [["1"], ["2"]]);
}

#[tokio::test]
async fn what_fails_at_an_endpoint_that_went_is_told_once() {
    let gone = Endpoint::start(|_, _| Answer::Status(403, "no\n")).await;
    let publisher = Publisher::builder().endpoint(gone.url()).build().unwrap();
    publisher.enqueue("a", text("1")).unwrap();
    publisher.remove_endpoint(gone.url());
    let error = publisher.flush().await.unwrap_err();
    assert_eq!(error.failures().len(), 1);
    assert_eq!(error.failures()[0].items(), 1);
    publisher.flush().await.unwrap();
}

#[tokio::test]
async fn a_list_is_applied_as_a_whole_and_keeps_what_is_the_same() {
    let kept = Endpoint::start(|request, _| if request == 1 { Answer::Gate } else { OK }).await;
    let other = Endpoint::start(|_, _| OK).await;
    let publisher = Publisher::builder().endpoint(kept.url()).build().unwrap();
    publisher.enqueue("a", text("1")).unwrap();
    kept.wait_for(1).await;
    publisher.apply([kept.url(), other.url()]).unwrap();
    // In the same queue: it is not sent beside the first one.
    publisher.enqueue("a", text("2")).unwrap();
    other.wait_for(1).await;
    assert_eq!(kept.texts(), [["1"]]);
    kept.open_gate();
    publisher.flush().await.unwrap();
    assert_eq!(kept.texts(), [["1"], ["2"]]);

    let insecure = GripUrl::parse("http://push.example/?key=token").unwrap();
    publisher.apply([other.url(), insecure]).unwrap_err();
    publisher.publish("a", text("3")).await.unwrap();
    assert_eq!(kept.texts().len(), 3);

    // Other credentials are another endpoint, at the same address.
    let url = format!("http://{}/?key=token", other.address);
    publisher.apply([GripUrl::parse(&url).unwrap()]).unwrap();
    publisher.publish("a", text("4")).await.unwrap();
    let last = other.got().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer token"));
    assert_eq!(kept.texts().len(), 3);
    publisher.apply([] as [GripUrl; 0]).unwrap();
    assert!(publisher.is_none());
}

#[tokio::test]
async fn an_item_that_is_enqueued_can_be_asked_for_its_own_outcome() {
    let picky = Endpoint::start(|_, got| match got.texts().contains(&"bad".to_owned()) {
        true => Answer::Status(403, "bad\n"),
        false => OK,
    })
    .await;
    let publisher = Publisher::builder().endpoint(picky.url()).build().unwrap();
    let good = publisher.enqueue_with_outcome("a", text("good")).unwrap();
    good.await.unwrap();
    let bad = publisher.enqueue_with_outcome("a", text("bad")).unwrap();
    let error = bad.await.unwrap_err();
    assert!(matches!(
        error.failures()[0].reason(),
        FailureReason::Status { .. }
    ));
    // It was told, so that nobody is told again.
    publisher.flush().await.unwrap();
    drop(publisher.enqueue_with_outcome("a", text("bad")).unwrap());
    assert_eq!(
        publisher.flush().await.unwrap_err().failures()[0].items(),
        1
    );

    publisher.close().await.unwrap();
    let refused = publisher
        .enqueue_with_outcome("a", text("late"))
        .unwrap_err();
    assert!(matches!(refused, EnqueueError::Refused(error) if error.is_closed()));
}

#[tokio::test]
async fn an_outcome_waits_for_the_retries_that_others_do_without() {
    let down = Endpoint::start(|request, _| if request <= 2 { Answer::Break } else { OK }).await;
    let publisher = Publisher::builder()
        .endpoint(down.url())
        .retries(1)
        .build()
        .unwrap();
    publisher.publish("a", text("1")).await.unwrap_err();
    // Out of reach now: whoever waits would be told at once.
    let outcome = publisher.enqueue_with_outcome("a", text("2")).unwrap();
    tokio::time::timeout(Duration::from_secs(20), outcome)
        .await
        .unwrap()
        .unwrap();
}

#[cfg(feature = "blocking")]
#[test]
fn a_program_without_a_runtime_publishes_and_waits() {
    use gripware_publish::blocking;

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let endpoint = runtime.block_on(Endpoint::start(|_, _| OK));
    let settings = Publisher::builder().endpoint(endpoint.url());
    let publisher = blocking::Publisher::new(settings).unwrap();
    publisher.publish("a", text("1")).unwrap();
    publisher.enqueue("a", text("2")).unwrap();
    publisher.flush().unwrap();
    // In `async` code it blocks, and does not panic.
    runtime.block_on(async { publisher.publish("a", text("3")).unwrap() });
    publisher.clone().close().unwrap();
    assert!(publisher.publish("a", text("4")).unwrap_err().is_closed());
    runtime.block_on(async { drop(publisher) });
    assert_eq!(endpoint.texts(), [["1"], ["2"], ["3"]]);
}
