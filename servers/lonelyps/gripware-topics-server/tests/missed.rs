//! Who has missed something is told, whatever ends meanwhile, and who is not reached is unsubscribed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::Duration;

use gripware_topics::{
    Auth,
    http::{RECEIVE, RECOVER},
};
use gripware_topics_server::{Settings, SqliteStore, Store, StoreLimits};
use http::StatusCode;

use crate::support::{
    Running, builder,
    endpoint::{Answers, Endpoint, notify},
    program, serve, soon,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_at_the_end_is_told_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topics.db");
    let db = format!("sqlite:{}", path.display());
    let start = || Running::start(program().args(["--allow-target", "127.0.0.0/8", "--db", &db]));
    let mut endpoint = Endpoint::start(Answers {
        recovers: true.into(),
        ..Answers::default()
    })
    .await;
    let first = start();
    endpoint.subscribe(&first.url(), true).await;
    let publishing = tokio::spawn(notify(first.url()));
    assert_eq!(endpoint.asked().await, RECEIVE);
    let ended = tokio::task::spawn_blocking(move || first.end());

    publishing.await.unwrap();
    assert_eq!(ended.await.unwrap(), 0);

    let second = start();
    assert_eq!(endpoint.asked().await, RECOVER);
    let ended = tokio::task::spawn_blocking(move || second.end());
    assert_eq!(ended.await.unwrap(), 0);
    let store = SqliteStore::open(&path, StoreLimits::default()).unwrap();
    let far = i64::MAX as u64;
    assert!(store.due(far, far, 9).is_empty(), "it was told");
}

#[tokio::test]
async fn who_is_not_reached_for_as_long_as_is_set_is_unsubscribed() {
    for recovery in [true, false] {
        let mut endpoint = Endpoint::start(Answers {
            refuses: true.into(),
            ..Answers::default()
        })
        .await;
        let settings = Settings::default().missed_for(Duration::from_secs(2));
        let broadcaster = builder(&Auth::none()).settings(settings).build().unwrap();
        let served = serve(&broadcaster).await;
        endpoint.subscribe(&served.url, recovery).await;
        assert_eq!(notify(served.url.clone()).await, Some(StatusCode::OK));
        assert_eq!(endpoint.asked().await, RECEIVE);
        // A message that goes to nobody was answered without that it was asked.
        let is_gone = async {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(notify(served.url.clone()).await, Some(StatusCode::OK));
                if endpoint.count(RECEIVE) == 0 {
                    break;
                }
            }
        };
        soon(is_gone).await;
    }
}
