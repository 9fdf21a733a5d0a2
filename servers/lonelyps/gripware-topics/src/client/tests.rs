//! The client over HTTP with a broadcaster by hand.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, StatusCode};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tower_service::Service;

use super::*;
use crate::{
    Digest, Etag, Identifier, SubscriptionList, Tracing,
    http::{CHECK_SUBSCRIPTIONS, Missed, ReceiveHead, Reply, SET_SUBSCRIPTIONS, SetSubscriptions},
};

/// What a broadcaster is asked, and where its answer is given.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) answer: oneshot::Sender<(StatusCode, Reply)>,
}

/// A broadcaster by hand. Where no answer is given it is 503.
pub(super) async fn broadcaster() -> (String, mpsc::UnboundedReceiver<Asked>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let router = Router::new().fallback(ask).with_state(sender);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, receiver)
}

async fn ask(
    State(asked): State<mpsc::UnboundedSender<Asked>>,
    request: Request<Body>,
) -> (StatusCode, Body) {
    let (parts, body) = request.into_parts();
    let (answer, given) = oneshot::channel();
    let question = Asked {
        path: parts.uri.path().to_owned(),
        body: to_bytes(body, usize::MAX).await.unwrap(),
        answer,
    };
    asked.send(question).unwrap();
    let given = given.await;
    let (status, reply) = given.unwrap_or((StatusCode::SERVICE_UNAVAILABLE, done()));
    (status, Body::from(reply.encode()))
}

pub(super) fn client(url: &str, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder(Auth::none()).broadcaster(url).unwrap();
    set(builder.rounds(1)).build().unwrap()
}

pub(super) fn with_host(builder: ClientBuilder) -> ClientBuilder {
    builder.host("http://127.0.0.1:9").unwrap()
}

pub(super) fn done() -> Reply {
    Reply::Generic {
        authorization: None,
        tracing: Tracing::default(),
    }
}

pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.unwrap()
}

/// Answers a look at the subscriptions with the etag of a list.
fn checked(asked: Asked, list: &SubscriptionList) {
    assert_eq!(asked.path, CHECK_SUBSCRIPTIONS);
    let url = Address::new("http://127.0.0.1:9/v1/receive").unwrap();
    let reply = Reply::Check {
        authorization: None,
        tracing: Tracing::default(),
        etag: list.etag(&url),
    };
    asked.answer.send((StatusCode::OK, reply)).unwrap();
}

/// POSTs something to a client as a broadcaster does.
async fn post(client: &Client, request: http::request::Builder, body: Vec<u8>) -> Reply {
    let request = request.body(Body::from(body)).unwrap();
    let answer = client.router().call(request).await.unwrap();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    Reply::decode(body).unwrap()
}

async fn post_message(client: &Client, topic: &Topic, data: &[u8]) -> Reply {
    let head = ReceiveHead {
        tracing: Tracing::default(),
        topic: topic.clone(),
        identifier: Identifier::try_from(b"id").unwrap(),
        length: data.len() as u64,
    };
    let digest = Digest::of(data).to_repr_digest();
    let request = Request::post(RECEIVE).header("repr-digest", digest);
    post(client, request, [&head.encode()[..], data].concat()).await
}

async fn post_missed(client: &Client, topic: &Topic) -> Reply {
    let missed = Missed {
        tracing: Tracing::default(),
        topic: topic.clone(),
    };
    let body = missed.encode().to_vec();
    post(client, Request::post(RECOVER), body).await
}

/// It may be wanted again before the answer is there, and would be unsubscribed by it.
#[tokio::test]
async fn what_nobody_wants_is_confirmed_for_nobody_and_then_set_right() {
    let topic = Topic::try_from("t").unwrap();
    let mut stale = SubscriptionList::default();
    stale.insert(Pattern::Exact(topic.clone()), None);
    for is_missed in [false, true] {
        let (url, mut asked) = broadcaster().await;
        let client = client(&url, with_host);
        if is_missed {
            let reply = post_missed(&client, &topic).await;
            assert!(matches!(reply, Reply::ConfirmMissed { .. }), "{reply:?}");
        } else {
            let reply = post_message(&client, &topic, b"x").await;
            assert!(
                matches!(reply, Reply::ConfirmReceive { subscribers: 0, .. }),
                "{reply:?}"
            );
        }
        checked(soon(asked.recv()).await.unwrap(), &stale);
        let set = soon(asked.recv()).await.unwrap();
        assert_eq!(set.path, SET_SUBSCRIPTIONS);
        let list = SetSubscriptions::decode(set.body).unwrap().subscriptions;
        assert_eq!(list, SubscriptionList::default());
        set.answer.send((StatusCode::OK, done())).unwrap();
    }
}

