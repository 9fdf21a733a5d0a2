//! A subscriber by hand: it says what it is asked, and answers what it is told to.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, routing};
use bytes::Bytes;
use gripware_topics::{
    Digest, Identifier, Pattern, Topic, Tracing,
    http::{NOTIFY, NotifyHead, RECEIVE, RECOVER, Reply, Subscribe},
};
use http::StatusCode;
use tokio::{net::TcpListener, sync::mpsc};

use super::{post, soon};

/// Without signatures. It never confirms a message.
pub(crate) struct Endpoint {
    host: String,
    /// The paths that it is asked at.
    asked: mpsc::UnboundedReceiver<&'static str>,
}

/// How an [`Endpoint`] answers.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Whether a message is answered with an error; otherwise not at all.
    pub(crate) refuses: AtomicBool,
    /// Whether it confirms that it has missed something.
    pub(crate) recovers: AtomicBool,
}

impl Endpoint {
    pub(crate) async fn start(answers: Answers) -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let answers = Arc::new(answers);
        let (receiving, recovering) = (Arc::clone(&answers), answers);
        let (receives, recovers) = (sender.clone(), sender);
        let receive = async move |_: Bytes| {
            let _ = receives.send(RECEIVE);
            match receiving.refuses.load(Ordering::SeqCst) {
                true => StatusCode::INTERNAL_SERVER_ERROR,
                false => pending().await,
            }
        };
        let recover = async move |_: Bytes| {
            let _ = recovers.send(RECOVER);
            let reply = Reply::ConfirmMissed {
                authorization: None,
                tracing: Tracing::default(),
            };
            match recovering.recovers.load(Ordering::SeqCst) {
                true => (StatusCode::OK, reply.encode()),
                false => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
            }
        };
        let router = Router::new()
            .route(RECEIVE, routing::post(receive))
            .route(RECOVER, routing::post(recover));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, asked }
    }

    /// Returns the path that it is asked at next.
    pub(crate) async fn asked(&mut self) -> &'static str {
        soon(self.asked.recv()).await.unwrap()
    }

    /// Returns how often it was asked at a path since it was last looked.
    pub(crate) fn count(&mut self, path: &str) -> usize {
        let asked = std::iter::from_fn(|| self.asked.try_recv().ok());
        asked.filter(|asked| *asked == path).count()
    }

    /// Subscribes it to the topic `t`.
    pub(crate) async fn subscribe(&self, broadcaster: &str, recovery: bool) {
        let address = |path| format!("{}{path}", self.host).as_str().try_into().unwrap();
        let subscribe = Subscribe {
            url: address(RECEIVE),
            pattern: Pattern::Exact(Topic::try_from("t").unwrap()),
            recovery: recovery.then(|| address(RECOVER)),
            tracing: Tracing::default(),
        };
        let url = format!("{broadcaster}{}", subscribe.path());
        let (status, _) = post(url, None, subscribe.encode()).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
}

/// Publishes a message of the topic `t`. `None` where there is no answer.
pub(crate) async fn notify(broadcaster: String) -> Option<StatusCode> {
    let head = NotifyHead {
        topic: Topic::try_from("t").unwrap(),
        digest: Digest::of(b"hello"),
        tracing: Tracing::default(),
        identifier: Identifier::try_from(b"1").unwrap(),
        length: 5,
    };
    let body = [&head.encode(), &b"hello"[..]].concat();
    let answer = post(format!("{broadcaster}{NOTIFY}"), None, body.into()).await;
    answer.map(|(status, _)| status)
}
