//! PyPI's client with several of our broadcasters, one of which is killed, or whose store is wiped.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_topics::client::Client;
use serde_json::json;

use crate::support::{
    client,
    originals::{Original, patiently},
    several::{Redis, broadcaster, secrets},
};

/// Publishes until somebody confirms it. Whoever comes to another broadcaster is not there at once.
async fn publish(from: &Client) {
    let sent = async { while from.notify("t", "x").await.unwrap().subscribers == 0 {} };
    patiently(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_goes_on_where_one_of_our_broadcasters_is_killed() {
    let redis = Redis::start().await;
    let (auth, file) = secrets();
    for transport in ["http", "websocket"] {
        let (first, at_first) = broadcaster(&redis, file.path()).await;
        let (_second, at_second) = broadcaster(&redis, file.path()).await;
        let folder = tempfile::tempdir().unwrap();
        let both = [&*at_first.url, &at_second.url].join(",");
        let mut theirs = Original::over(transport, &both, &auth, &folder).await;
        theirs
            .subscribe(json!({"exact": STANDARD.encode("t")}))
            .await;
        let ours = client(&auth, &at_second).await;
        publish(&ours).await;
        theirs.expect_message(b"t", 1).await;

        drop(first);
        publish(&ours).await;
        theirs.expect_message(b"t", 1).await;
        let notify = json!({"notify": STANDARD.encode("other"), "data": STANDARD.encode("x")});
        theirs.say(notify).await;
        theirs.expect("notified").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_is_subscribed_again_after_our_store_was_wiped() {
    let redis = Redis::start().await;
    let (auth, file) = secrets();
    let (_running, served) = broadcaster(&redis, file.path()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut theirs = Original::start(&served.url, &auth, &folder).await;
    theirs
        .subscribe(json!({"exact": STANDARD.encode("t")}))
        .await;
    let ours = client(&auth, &served).await;
    publish(&ours).await;
    theirs.expect_message(b"t", 1).await;
    redis.wipe().await;
    // It looks every two seconds.
    publish(&ours).await;
    theirs.expect_message(b"t", 1).await;
}
