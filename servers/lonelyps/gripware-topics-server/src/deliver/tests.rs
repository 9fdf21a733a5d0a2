//! Who is told of missed messages, when, and who is unsubscribed: with a clock of the test's own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use bytes::Bytes;
use gripware_topics::{
    Address, Auth, Digest, Topic,
    auth::{ReplayStore, Verifier},
    tls::Tls,
};
use http::StatusCode;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet, time::timeout};

use super::{Deliverer, Message};
use crate::{
    Settings, Targets,
    clock::now,
    dial,
    socket::Sockets,
    store::{MemoryStore, Missed, Store, StoreLimits, tests as stores},
};

const DAY: u64 = 24 * 60 * 60;

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.unwrap()
}

fn deliverer(store: &Arc<impl Store>, settings: Settings) -> Arc<Deliverer> {
    let targets = Targets::public().allow("127.0.0.0/8".parse().unwrap());
    deliverer_to(store, targets, settings)
}

/// To webhooks, whose status is their confirmation.
fn deliverer_to(store: &Arc<impl Store>, targets: Targets, settings: Settings) -> Arc<Deliverer> {
    let auth = Auth::from_json(
        r#"{"version":"2","to-subscriber":{"type":"standard-webhooks","secret":"x"}}"#,
    )
    .unwrap();
    Arc::new(Deliverer::new(
        Arc::clone(store) as Arc<dyn Store>,
        Arc::new(Verifier::new(auth.to_broadcaster, ReplayStore::new(1))),
        auth.to_subscriber,
        dial::sender(targets, Tls::default()).unwrap(),
        Arc::new(Sockets::default()),
        settings,
    ))
}

/// A subscriber that does what it is told to.
struct Subscriber {
    host: String,
    receives: AtomicBool,
    recovers: AtomicBool,
    /// How often it was told that it has missed something.
    told: AtomicUsize,
    /// Whether its answers wait.
    waits: AtomicBool,
    asked: Notify,
    answers: Notify,
    topics: Mutex<Vec<String>>,
}