#[tokio::test]
async fn subscriptions_that_may_have_been_set_right_have_missed_something() {
    let (url, mut asked) = broadcaster().await;
    let client = client(&url, with_host);
    let mut subscription = client.subscribe_multi();
    let (subscribed, ()) = tokio::join!(soon(subscription.subscribe_exact("t")), async {
        let asked = soon(asked.recv()).await.unwrap();
        asked.answer.send((StatusCode::OK, done())).unwrap();
    });
    subscribed.unwrap();
    let (set_right, ()) = tokio::join!(soon(client.reconcile()), async {
        checked(
            soon(asked.recv()).await.unwrap(),
            &SubscriptionList::default(),
        );
        // It is set, and the answer is lost on its way.
        let set = soon(asked.recv()).await.unwrap();
        let other = Reply::Check {
            authorization: None,
            tracing: Tracing::default(),
            etag: Etag::new(Digest::of(b"")),
        };
        set.answer.send((StatusCode::OK, other)).unwrap();
    });
    assert!(set_right.unwrap_err().is_ambiguous());
    let event = soon(subscription.next_event()).await;
    assert!(matches!(event, Some(Event::Missed(None))), "{event:?}");
}

/// A runtime whose only thread for blocking work is taken until the sender is dropped.
pub(super) fn blocked() -> (Runtime, std::sync::mpsc::Sender<()>) {
    let (release, released) = std::sync::mpsc::channel();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.spawn_blocking(move || released.recv());
    (runtime, release)
}

#[test]
fn others_go_on_while_a_large_message_is_hashed() {
    let (runtime, release) = blocked();
    runtime.block_on(async {
        let (url, mut asked) = broadcaster().await;
        let client = client(&url, with_host);
        for length in [100_000, 1] {
            let client = client.clone();
            tokio::spawn(async move { client.notify("t", vec![7; length]).await });
            tokio::task::yield_now().await;
        }
        let first = soon(asked.recv()).await.unwrap();
        assert!(first.body.len() < 1000, "{} bytes", first.body.len());
        drop(release);
        let second = soon(asked.recv()).await.unwrap();
        assert!(second.body.len() > 100_000);
    });
}

#[test]
fn others_go_on_while_a_large_message_that_came_is_hashed() {
    let (runtime, release) = blocked();
    runtime.block_on(async {
        let (url, _asked) = broadcaster().await;
        let client = client(&url, with_host);
        let topic = Topic::try_from("t").unwrap();
        let small = post_message(&client, &topic, b"x").now_or_never();
        assert!(small.is_some());
        let data = vec![7; 100_000];
        let mut large = Box::pin(post_message(&client, &topic, &data));
        assert!(large.as_mut().now_or_never().is_none());
        drop(release);
        let reply = soon(large).await;
        assert!(matches!(reply, Reply::ConfirmReceive { .. }), "{reply:?}");
    });
}

#[tokio::test]
async fn what_is_over_the_limit_is_not_sent() {
    let (url, mut asked) = broadcaster().await;
    let client = client(&url, |builder| builder.max_message(10));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let pieces = [Ok(Bytes::from_static(b"12345")), Ok("678901".into())];
    for refused in [
        soon(client.notify("t", "12345678901")).await,
        soon(client.notify_file("t", file)).await,
        soon(client.notify_stream("t", futures_util::stream::iter(pieces))).await,
    ] {
        let Err(ClientError::Message(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("at most 10 bytes"), "{error}");
    }
    assert!(asked.try_recv().is_err());
}
