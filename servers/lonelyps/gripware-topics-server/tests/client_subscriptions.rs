//! Subscriptions of the client that a broadcaster still has, and those that are made anew.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use gripware_topics::{Auth, Pattern, Topic, auth::Kind, client::Client, http::RECEIVE};
use gripware_topics_server::{MemoryStore, Store};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};

use crate::support::{Served, builder, serve, serve_with_hub, soon};

/// A client and a broadcaster that holds it to be subscribed to `t`, as after a process that has ended
/// early.
struct Stale {
    client: Client,
    publisher: Client,
    _broadcaster: Served,
    /// Learns of each answer before the broadcaster does.
    answered: mpsc::UnboundedReceiver<()>,
    /// Answers that the broadcaster gets.
    let_through: Arc<Semaphore>,
    count: Arc<AtomicUsize>,
}

async fn stale() -> Stale {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let store = MemoryStore::default();
    let url = format!("{host}{RECEIVE}").as_str().try_into().unwrap();
    let pattern = Pattern::Exact(Topic::try_from("t").unwrap());
    store.subscribe(&url, &pattern, None).unwrap();
    let broadcaster = serve(&builder(&auth).store(store).build().unwrap()).await;
    let client = || {
        let builder = Client::builder(auth.clone()).broadcaster(&broadcaster.url);
        builder.unwrap()
    };
    let publisher = client().build().unwrap();
    let client = client().host(&host).unwrap().build().unwrap();

    let (sender, answered) = mpsc::unbounded_channel();
    let let_through = Arc::new(Semaphore::new(0));
    let count = Arc::<AtomicUsize>::default();
    let held = (Arc::clone(&let_through), Arc::clone(&count));
    let hold = from_fn(move |request: Request, next: Next| {
        let (sender, (let_through, count)) = (sender.clone(), held.clone());
        async move {
            let response = next.run(request).await;
            count.fetch_add(1, Ordering::SeqCst);
            let _ = sender.send(());
            let_through.acquire().await.unwrap().forget();
            response
        }
    });
    let router = client.router().layer(hold);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Stale {
        client,
        publisher,
        _broadcaster: broadcaster,
        answered,
        let_through,
        count,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_subscribed_to_while_a_message_of_it_is_answered() {
    let mut stale = stale().await;
    let publisher = stale.publisher.clone();
    let sent = tokio::spawn(async move { publisher.notify("t", "nobody wants it").await });
    soon(stale.answered.recv()).await.unwrap();
    // The broadcaster has no answer yet.
    let mut subscription = soon(stale.client.subscribe_exact("t")).await.unwrap();
    stale.let_through.add_permits(Semaphore::MAX_PERMITS / 2);
    assert_eq!(soon(sent).await.unwrap().unwrap().subscribers, 0);

    let received = tokio::spawn(async move {
        let message = subscription.next().await.unwrap();
        assert_eq!(message.data(), "x");
        subscription
    });
    let sent = soon(stale.publisher.notify("t", "x")).await;
    assert_eq!(sent.unwrap().subscribers, 1);
    soon(received).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_does_not_come_for_long() {
    let stale = stale().await;
    stale.let_through.add_permits(Semaphore::MAX_PERMITS / 2);
    let publish = async || {
        let before = stale.count.load(Ordering::SeqCst);
        let sent = stale.publisher.notify("t", "x").await.unwrap();
        assert_eq!(sent.subscribers, 0);
        stale.count.load(Ordering::SeqCst) > before
    };
    assert!(soon(publish()).await);
    soon(async {
        while publish().await {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
}

/// Whom it knows by a query, as behind a gateway.
#[tokio::test(flavor = "multi_thread")]
async fn the_query_of_an_address_is_asked_for_and_signed() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let broadcaster = serve_with_hub(&auth, |builder| builder).await;
    let url = format!("{}?key=1", broadcaster.url);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}/p?x=1#y", listener.local_addr().unwrap());
    let builder = || Client::builder(auth.clone()).broadcaster(&url).unwrap();
    let endpoint = builder().host(&host).unwrap().build().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let note = from_fn(move |request: Request, next: Next| {
        noted.lock().unwrap().push(request.uri().to_string());
        next.run(request)
    });
    let router = Router::new().nest("/p", endpoint.router()).layer(note);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let socket = builder().websocket().build().unwrap();
    for client in [&endpoint, &socket] {
        let mut subscription = soon(client.subscribe_exact("t")).await.unwrap();
        let (sent, message) = tokio::join!(soon(client.notify("t", "x")), async {
            soon(subscription.next()).await.map(drop)
        });
        assert_eq!(sent.unwrap().subscribers, 1);
        assert!(message.is_some());
        soon(subscription.close()).await.unwrap();
    }
    assert_eq!(*asked.lock().unwrap(), ["/p/v1/receive?x=1"]);
}