impl Subscriber {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Arc::new(Self {
            host: format!("http://{}", listener.local_addr().unwrap()),
            receives: AtomicBool::new(true),
            recovers: AtomicBool::new(true),
            told: AtomicUsize::new(0),
            waits: AtomicBool::new(false),
            asked: Notify::new(),
            answers: Notify::new(),
            topics: Mutex::default(),
        });
        let (receiving, recovering) = (Arc::clone(&this), Arc::clone(&this));
        let router = Router::new()
            .route(
                "/receive",
                post(async move |_: Bytes| receiving.answer(&receiving.receives).await),
            )
            .route(
                "/recover",
                post(async move |headers: http::HeaderMap| {
                    let topic = headers[gripware_topics::webhook::TOPIC_HEADER].to_str();
                    let topic = topic.unwrap().to_owned();
                    recovering.topics.lock().unwrap().push(topic);
                    recovering.told.fetch_add(1, Ordering::SeqCst);
                    recovering.answer(&recovering.recovers).await
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        this
    }

    async fn answer(&self, well: &AtomicBool) -> StatusCode {
        self.asked.notify_one();
        if self.waits.load(Ordering::SeqCst) {
            self.answers.notified().await;
        }
        match well.load(Ordering::SeqCst) {
            true => StatusCode::NO_CONTENT,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn url(&self) -> Address {
        Address::new(format!("{}/receive", self.host)).unwrap()
    }

    fn recovery(&self) -> Address {
        Address::new(format!("{}/recover", self.host)).unwrap()
    }

    fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    fn missed(&self, topic: &str, since: u64) -> Missed {
        Missed {
            url: self.url(),
            recovery: Some(self.recovery()),
            topic: Topic::try_from(topic).unwrap(),
            attempts: 0,
            since,
            due: since + 2,
            lease: 0,
        }
    }

    fn subscribe(&self, store: &dyn Store, topic: &str, recovery: bool) {
        let recovery = recovery.then(|| self.recovery());
        let pattern = stores::pattern(topic);
        store
            .subscribe(&self.url(), &pattern, recovery.as_ref())
            .unwrap();
    }

    fn is_subscribed(&self, store: &dyn Store) -> bool {
        !store.list(&self.url()).is_empty()
    }
}

fn message(topic: &str) -> Message {
    let body = Bytes::from_static(b"hello");
    Message::new(Topic::try_from(topic).unwrap(), Digest::of(&body), body)
}

#[tokio::test]
async fn what_is_missed_while_it_is_told_is_told_once_more() {
    let subscriber = Subscriber::start().await;
    let store = Arc::new(MemoryStore::default());
    let deliverer = deliverer(&store, Settings::default());
    let start = now();
    subscriber.waits.store(true, Ordering::SeqCst);
    store.missed(&subscriber.missed("t", start)).unwrap();
    let telling = Arc::clone(&deliverer);
    let telling = tokio::spawn(async move { telling.tell_all(start + 2).await });
    soon(subscriber.asked.notified()).await;
    let more = subscriber.missed("t", start + 3);
    assert!(!store.missed(&more).unwrap(), "that it is known");
    subscriber.waits.store(false, Ordering::SeqCst);
    subscriber.answers.notify_one();
    soon(telling).await.unwrap();
    assert_eq!(subscriber.told(), 1);
    soon(deliverer.tell_all(start + 10)).await;
    assert_eq!(subscriber.told(), 2);
    soon(deliverer.tell_all(start + 10 * DAY)).await;
    assert_eq!(subscriber.told(), 2);
}

#[tokio::test]
async fn one_whose_lane_is_full_was_not_tried() {
    let subscriber = Subscriber::start().await;
    let store = Arc::new(MemoryStore::default());
    let settings = Settings::default()
        .deliveries_per_subscriber(1)
        .queue_per_subscriber(0);
    let deliverer = deliverer(&store, settings);
    let later = now();
    let since = later - 4 * DAY;
    subscriber.subscribe(&*store, "t", true);
    store.missed(&subscriber.missed("t", since)).unwrap();
    let recovery = subscriber.recovery();
    let place = deliverer.lanes.enter(&recovery).unwrap();
    soon(deliverer.tell_all(later)).await;
    assert!(subscriber.is_subscribed(&*store));
    drop(place);
    // It waits for some seconds, and not for hours.
    soon(deliverer.tell_all(later + 10)).await;
    assert_eq!(subscriber.told(), 1);
}

#[tokio::test]
async fn one_that_waits_in_vain_was_not_tried() {
    let subscriber = Subscriber::start().await;
    let store = Arc::new(MemoryStore::default());
    let settings = Settings::default()
        .deliveries_per_subscriber(1)
        .delivery_timeout(Duration::from_millis(50));
    let deliverer = deliverer(&store, settings);
    let later = now();
    subscriber.subscribe(&*store, "t", true);
    let missed = subscriber.missed("t", later - 4 * DAY);
    store.missed(&missed).unwrap();
    let recovery = subscriber.recovery();
    let place = deliverer.lanes.enter(&recovery).unwrap();
    let other = place.permits().acquire().await;
    soon(deliverer.tell_all(later)).await;
    assert!(subscriber.is_subscribed(&*store));
    assert_eq!(store.due(later + 10, later + 10, 1)[0].attempts, 2);
    drop(other);
}

#[tokio::test]
async fn one_that_does_not_answer_keeps_no_other_waiting() {
    let (silent, other) = (Subscriber::start().await, Subscriber::start().await);
    silent.waits.store(true, Ordering::SeqCst);
    let store = Arc::new(MemoryStore::default());
    let deliverer = deliverer(&store, Settings::default());
    let start = now();
    // More than are told at a time, and far more than a lane takes.
    for topic in 0..300 {
        store
            .missed(&silent.missed(&topic.to_string(), start))
            .unwrap();
    }
    store.missed(&other.missed("t", start + 1)).unwrap();
    let mut under_way = JoinSet::new();
    let telling = async {
        while other.told() == 0 {
            deliverer.tell_due(&mut under_way, start + 3).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(telling).await;
    assert!(silent.told() <= 8);
}

#[tokio::test]
async fn who_confirms_messages_is_not_unsubscribed() {
    let subscriber = Subscriber::start().await;
    subscriber.recovers.store(false, Ordering::SeqCst);
    let store = Arc::new(MemoryStore::default());
    let deliverer = deliverer(&store, Settings::default());
    let start = now();
    subscriber.subscribe(&*store, "t", true);
    let missed = subscriber.missed("t", start - 3 * DAY);
    store.missed(&missed).unwrap();
    let sent = soon(Arc::clone(&deliverer).deliver(message("t"))).await;
    assert_eq!(sent, 1);
    soon(deliverer.tell_all(start)).await;
    assert_eq!(subscriber.told(), 1);
    assert!(subscriber.is_subscribed(&*store));
}

#[tokio::test]
async fn one_without_a_recovery_url_is_unsubscribed_as_well() {
    let subscriber = Subscriber::start().await;
    subscriber.receives.store(false, Ordering::SeqCst);
    let limits = StoreLimits {
        missed: 1,
        ..StoreLimits::default()
    };
    let store = Arc::new(MemoryStore::new(limits));
    let deliverer = deliverer(&store, Settings::default());
    subscriber.subscribe(&*store, "t", true);
    for topic in ["u*", "v"] {
        subscriber.subscribe(&*store, topic, false);
    }
    let start = now();
    // However many topics it misses, there is one entry.
    for topic in ["u1", "u2", "v"] {
        soon(Arc::clone(&deliverer).deliver(message(topic))).await;
    }
    soon(deliverer.tell_all(start + 3 * DAY - 1)).await;
    assert_eq!(store.list(&subscriber.url()).len(), 3);
    soon(deliverer.tell_all(start + 4 * DAY)).await;
    let left = stores::list(&[("t", None)]);
    assert!(
        store
            .list(&subscriber.url())
            .topics
            .keys()
            .eq(left.topics.keys())
    );
    assert!(store.list(&subscriber.url()).globs.is_empty());
    assert!(store.due(u64::MAX, u64::MAX, 9).is_empty());
}

/// Calls a store where it may block.
async fn blocking<S: Store, T: Send + 'static>(
    store: &Arc<S>,
    call: impl FnOnce(&S) -> T + Send + 'static,
) -> T {
    let store = Arc::clone(store);
    let called = tokio::task::spawn_blocking(move || call(&store));
    called.await.unwrap()
}

/// A subscriber that cannot be reached for days, while messages for it do not end.
async fn fails_for_days(store: stores::InTurn, recovery: Option<Address>) {
    const STEP: u64 = 120;
    let store = Arc::new(store);
    // Its address is refused before anything is dialled.
    let deliverer = deliverer_to(&store, Targets::public(), Settings::default());
    let url = Address::new("http://127.0.0.1/receive").unwrap();
    let subscribed = (url.clone(), recovery.clone());
    blocking(&store, move |store| {
        let (url, recovery) = subscribed;
        store.subscribe(&url, &stores::pattern("t"), recovery.as_ref())
    })
    .await
    .unwrap();
    for seconds in (0..4 * DAY).step_by(STEP as usize) {
        let now = stores::START + seconds;
        let missed = Missed {
            url: url.clone(),
            recovery: recovery.clone(),
            topic: Topic::try_from("t").unwrap(),
            attempts: 0,
            since: now,
            due: now + 2,
            lease: 0,
        };
        let listed = url.clone();
        let is_new = blocking(&store, move |store| store.missed(&missed).unwrap()).await;
        assert_eq!(is_new, seconds == 0, "at {seconds}");
        deliverer.tell_all(now).await;
        if blocking(&store, move |store| store.list(&listed).is_empty()).await {
            // The longest wait is over two hours.
            assert!((3 * DAY..3 * DAY + 9_000).contains(&seconds), "{seconds}");
            // 2, 4, 8 s and so on up to 8 192 s.
            assert!((40..50).contains(&store.leased()), "{}", store.leased());
            return;
        }
        tokio::time::advance(Duration::from_secs(STEP)).await;
    }
    panic!("it is not unsubscribed");
}

#[tokio::test(start_paused = true)]
async fn steady_failures_back_off_and_end_after_three_days() {
    let recovery = Address::new("http://127.0.0.1/recover").unwrap();
    for recovery in [Some(recovery), None] {
        let memory = MemoryStore::default();
        fails_for_days(stores::InTurn::new([memory]), recovery.clone()).await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(start_paused = true)]
async fn steady_failures_back_off_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topics.db");
    let store = crate::SqliteStore::open(path, StoreLimits::default()).unwrap();
    let recovery = Address::new("http://127.0.0.1/recover").unwrap();
    fails_for_days(stores::InTurn::new([store]), Some(recovery)).await;
}

#[cfg(feature = "records")]
#[tokio::test(start_paused = true)]
async fn steady_failures_back_off_at_several_broadcasters() {
    let recovery = Address::new("http://127.0.0.1/recover").unwrap();
    for recovery in [Some(recovery), None] {
        let state = gripware_state::State::memory();
        let open = || crate::RecordsStore::open(state.records(), StoreLimits::default());
        let stores = [open().await.unwrap(), open().await.unwrap()];
        fails_for_days(stores::InTurn::new(stores), recovery).await;
    }
}

#[tokio::test]
async fn what_is_not_confirmed_at_the_end_is_noted_as_missed() {
    let subscriber = Subscriber::start().await;
    subscriber.waits.store(true, Ordering::SeqCst);
    let store = Arc::new(MemoryStore::default());
    // One is under way, and the other waits for it.
    let settings = Settings::default().deliveries_per_subscriber(1);
    let deliverer = deliverer(&store, settings);
    let mut delivering = Vec::new();
    for topic in ["t", "u"] {
        subscriber.subscribe(&*store, topic, true);
        delivering.push(tokio::spawn(Arc::clone(&deliverer).deliver(message(topic))));
    }
    soon(subscriber.asked.notified()).await;
    soon(deliverer.finish(Duration::ZERO)).await;
    for one in delivering {
        assert_eq!(soon(one).await.unwrap(), 0);
    }
    // What comes behind that is missed too, and nobody is told any more.
    subscriber.subscribe(&*store, "v", true);
    assert_eq!(soon(Arc::clone(&deliverer).deliver(message("v"))).await, 0);
    let later = now() + 10;
    soon(deliverer.tell_all(later)).await;
    assert_eq!(subscriber.told(), 0);
    let missed = store.due(later, later, 9);
    let mut topics: Vec<_> = missed.iter().map(|one| one.topic.as_bytes()).collect();
    topics.sort_unstable();
    assert_eq!(topics, [b"t", b"u", b"v"]);
}

#[tokio::test]
async fn what_is_confirmed_before_the_end_is_not() {
    let subscriber = Subscriber::start().await;
    subscriber.waits.store(true, Ordering::SeqCst);
    let store = Arc::new(MemoryStore::default());
    let deliverer = deliverer(&store, Settings::default());
    subscriber.subscribe(&*store, "t", true);
    let delivering = tokio::spawn(Arc::clone(&deliverer).deliver(message("t")));
    soon(subscriber.asked.notified()).await;
    let ending = Arc::clone(&deliverer);
    let ending = tokio::spawn(async move { ending.finish(Duration::from_secs(3_600)).await });
    subscriber.answers.notify_one();
    assert_eq!(soon(delivering).await.unwrap(), 1);
    soon(ending).await.unwrap();
    assert!(store.due(u64::MAX, u64::MAX, 9).is_empty());
}

#[tokio::test]
async fn who_is_told_at_the_end_is_told_after_it() {
    let subscriber = Subscriber::start().await;
    subscriber.waits.store(true, Ordering::SeqCst);
    let store = Arc::new(MemoryStore::default());
    let deliverer = deliverer(&store, Settings::default());
    let start = now();
    store
        .missed(&subscriber.missed("t", start - 9 * DAY))
        .unwrap();
    subscriber.subscribe(&*store, "t", true);
    let telling = Arc::clone(&deliverer);
    let telling = tokio::spawn(async move { telling.tell_all(start).await });
    soon(subscriber.asked.notified()).await;
    soon(deliverer.finish(Duration::ZERO)).await;
    soon(telling).await.unwrap();
    assert!(subscriber.is_subscribed(&*store));
    let due = store.due(start + 60, start + 60, 9);
    assert_eq!((due[0].attempts, due[0].since), (2, start - 9 * DAY));
}

#[cfg(feature = "records")]
#[tokio::test(start_paused = true)]
async fn whom_it_has_reached_is_known_to_others_once_it_has_ended() {
    let state = gripware_state::State::memory();
    let open = || crate::RecordsStore::open(state.records(), StoreLimits::default());
    let (one, two) = (open().await.unwrap(), open().await.unwrap());
    let (one, two) = (Arc::new(one), Arc::new(two));
    let (url, start) = (stores::url("a"), now());
    let reached = url.clone();
    blocking(&one, move |store| {
        store.reached(&reached, start - 100);
        assert!(store.due(start - 100, start, 0).is_empty());
        // It is written an hour later, or at the end.
        store.reached(&reached, start);
    })
    .await;
    let deliverer = deliverer(&one, Settings::default());
    soon(deliverer.finish(Duration::ZERO)).await;
    let missed = Missed {
        url,
        recovery: None,
        topic: Topic::try_from("t").unwrap(),
        attempts: 0,
        since: start - 50,
        due: start - 48,
        lease: 0,
    };
    blocking(&two, move |store| store.missed(&missed).unwrap()).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let left = blocking(&two, move |store| store.due(start, start + 90, 9)).await;
    assert_eq!(left, []);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn whom_it_has_reached_is_in_its_file_once_it_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topics.db");
    let open = || crate::SqliteStore::open(&path, StoreLimits::default()).unwrap();
    let (store, start) = (Arc::new(open()), now());
    let missed = Missed {
        since: start - 200,
        ..stores::missed("a", "t", start - 198)
    };
    assert!(store.missed(&missed).unwrap());
    store.reached(&missed.url, start - 100);
    assert!(store.due(start - 100, start, 0).is_empty());
    store.reached(&missed.url, start);
    let deliverer = deliverer(&store, Settings::default());
    soon(deliverer.finish(Duration::ZERO)).await;
    drop((deliverer, store));
    assert_eq!(open().due(start, start + 90, 9)[0].since, start);
}
