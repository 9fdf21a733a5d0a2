//! What becomes of items when a publisher is closed, a sink calls or panics, or a runtime ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute, not what they call"
)]

#[allow(dead_code, reason = "shared with other tests, which use all of it")]
mod support;

use std::{
    fmt,
    pin::pin,
    sync::{Arc, OnceLock, mpsc},
    task::{Context, Waker},
    thread,
    time::Duration,
};

use gripware_core::{Channel, Item, WsMessage, item::ItemParts};
use gripware_publish::{EndpointFailure, EnqueueError, FailureReason, Publisher, Sink, SinkError};
use support::{Answer, Endpoint, OK};
use tokio::{
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};

const SOON: Duration = Duration::from_secs(5);

fn message(text: impl Into<String>) -> Item {
    Item::from(WsMessage::text(text))
}

/// A sink that does something with the publisher whenever it gets an item.
struct Calls<F> {
    publisher: OnceLock<Publisher>,
    call: F,
}

impl<F> Calls<F> {
    fn new(call: F) -> Arc<Self> {
        Arc::new(Self {
            publisher: OnceLock::new(),
            call,
        })
    }
}

impl<F> fmt::Debug for Calls<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl<F: Fn(&Publisher, &ItemParts) + Send + Sync + 'static> Sink for Calls<F> {
    fn name(&self) -> &str {
        "calls"
    }

    fn accept(&self, _: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        (self.call)(self.publisher.get().unwrap(), item);
        Ok(())
    }
}

/// Closes a publisher without waiting for what it still has.
fn begin_to_close(publisher: &Publisher) {
    let closing = pin!(publisher.close());
    let _ = closing.poll(&mut Context::from_waker(Waker::noop()));
}

#[tokio::test]
async fn items_that_were_handed_over_before_a_close_are_sent_and_counted() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let sink = Calls::new(|publisher: &Publisher, item: &ItemParts| {
        if Ok(item) == message("2").parts() {
            begin_to_close(publisher);
        }
    });
    let builder = Publisher::builder().endpoint(endpoint.url());
    let publisher = builder.sink(Arc::clone(&sink)).build().unwrap();
    sink.publisher.set(publisher.clone()).unwrap();

    let items = ["1", "2", "3", "4"].map(|text| ("c", message(text)));
    let error = publisher.publish_all(items).await.unwrap_err();
    assert!(error.is_closed() && error.failures().is_empty());
    assert_eq!(error.handed_over(), 2);
    assert_eq!(error.to_string(), "the publisher was closed after 2 items");
    assert_eq!(endpoint.texts(), [["1", "2"]], "still together");
    timeout(SOON, publisher.close()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_failed_before_a_close_is_in_its_error() {
    let endpoint = Endpoint::start(|_, _| Answer::Status(403, "no")).await;
    let sink = Calls::new(|publisher: &Publisher, _: &ItemParts| begin_to_close(publisher));
    let builder = Publisher::builder().endpoint(endpoint.url());
    let publisher = builder.sink(Arc::clone(&sink)).build().unwrap();
    sink.publisher.set(publisher.clone()).unwrap();

    let items = ["1", "2"].map(|text| ("c", message(text)));
    let error = publisher.publish_all(items).await.unwrap_err();
    assert_eq!((error.is_closed(), error.handed_over()), (true, 1));
    assert_eq!(error.failures()[0].items(), 1);
    let expected = format!(
        "the publisher was closed after 1 item; {} did not take 1 item: 403 Forbidden: no",
        endpoint.url()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_close_at_any_moment_strands_nothing() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    for round in 0..20 {
        let publisher = Publisher::builder().endpoint(endpoint.url());
        let publisher = publisher.build().unwrap();
        let before = endpoint.texts().concat().len();
        let publishing = tokio::spawn({
            let publisher = publisher.clone();
            async move {
                let items = (0..500).map(|number| ("c", message(number.to_string())));
                publisher.publish_all(items).await
            }
        });
        thread::sleep(Duration::from_micros(200 * round));
        timeout(SOON, publisher.close()).await.unwrap().unwrap();
        let handed_over = match timeout(SOON, publishing).await.unwrap().unwrap() {
            Ok(()) => 500,
            Err(error) => error.handed_over(),
        };
        let arrived = endpoint.texts().concat().len() - before;
        assert_eq!(arrived, handed_over, "round {round}");
    }
}

#[tokio::test]
async fn a_sink_that_panics_strands_nothing() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let sink = Calls::new(|_: &Publisher, _: &ItemParts| panic!("a sink"));
    let builder = Publisher::builder().endpoint(endpoint.url());
    let publisher = builder.sink(Arc::clone(&sink)).build().unwrap();
    sink.publisher.set(publisher.clone()).unwrap();
    for number in 0..2 {
        let publisher = publisher.clone();
        let publishing = tokio::spawn(async move {
            match number {
                0 => publisher.publish("c", message("0")).await.unwrap(),
                _ => publisher.enqueue("c", message("1")).unwrap(),
            }
        });
        assert!(publishing.await.unwrap_err().is_panic());
    }
    timeout(SOON, publisher.close()).await.unwrap().unwrap();
    assert_eq!(endpoint.texts().concat(), ["0", "1"]);
}

#[tokio::test]
async fn a_callback_that_panics_takes_no_other_item_with_it() {
    let endpoint = Endpoint::start(|number, _| match number {
        1 => Answer::Status(403, ""),
        _ => OK,
    })
    .await;
    let builder = Publisher::builder().endpoint(endpoint.url());
    let builder = builder.on_failure(|_| panic!("a callback"));
    let publisher = builder.build().unwrap();
    publisher.enqueue("c", message("1")).unwrap();
    endpoint.wait_for(1).await;
    publisher.publish("c", message("2")).await.unwrap();
    let error = publisher.close().await.unwrap_err();
    assert_eq!(error.failures()[0].items(), 1);
}

#[test]
fn a_sink_may_publish_and_close() {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let sink = Calls::new(|publisher: &Publisher, item: &ItemParts| {
            if Ok(item) == message("1").parts() {
                publisher.enqueue("c", message("2")).unwrap();
                begin_to_close(publisher);
                let error = publisher.enqueue("c", message("3")).unwrap_err();
                assert!(matches!(error, EnqueueError::Refused(error) if error.is_closed()));
            }
        });
        let publisher = Publisher::builder().sink(Arc::clone(&sink));
        let publisher = publisher.build().unwrap();
        sink.publisher.set(publisher.clone()).unwrap();
        let published = runtime.block_on(publisher.publish("c", message("1")));
        done.send(published).unwrap();
    });
    let published = result.recv_timeout(SOON);
    published.expect("it does not wait for itself").unwrap();
}

