//! What a control endpoint gets, and what the application hears of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute, not what they call"
)]

mod support;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{Credentials, GripUrl, Item, ItemError, WsMessage, sig::Key};
use gripware_publish::{
    BuildError, Endpoint as Target, EnqueueError, FailureReason, PublishError, Publisher,
    PublisherBuilder, Transport, TransportError, TransportFuture,
};
use http::{Request, Response, StatusCode};
use serde_json::json;
use support::{Answer, Endpoint, OK, text};
use tokio::time::{sleep, timeout};

fn to(endpoint: &Endpoint) -> PublisherBuilder {
    Publisher::builder().endpoint(endpoint.url())
}

fn message(text: impl Into<String>) -> Item {
    Item::from(WsMessage::text(text))
}

fn status(error: &PublishError) -> (u16, &str) {
    match error.failures()[0].reason() {
        FailureReason::Status { status, message } => (status.as_u16(), message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_single_item_is_one_request() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = to(&endpoint).prefix("app-").build().unwrap();
    let item = message("hi").id("2").prev_id("1").require_sub("all");
    publisher.publish("room", item).await.unwrap();

    let got = &endpoint.got()[0];
    assert!(got.head.starts_with("POST /publish/ HTTP/1.1\r\n"));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("authorization"), None);
    assert_eq!(
        got.items,
        [json!({
            "channel": "app-room",
            "id": "2",
            "prev-id": "1",
            "meta": {"require_sub": "app-all"},
            "formats": {"ws-message": {"content": "hi"}},
        })]
    );
    assert_eq!(endpoint.got().len(), 1);
}

#[tokio::test]
async fn each_kind_of_credentials_is_sent() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let jwt = Credentials::Jwt {
        iss: "realm".to_owned(),
        key: Key::parse("secret").unwrap(),
    };
    let basic = Credentials::Basic {
        user: "anna".to_owned(),
        password: "p".to_owned(),
    };
    for credentials in [
        basic,
        Credentials::Bearer("token".to_owned()),
        Credentials::FastlyKey("key".to_owned()),
        jwt,
    ] {
        let url = endpoint.url().with_credentials(credentials).unwrap();
        let publisher = Publisher::builder().endpoint(url).build().unwrap();
        publisher.publish("c", message("x")).await.unwrap();
    }
    let got = endpoint.got();
    assert_eq!(got[0].header("authorization"), Some("Basic YW5uYTpw"));
    assert_eq!(got[1].header("authorization"), Some("Bearer token"));
    assert_eq!(got[2].header("fastly-key"), Some("key"));
    assert_eq!(got[2].header("authorization"), None);
    let token = got[3].header("authorization").unwrap();
    assert!(token.starts_with("Bearer eyJ"), "{token}");
}

#[test]
fn credentials_over_plain_http_are_refused_unless_allowed() {
    let url = GripUrl::parse("http://push.example/?key=hunter2&x=secret").unwrap();
    let refused = Publisher::builder().endpoint(url.clone()).build();
    let error = refused.unwrap_err();
    assert_eq!(
        error,
        BuildError::InsecureCredentials {
            endpoint: "http://push.example/?[redacted]".to_owned()
        }
    );
    let allowed = Target::new(url).allow_insecure_credentials();
    let builder = Publisher::builder().endpoint(allowed);
    assert!(!format!("{builder:?}").contains("hunter2"));
    let publisher = builder.build().unwrap();
    assert!(!format!("{publisher:?}").contains("hunter2"));
}

#[cfg(feature = "tls")]
#[test]
fn https_needs_no_runtime_and_no_default_provider_to_be_set_up() {
    let url = GripUrl::fastly("abc", "token").unwrap();
    Publisher::builder().endpoint(url).build().unwrap();
}

