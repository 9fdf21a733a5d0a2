//! Whatever an endpoint does, each item is accepted or whoever published it knows, and none comes
//! twice that a proxy could not tell from one that is new.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute, not what they call"
)]

mod faulty;

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use faulty::{BAD, Fault, Faulty};
use gripware_core::{GripUrl, Item, WsMessage};
use gripware_publish::{Endpoint as Target, FailureReason, Publisher, PublisherBuilder};
use proptest::prelude::*;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::timeout,
};

/// More than anything here takes, on whatever machine.
const LONG: Duration = Duration::from_secs(60);

fn to(endpoint: &Faulty) -> PublisherBuilder {
    Publisher::builder().endpoint(endpoint.url())
}

fn message(text: impl Into<String>) -> Item {
    Item::from(WsMessage::text(text))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn an_item_waits_for_an_endpoint_that_is_down_at_the_start() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = GripUrl::parse(&format!("http://{address}/")).unwrap();
    let publisher = Publisher::builder().endpoint(url).retries(20).build();
    let publisher = publisher.unwrap();
    publisher.enqueue("c", message("x")).unwrap();
    let publish = publisher.publish("c", message("y"));
    tokio::pin!(publish);
    assert!(
        timeout(Duration::from_millis(50), &mut publish)
            .await
            .is_err()
    );

    let endpoint = Faulty::on(TcpListener::bind(address).await.unwrap(), []);
    soon(publish).await.unwrap();
    soon(publisher.close()).await.unwrap();
    assert_eq!(endpoint.taken(), ["x", "y"]);
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_an_answer() {
    for fault in [Fault::Endless, Fault::Huge] {
        let endpoint = Faulty::start([fault, fault]).await;
        let publisher = to(&endpoint).generated_ids(false).build().unwrap();
        for text in ["1", "2", "3"] {
            soon(publisher.publish("c", message(text))).await.unwrap();
        }
        assert_eq!(endpoint.taken(), ["1", "2", "3"], "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_before_the_body_is_read_is_heard() {
    let endpoint = Faulty::start([Fault::Busy]).await;
    let publisher = to(&endpoint).build().unwrap();
    let big = "x".repeat(900_000);
    soon(publisher.publish("c", message(big.clone())))
        .await
        .unwrap();
    assert!(endpoint.taken() == [big]);
    assert_eq!(endpoint.requests(), 2);
}

#[tokio::test]
async fn a_connection_that_is_closed_while_it_is_idle_costs_no_item() {
    let endpoint = Faulty::start(vec![Fault::CutIdle; 50]).await;
    let publisher = to(&endpoint).build().unwrap();
    let texts: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    for text in &texts {
        soon(publisher.publish("c", message(text))).await.unwrap();
    }
    assert_eq!(endpoint.taken(), texts);
}

#[tokio::test]
async fn an_endpoint_that_is_busy_is_asked_again_as_often_as_it_says() {
    for busy in [Fault::Busy, Fault::Limited] {
        let endpoint = Faulty::start([busy; 3]).await;
        let publisher = to(&endpoint).retries(1).build().unwrap();
        soon(publisher.publish("c", message("x"))).await.unwrap();
        assert_eq!(endpoint.taken(), ["x"]);
        assert_eq!(endpoint.requests(), 4);
    }
}

#[tokio::test]
async fn without_retries_a_busy_endpoint_is_asked_once() {
    let endpoint = Faulty::start([Fault::Limited]).await;
    let publisher = to(&endpoint).retries(0).build().unwrap();
    let error = soon(publisher.publish("c", message("x")))
        .await
        .unwrap_err();
    assert_eq!(error.failures()[0].attempts(), 1);
    assert_eq!(endpoint.requests(), 1);
}

#[tokio::test]
async fn a_redirection_within_the_host_is_followed_and_a_circle_is_not() {
    let endpoint = Faulty::start([Fault::Moved; 3]).await;
    let publisher = to(&endpoint).build().unwrap();
    soon(publisher.publish("c", message("x"))).await.unwrap();
    assert_eq!((endpoint.taken().len(), endpoint.requests()), (1, 4));

    let circle = Faulty::start([Fault::Moved; 5]).await;
    let publisher = to(&circle).build().unwrap();
    let error = soon(publisher.publish("c", message("x")))
        .await
        .unwrap_err();
    let reason = error.failures()[0].reason();
    assert!(
        matches!(reason, FailureReason::Status { status, .. } if status.as_u16() == 308),
        "{reason}"
    );
    assert_eq!(circle.requests(), 4);
}

#[tokio::test]
async fn what_is_queued_is_sent_although_the_publisher_is_dropped() {
    let endpoint = Faulty::start([Fault::CutBefore, Fault::Ill]).await;
    let publisher = to(&endpoint).build().unwrap();
    for text in ["1", "2", "3"] {
        publisher.enqueue("c", message(text)).unwrap();
    }
    drop(publisher);
    soon(endpoint.wait_for(3)).await;
    assert_eq!(endpoint.taken(), ["1", "2", "3"]);
}

#[test]
fn what_a_runtime_takes_with_it_is_told() {
    let failed = Arc::new(AtomicUsize::new(0));
    let (server, sending) = (runtime(), runtime());
    let endpoint = server.block_on(Faulty::start([Fault::Silent]));
    let count = Arc::clone(&failed);
    let publisher = to(&endpoint)
        .on_failure(move |failure| {
            assert_eq!(failure.reason(), &FailureReason::Stopped);
            count.fetch_add(failure.items(), Ordering::SeqCst);
        })
        .build()
        .unwrap();
    sending.block_on(async {
        for text in ["1", "2", "3"] {
            publisher.enqueue("c", message(text)).unwrap();
        }
    });
    drop(sending);
    assert_eq!(failed.load(Ordering::SeqCst), 3);
    let error = server.block_on(publisher.close()).unwrap_err();
    assert_eq!(error.failures()[0].items(), 3);
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        12 => prop::sample::select(vec![
            Fault::CutIdle,
            Fault::CutAfter,
            Fault::CutInAnswer,
            Fault::CutBefore,
            Fault::Reset,
            Fault::Huge,
            Fault::Busy,
            Fault::Limited,
            Fault::Ill,
            Fault::Forbidden,
            Fault::Moved,
            Fault::Garbage,
        ]),
        // These cost a time limit each.
        1 => prop::sample::select(vec![Fault::Silent, Fault::Endless]),
    ]
}

#[derive(Clone, Debug)]
struct Sent {
    has_id: bool,
    is_bad: bool,
    is_awaited: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    (any::<bool>(), prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(has_id, is_bad, is_awaited)| Sent {
            has_id,
            is_bad,
            is_awaited,
        },
    )
}

/// Publishes all items to an endpoint with these faults, and compares what it took with what was
/// told.
async fn check(items: Vec<Sent>, faults: Vec<Fault>, at_once: usize) {
    let endpoint = Faulty::start(faults).await;
    let failed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&failed);
    let publisher = Publisher::builder()
        .endpoint(Target::new(endpoint.url()).max_items(at_once))
        .generated_ids(false)
        .timeout(Duration::from_millis(300))
        .give_up_after(Duration::from_secs(5))
        .on_failure(move |failure| {
            count.fetch_add(failure.items(), Ordering::SeqCst);
        })
        .build()
        .unwrap();
    let mut waiting = JoinSet::new();
    let mut enqueued = Vec::new();
    for (number, sent) in items.iter().enumerate() {
        let text = if sent.is_bad {
            BAD.to_owned()
        } else {
            number.to_string()
        };
        let mut item = message(text);
        if sent.has_id {
            item = item.id(number.to_string());
        }
        if sent.is_awaited {
            let publisher = publisher.clone();
            waiting.spawn(async move { (number, publisher.publish("c", item).await.is_ok()) });
        } else {
            publisher.enqueue("c", item).unwrap();
            enqueued.push(number);
        }
    }
    let mut refused = 0;
    let mut accepted = Vec::new();
    for (number, is_accepted) in soon(waiting.join_all()).await {
        if is_accepted {
            accepted.push(number);
        } else {
            refused += 1;
        }
    }
    let unheard = match soon(publisher.close()).await {
        Ok(()) => 0,
        Err(error) => error.failures()[0].items(),
    };
    let mut times: HashMap<_, usize> = HashMap::new();
    for text in endpoint.taken() {
        *times.entry(text).or_default() += 1;
    }
    let times = |number: usize| times.get(&number.to_string()).copied().unwrap_or(0);

    assert_eq!(
        failed.load(Ordering::SeqCst),
        refused + unheard,
        "told twice or not at all"
    );
    for number in accepted {
        assert!(!items[number].is_bad, "{number} was accepted and is bad");
        assert!(
            times(number) > 0,
            "{number} was accepted and did not arrive"
        );
    }
    let arrived = enqueued.iter().filter(|number| times(**number) > 0).count();
    assert!(
        arrived + unheard >= enqueued.len(),
        "an item was lost without a word"
    );
    for (number, sent) in items.iter().enumerate() {
        assert!(sent.has_id || times(number) <= 1, "{number} came twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_an_endpoint_does_each_item_is_accepted_or_its_caller_knows(
        items in prop::collection::vec(sent(), 1..12),
        faults in prop::collection::vec(fault(), 0..10),
        at_once in 1..6_usize,
    ) {
        runtime().block_on(check(items, faults, at_once));
    }
}