#[test]
fn a_flush_hears_of_everything_that_a_runtime_took_with_it() {
    let serving = Runtime::new().unwrap();
    let endpoint = serving.block_on(Endpoint::start(|_, _| Answer::Hang));
    for round in 0..100 {
        let publisher = Publisher::builder().endpoint(endpoint.url());
        let publisher = publisher.build().unwrap();
        let ending = Builder::new_multi_thread();
        let ending = { ending }.worker_threads(1).enable_all().build().unwrap();
        ending.block_on(async {
            for _ in 0..2000 {
                publisher.enqueue("c", message("x")).unwrap();
            }
        });
        let flushing = serving.spawn(async move { publisher.flush().await });
        ending.shutdown_background();
        let error = serving.block_on(async { timeout(SOON, flushing).await });
        let error = error.unwrap().unwrap().unwrap_err();
        let failure = &error.failures()[0];
        assert_eq!(
            (failure.items(), failure.reason()),
            (2000, &FailureReason::Stopped),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn a_flush_that_is_dropped_keeps_the_failures_for_the_next() {
    let refusing = Endpoint::start(|_, _| Answer::Status(403, "no")).await;
    let slow = Endpoint::start(|_, _| Answer::Gate).await;
    let builder = Publisher::builder().endpoint(refusing.url());
    let publisher = builder.endpoint(slow.url()).build().unwrap();
    publisher.enqueue("c", message("x")).unwrap();
    refusing.wait_for(1).await;
    sleep(Duration::from_millis(20)).await;
    let dropped = timeout(Duration::from_millis(20), publisher.flush()).await;
    dropped.unwrap_err();
    slow.open_gate();
    let error = publisher.flush().await.unwrap_err();
    assert_eq!(error.failures()[0].endpoint(), refusing.url().to_string());
}

#[test]
fn items_go_by_the_runtime_that_the_builder_was_given() {
    let serving = Runtime::new().unwrap();
    let endpoint = serving.block_on(Endpoint::start(|_, _| OK));
    let builder = Publisher::builder().endpoint(endpoint.url());
    let publisher = builder.runtime(serving.handle().clone()).build().unwrap();

    // From no runtime at all, and from one that runs no more when it has put its item in.
    publisher.enqueue("c", message("1")).unwrap();
    let idle = Builder::new_current_thread().enable_all().build().unwrap();
    idle.block_on(async { publisher.enqueue("c", message("2")).unwrap() });
    let published =
        serving.block_on(async { timeout(SOON, publisher.publish("c", message("3"))).await });
    published.unwrap().unwrap();
    assert_eq!(endpoint.texts().concat(), ["1", "2", "3"]);
}

#[tokio::test]
async fn two_endpoints_with_one_name_are_two() {
    let endpoint = Endpoint::start(|_, _| Answer::Status(403, "")).await;
    let with = |query: &str| {
        let url = format!("{}?{query}", endpoint.url());
        gripware_core::GripUrl::parse(&url).unwrap()
    };
    let builder = Publisher::builder().endpoint(with("key=a"));
    let publisher = builder.endpoint(with("key=b")).build().unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    let items: Vec<_> = error
        .failures()
        .iter()
        .map(EndpointFailure::items)
        .collect();
    assert_eq!((items, error.is_partial()), (vec![1, 1], false));
}