#[tokio::test]
async fn items_that_come_while_a_request_is_under_way_go_together_and_in_order() {
    let endpoint = Endpoint::start(|number, _| if number == 1 { Answer::Gate } else { OK }).await;
    let publisher = to(&endpoint).build().unwrap();
    publisher.enqueue("c", message("0")).unwrap();
    endpoint.wait_for(1).await;
    for number in 1..=250 {
        publisher.enqueue("c", message(number.to_string())).unwrap();
    }
    endpoint.open_gate();
    publisher.flush().await.unwrap();

    let texts = endpoint.texts();
    let lengths: Vec<_> = texts.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 100, 100, 50]);
    let expected: Vec<_> = (0..=250).map(|number| number.to_string()).collect();
    assert_eq!(texts.concat(), expected);
}

#[tokio::test]
async fn a_list_of_items_is_one_request() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = to(&endpoint).build().unwrap();
    let items = ["a", "b", "c"].map(|text| ("room", WsMessage::text(text)));
    publisher.publish_all(items).await.unwrap();
    assert_eq!(endpoint.texts(), [["a", "b", "c"]]);
    publisher
        .publish_all(Vec::<(&str, Item)>::new())
        .await
        .unwrap();
    assert_eq!(endpoint.got().len(), 1);
}

#[tokio::test]
async fn a_request_is_no_longer_than_the_endpoint_takes() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let target = Target::new(endpoint.url()).max_body(1000);
    let publisher = Publisher::builder().endpoint(target).build().unwrap();
    let items = (0..20).map(|_| ("c", message("x".repeat(300)).id("1")));
    publisher.publish_all(items).await.unwrap();
    for got in endpoint.got() {
        let length: usize = got.header("content-length").unwrap().parse().unwrap();
        assert!(length <= 1000 && got.items.len() == 2, "{length}");
    }

    // A longer item has a request of its own.
    let overhead = json!({"items": [{"channel": "c", "id": "1",
        "formats": {"ws-message": {"content": ""}}}]})
    .to_string()
    .len();
    let item = |length: usize| message("x".repeat(length - overhead)).id("1");
    for length in [1000, 1001, 5000] {
        publisher.publish("c", item(length)).await.unwrap();
        let last = endpoint.got().pop().unwrap();
        assert_eq!(last.items.len(), 1);
        assert_eq!(last.header("content-length"), Some(&*length.to_string()));
    }
}

#[tokio::test]
async fn an_item_has_a_limit_and_the_error_has_its_size() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = Publisher::builder()
        .endpoint(Target::new(endpoint.url()).max_item(988))
        .build()
        .unwrap();
    let overhead = json!({"channel": "c", "id": "1", "formats": {"ws-message": {"content": ""}}});
    let overhead = overhead.to_string().len();
    let item = |length: usize| message("x".repeat(length - overhead)).id("1");
    publisher.publish("c", item(988)).await.unwrap();
    let error = publisher.publish("c", item(989)).await.unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(
        error.to_string(),
        "an item of 989 bytes as JSON is over the limit of 988"
    );
    assert_eq!(
        error.item_error(),
        Some(&ItemError::TooLarge {
            length: 989,
            limit: 988
        })
    );
    assert!(std::error::Error::source(&error).is_none());
}

#[tokio::test]
async fn one_invalid_item_keeps_the_list_back() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = to(&endpoint).build().unwrap();
    let items = [
        ("c", WsMessage::text("x")),
        ("c", WsMessage::close(1005, "")),
    ];
    let error = publisher.publish_all(items).await.unwrap_err();
    assert_eq!((error.is_invalid(), error.item_index()), (true, Some(1)));
    let error = publisher.publish("a\nb", message("x")).await.unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(endpoint.got().len(), 0);
}

