//! Sinks that know only later whether an item arrived, as one with a broker behind it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute, not what they call"
)]

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use gripware_core::{Channel, WsMessage, item::ItemParts};
use gripware_publish::{Confirmation, Publisher, Sink, SinkError};
use tokio::sync::oneshot;

type Answer = oneshot::Sender<Result<(), SinkError>>;

/// Confirms an item when the test says so.
#[derive(Debug, Default)]
struct Later(Mutex<Vec<Answer>>);

impl Later {
    fn answer(&self, answer: Result<(), &str>) {
        let asked = self.0.lock().unwrap().remove(0);
        asked.send(answer.map_err(SinkError::new)).unwrap();
    }
}

impl Sink for Later {
    fn name(&self) -> &str {
        "later"
    }

    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        self.deliver(channel, item).map(drop)
    }

    fn deliver(
        &self,
        _channel: &Channel,
        _item: &ItemParts,
    ) -> Result<Option<Confirmation>, SinkError> {
        let (answer, answered) = oneshot::channel();
        self.0.lock().unwrap().push(answer);
        Ok(Some(Box::pin(async { answered.await.unwrap() })))
    }
}

fn publisher() -> (Arc<Later>, Publisher, Arc<Mutex<Vec<String>>>) {
    let (later, failures) = (Arc::new(Later::default()), Arc::new(Mutex::default()));
    let noted: Arc<Mutex<Vec<String>>> = Arc::clone(&failures);
    let publisher = Publisher::builder()
        .sink(Arc::clone(&later))
        .on_failure(move |failure| noted.lock().unwrap().push(failure.to_string()))
        .build()
        .unwrap();
    (later, publisher, failures)
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn publishing_waits_for_the_confirmation_and_reports_its_error() {
    let (later, publisher, failures) = publisher();
    let mut publishing = pin!(publisher.publish("c", WsMessage::text("1")));
    assert!(poll(publishing.as_mut()).is_pending());
    later.answer(Ok(()));
    assert_eq!(poll(publishing), Poll::Ready(Ok(())));

    let mut publishing = pin!(publisher.publish("c", WsMessage::text("2")));
    assert!(poll(publishing.as_mut()).is_pending());
    later.answer(Err("the broker is down"));
    let Poll::Ready(Err(error)) = poll(publishing) else {
        panic!("it is answered");
    };
    assert_eq!(
        error.to_string(),
        "later did not take 1 item: the broker is down"
    );
    assert_eq!(
        *failures.lock().unwrap(),
        ["later did not take 1 item: the broker is down"]
    );
}

#[test]
fn flushing_waits_for_items_that_nobody_waits_for() {
    let (later, publisher, failures) = publisher();
    for text in ["1", "2", "3"] {
        publisher.enqueue("c", WsMessage::text(text)).unwrap();
    }
    let mut flushing = pin!(publisher.flush());
    assert!(poll(flushing.as_mut()).is_pending());
    later.answer(Ok(()));
    later.answer(Err("first"));
    assert!(poll(flushing.as_mut()).is_pending());
    later.answer(Err("second"));
    let Poll::Ready(Err(error)) = poll(flushing) else {
        panic!("it is answered");
    };
    assert_eq!(error.to_string(), "later did not take 2 items: second");
    assert_eq!(failures.lock().unwrap().len(), 2);
    assert_eq!(poll(pin!(publisher.flush())), Poll::Ready(Ok(())));
}

#[test]
fn the_next_item_tells_of_those_before() {
    let (later, publisher, failures) = publisher();
    publisher.enqueue("c", WsMessage::text("1")).unwrap();
    later.answer(Err("no"));
    publisher.enqueue("c", WsMessage::text("2")).unwrap();
    assert_eq!(failures.lock().unwrap().len(), 1);
}

#[test]
fn a_publish_that_is_given_up_is_told_to_whoever_flushes() {
    let (later, publisher, _) = publisher();
    {
        let publishing = pin!(publisher.publish("c", WsMessage::text("1")));
        assert!(poll(publishing).is_pending());
    }
    later.answer(Err("no"));
    let Poll::Ready(Err(error)) = poll(pin!(publisher.flush())) else {
        panic!("it is answered");
    };
    assert_eq!(error.to_string(), "later did not take 1 item: no");
}