#[tokio::test]
async fn an_item_that_the_endpoint_refuses_takes_no_other_with_it() {
    let endpoint = Endpoint::start(|_, got| {
        if got.texts().iter().any(|text| text == "bad") {
            Answer::Status(400, "Invalid format: no.\n")
        } else {
            OK
        }
    })
    .await;
    let publisher = to(&endpoint).build().unwrap();
    let items = ["1", "2", "3", "bad", "4", "5"].map(|text| ("c", message(text)));
    let error = publisher.publish_all(items).await.unwrap_err();
    assert_eq!(error.failures().len(), 1);
    assert_eq!(error.failures()[0].items(), 1);
    assert_eq!(status(&error), (400, "Invalid format: no."));

    let requests = endpoint.texts();
    let arrived = requests
        .iter()
        .filter(|texts| !texts.contains(&"bad".to_owned()));
    let arrived: Vec<_> = arrived.flatten().cloned().collect();
    assert_eq!(arrived, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_503_is_tried_again_with_the_same_id() {
    let endpoint = Endpoint::start(|number, _| match number {
        1 | 2 => Answer::Status(503, "busy\n"),
        _ => OK,
    })
    .await;
    let publisher = to(&endpoint).build().unwrap();
    publisher.publish("c", message("x")).await.unwrap();

    let ids: HashSet<_> = endpoint
        .got()
        .iter()
        .map(|got| got.items[0]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((endpoint.got().len(), ids.len()), (3, 1));
    // It is no part of the channel's order.
    assert_eq!(endpoint.got()[0].items[0]["no-seq"], true);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let endpoint = Endpoint::start(|number, _| if number == 1 { Answer::Break } else { OK }).await;
    let publisher = to(&endpoint).build().unwrap();
    publisher.publish("c", message("x")).await.unwrap();
    assert_eq!(endpoint.got().len(), 2);
}

#[tokio::test]
async fn no_answer_in_time_is_tried_again() {
    let endpoint = Endpoint::start(|number, _| if number == 1 { Answer::Hang } else { OK }).await;
    let publisher = to(&endpoint)
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    publisher.publish("c", message("x")).await.unwrap();
    assert_eq!(endpoint.got().len(), 2);

    let slow = Endpoint::start(|_, _| Answer::After(Duration::from_secs(5), 200)).await;
    let publisher = to(&slow)
        .timeout(Duration::from_millis(50))
        .retries(1)
        .build()
        .unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    let after = Duration::from_millis(50);
    assert_eq!(
        error.failures()[0].reason(),
        &FailureReason::TimedOut { after }
    );
    assert_eq!(error.failures()[0].attempts(), 2);
}

#[tokio::test]
async fn an_item_without_an_id_is_not_sent_again_when_it_may_have_arrived() {
    let endpoint = Endpoint::start(|_, _| Answer::Status(502, "")).await;
    let publisher = to(&endpoint).generated_ids(false).build().unwrap();
    let with_id = message("with").id("1");
    let items = [("c", message("without")), ("c", with_id)];
    let error = publisher.publish_all(items).await.unwrap_err();
    assert_eq!(error.failures()[0].items(), 2);

    let texts = endpoint.texts();
    assert_eq!(texts[0], ["without", "with"]);
    assert_eq!(texts[1..], [["with"], ["with"], ["with"]]);
    assert!(endpoint.got()[0].items[0].get("id").is_none());
}

#[tokio::test]
async fn an_item_in_the_order_of_its_channel_gets_no_id() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = to(&endpoint).build().unwrap();
    publisher
        .publish("c", message("x").prev_id("1"))
        .await
        .unwrap();
    let item = &endpoint.got()[0].items[0];
    assert_eq!((item.get("id"), item.get("no-seq")), (None, None));
}

#[tokio::test]
async fn a_4xx_is_never_tried_again() {
    for refusal in [401, 403, 404, 429] {
        let endpoint = Endpoint::start(move |_, _| Answer::Status(refusal, "no\nmore")).await;
        let publisher = to(&endpoint).build().unwrap();
        let items = ["a", "b"].map(|text| ("c", message(text)));
        let error = publisher.publish_all(items).await.unwrap_err();
        assert_eq!(status(&error), (refusal, "no"));
        assert_eq!(error.failures()[0].items(), 2);
        assert_eq!(endpoint.got().len(), 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_tried_and_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = GripUrl::parse(&format!("http://{address}/?x=secret")).unwrap();
    let there = Endpoint::start(|_, _| OK).await;
    let publisher = to(&there).endpoint(url).retries(1).build().unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();

    let [failure] = error.failures() else {
        panic!("{error:?}")
    };
    assert_eq!(failure.endpoint(), format!("http://{address}/?[redacted]"));
    assert_eq!(failure.attempts(), 2);
    assert!(matches!(failure.reason(), FailureReason::Connect { .. }));
    let shown = error.to_string();
    assert!(
        shown.contains("refused") && !shown.contains("secret"),
        "{shown}"
    );
    assert_eq!(there.texts(), [["x"]], "the other has it");
}

#[tokio::test]
async fn an_answer_that_repeats_the_credentials_is_not_shown() {
    let endpoint = Endpoint::start(|_, _| Answer::Status(403, "hunter2 is wrong")).await;
    let credentials = Credentials::Bearer("hunter2".to_owned());
    let url = endpoint.url().with_credentials(credentials).unwrap();
    let publisher = Publisher::builder().endpoint(url).build().unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    assert_eq!(status(&error), (403, "[redacted]"));
    assert!(!format!("{error:?}{error}").contains("hunter2"));
}

#[tokio::test]
async fn an_item_is_sent_although_nobody_waits_any_more() {
    let endpoint = Endpoint::start(|number, _| match number {
        1 => Answer::Gate,
        2 => OK,
        _ => Answer::Status(403, ""),
    })
    .await;
    let publisher = to(&endpoint).build().unwrap();
    publisher.enqueue("c", message("first")).unwrap();
    endpoint.wait_for(1).await;
    let dropped = publisher.publish("c", message("second"));
    let is_over = timeout(Duration::from_millis(20), dropped).await;
    is_over.unwrap_err();
    endpoint.open_gate();
    publisher.flush().await.unwrap();
    assert_eq!(endpoint.texts(), [["first"], ["second"]]);

    publisher.enqueue("c", message("third")).unwrap();
    let error = publisher.flush().await.unwrap_err();
    assert_eq!(status(&error), (403, ""));
    publisher.flush().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_gives_the_item_back_and_lets_others_wait() {
    let endpoint = Endpoint::start(|number, _| if number == 1 { Answer::Gate } else { OK }).await;
    let publisher = to(&endpoint).queue(2, 1 << 20).build().unwrap();
    publisher.enqueue("c", message("1")).unwrap();
    publisher.enqueue("c", message("2")).unwrap();
    let error = publisher.enqueue("c", message("3")).unwrap_err();
    let EnqueueError::Full {
        endpoint: name,
        channel,
        item,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(name, endpoint.url().to_string());
    assert_eq!((channel.name(), &*item), ("c", &message("3")));

    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish("c", *item).await }
    });
    endpoint.wait_for(1).await;
    sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    endpoint.open_gate();
    waiting.await.unwrap().unwrap();
    assert_eq!(endpoint.texts().concat(), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_queue_is_bounded_in_bytes_too() {
    let endpoint = Endpoint::start(|_, _| Answer::Hang).await;
    let publisher = to(&endpoint).queue(1000, 1000).build().unwrap();
    publisher.enqueue("c", message("x".repeat(600))).unwrap();
    let error = publisher.enqueue("c", message("x".repeat(600)));
    assert!(matches!(error, Err(EnqueueError::Full { .. })));
    publisher.enqueue("c", message("x")).unwrap();
}

#[tokio::test]
async fn a_queue_is_never_over_its_bounds() {
    let endpoint = Endpoint::start(|_, _| Answer::Hang).await;
    for (items, bytes, takes) in [
        (10_000, 16 << 20, 9998),
        (50, 1 << 20, 49),
        (64, 1 << 20, 64),
    ] {
        let publisher = to(&endpoint).queue(items, bytes).build().unwrap();
        let enqueue = |_: &usize| publisher.enqueue("c", message("x")).is_ok();
        assert_eq!((0..).take_while(enqueue).count(), takes, "{items}, {bytes}");
    }
}

#[tokio::test]
async fn a_list_longer_than_the_queue_goes_through_it() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = to(&endpoint).queue(10, 1 << 20).build().unwrap();
    let items = (0..95).map(|number| ("c", message(number.to_string())));
    publisher.publish_all(items).await.unwrap();
    let expected: Vec<_> = (0..95).map(|number| number.to_string()).collect();
    assert_eq!(endpoint.texts().concat(), expected);
}

#[tokio::test]
async fn closing_waits_for_everything_and_takes_no_more() {
    let endpoint = Endpoint::start(|_, _| Answer::After(Duration::from_millis(20), 200)).await;
    let publisher = to(&endpoint).build().unwrap();
    for number in 0..150 {
        publisher.enqueue("c", message(number.to_string())).unwrap();
    }
    let clone = publisher.clone();
    publisher.close().await.unwrap();
    assert_eq!(endpoint.texts().concat().len(), 150);

    assert!(
        clone
            .publish("c", message("x"))
            .await
            .unwrap_err()
            .is_closed()
    );
    let error = clone.enqueue("c", message("x")).unwrap_err();
    assert!(matches!(error, EnqueueError::Refused(error) if error.is_closed()));
    publisher.close().await.unwrap();
}

#[tokio::test]
async fn failures_that_nobody_waits_for_are_counted_and_called() {
    let endpoint = Endpoint::start(|_, _| Answer::Status(403, "no")).await;
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    let publisher = to(&endpoint)
        .on_failure(move |failure| {
            count.fetch_add(failure.items(), Ordering::SeqCst);
        })
        .build()
        .unwrap();
    for _ in 0..3 {
        publisher.enqueue("c", message("x")).unwrap();
    }
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    assert_eq!(error.failures()[0].items(), 1);
    let error = publisher.close().await.unwrap_err();
    assert_eq!(error.failures()[0].items(), 3);
    assert_eq!(called.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn every_endpoint_gets_every_item() {
    let (one, other) = (
        Endpoint::start(|_, _| OK).await,
        Endpoint::start(|_, _| Answer::Status(500, "")).await,
    );
    let publisher = to(&one).endpoint(other.url()).retries(0).build().unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    let [failure] = error.failures() else {
        panic!("{error:?}")
    };
    assert_eq!(failure.endpoint(), other.url().to_string());
    assert!(error.is_partial());
    assert_eq!(one.texts(), [["x"]]);
    // Without retries there is no need for an id.
    assert!(one.got()[0].items[0].get("id").is_none());
}

#[tokio::test]
async fn without_an_endpoint_the_error_says_what_to_set() {
    for publisher in [Publisher::none(), Publisher::builder().build().unwrap()] {
        let error = publisher.publish("c", message("x")).await.unwrap_err();
        assert!(error.is_unconfigured() && publisher.is_none());
        assert!(error.to_string().contains("GRIP_URL"));
        publisher.flush().await.unwrap();
        publisher.close().await.unwrap();
    }
}

#[test]
fn a_publisher_is_built_outside_a_runtime_and_says_that_it_needs_one() {
    let url = GripUrl::parse("http://localhost:5561/").unwrap();
    let publisher = Publisher::builder().endpoint(url).build().unwrap();
    let error = publisher.enqueue("c", message("x")).unwrap_err();
    assert_eq!(error.to_string(), "publishing needs a tokio runtime");
}

#[test]
fn a_publisher_outlives_a_runtime_and_tells_what_was_lost_with_it() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let serving = runtime();
    let endpoint = serving.block_on(Endpoint::start(|number, _| match number {
        1 => Answer::Hang,
        _ => OK,
    }));
    let publisher = to(&endpoint).build().unwrap();

    let first = runtime();
    first.block_on(async {
        publisher.enqueue("c", message("1")).unwrap();
        endpoint.wait_for(1).await;
        publisher.enqueue("c", message("2")).unwrap();
    });
    drop(first);

    runtime().block_on(async {
        let error = publisher.flush().await.unwrap_err();
        let failure = &error.failures()[0];
        assert_eq!(
            (failure.items(), failure.reason()),
            (2, &FailureReason::Stopped)
        );
        publisher.publish("c", message("3")).await.unwrap();
    });
    assert_eq!(endpoint.texts().concat(), ["1", "3"]);
}

#[tokio::test]
async fn a_prefix_or_a_bound_that_cannot_be_used_is_found_when_it_is_built() {
    let builder = Publisher::builder;
    assert!(matches!(
        builder().prefix("a\n").build(),
        Err(BuildError::Prefix { .. })
    ));
    let url = GripUrl::parse("http://localhost/").unwrap();
    for (setting, built) in [
        ("queue", builder().queue(0, 1).build()),
        ("timeout", builder().timeout(Duration::ZERO).build()),
        (
            "give_up_after",
            builder().give_up_after(Duration::ZERO).build(),
        ),
        (
            "max_body",
            builder()
                .endpoint(Target::new(url.clone()).max_body(0))
                .build(),
        ),
        (
            "max_items",
            builder().endpoint(Target::new(url).max_items(0)).build(),
        ),
    ] {
        assert_eq!(
            built.unwrap_err(),
            BuildError::TooSmall { setting, least: 1 }
        );
    }
}

/// A client of one's own, which refuses connections at first.
#[derive(Debug, Default)]
struct Own(Mutex<Vec<Request<Bytes>>>);

impl Transport for Own {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let mut requests = self.0.lock().unwrap();
            requests.push(request);
            if requests.len() == 1 {
                return Err(TransportError::connect_message("no route"));
            }
            let mut response = Response::new(Bytes::from("nope\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        })
    }
}

#[tokio::test]
async fn a_transport_of_ones_own_takes_the_requests() {
    let url = GripUrl::parse("https://push.example/a?x=1&key=t").unwrap();
    let builder = Publisher::builder().endpoint(url).transport(Own::default());
    let publisher = builder.build().unwrap();
    let error = publisher.publish("c", message("x")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://push.example/a?[redacted] did not take 1 item: 404 Not Found: nope \
         (tried 2 times)"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_publishers_at_once_lose_nothing_and_each_keeps_its_order() {
    let endpoint = Endpoint::start(|_, _| OK).await;
    let publisher = to(&endpoint).queue(50, 1 << 20).build().unwrap();
    let started = Instant::now();
    let tasks = (0..20).map(|task| {
        let publisher = publisher.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                let item = message(format!("{task}.{number}"));
                publisher.publish("c", item).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let texts = endpoint.texts().concat();
    assert_eq!(texts.len(), 1000);
    for task in 0..20 {
        let prefix = format!("{task}.");
        let own: Vec<_> = texts
            .iter()
            .filter_map(|text| text.strip_prefix(&prefix))
            .collect();
        let expected: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        assert_eq!(own, expected);
    }
    assert!(endpoint.got().len() < 500, "{:?}", started.elapsed());
}

#[test]
fn a_publisher_and_its_futures_can_be_sent() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let publisher = Publisher::none();
    is_send(&publisher);
    is_sync(&publisher);
    is_send(&publisher.publish("c", message("x")));
    is_send(&publisher.publish_all([("c", message("x"))]));
    is_send(&publisher.close());
    assert_eq!(
        text(&json!({"formats": {"ws-message": {"content": "x"}}})),
        "x"
    );
}
