//! What happens to nodes when something happens to Redis.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gripware_relay::{
    BrokerError, BrokerErrorKind, Event, LossReason,
    suite::{Engine, Member},
};
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::Server;

/// The first thing that is heard of a broker at this URL.
async fn first_event(url: &str) -> Event {
    let broker = Server::broker_at(url);
    let mut incoming = broker.receive(&"x".parse().unwrap()).await.unwrap();
    let event = timeout(Duration::from_secs(30), incoming.next()).await;
    event.expect("an event within 30 s")
}

async fn first_error(url: &str) -> BrokerError {
    match first_event(url).await {
        Event::Disconnected(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_is_noticed_and_nodes_hear_again_when_it_goes_on() {
    let server = Server::start().await;
    let from = Member::hearing(server.broker(), "a").await;
    let to = Member::hearing(server.broker(), "b").await;
    from.publish("before").await.unwrap();
    to.until("has it", |it| it.count() == 1).await;

    server.signal(Signal::STOP);
    let stopped = Instant::now();
    from.deaf().await;
    to.deaf().await;
    // The machine may be busy; what counts is that it does not take the 25 s of the system.
    assert!(stopped.elapsed() < Duration::from_secs(15));
    assert!(from.publish("meanwhile").await.is_err());
    sleep(Duration::from_secs(8).saturating_sub(stopped.elapsed())).await;
    assert!(!from.relay.hears());

    server.signal(Signal::CONT);
    from.heard().await;
    to.heard().await;
    to.until("is told", |it| !it.losses().is_empty()).await;
    from.publish("after").await.unwrap();
    let has_it = |it: &Member| it.texts().last().is_some_and(|text| text == "after");
    to.until("has it", has_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_kept_its_data_loses_nothing() {
    let mut server = Server::with("appendonly yes\nappendfsync always\n");
    let from = Member::hearing(server.broker(), "a").await;
    let to = Member::hearing(server.broker(), "b").await;
    for number in 0..100 {
        from.publish(&number.to_string()).await.unwrap();
    }
    server.kill_now();
    to.deaf().await;
    server.start_now();
    to.heard().await;
    for number in 100..200 {
        from.publish(&number.to_string()).await.unwrap();
    }
    to.until("has all", |it| it.count() == 200).await;
    let expected: Vec<_> = (0..200).map(|number: usize| number.to_string()).collect();
    assert_eq!(to.texts(), expected);
    assert_eq!(to.relay.counts().missed, 0);
    // A short outage is no loss at all; on a busy machine it may have been a long one.
    let losses = to.losses();
    assert!(
        losses.iter().all(|loss| loss.reason == LossReason::Silence),
        "{losses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_everything_is_listened_to_all_the_same() {
    let server = Server::start().await;
    let from = Member::hearing(server.broker(), "a").await;
    let to = Member::hearing(server.broker(), "b").await;
    from.publish("before").await.unwrap();
    to.until("has it", |it| it.count() == 1).await;
    assert_eq!(server.cli(&["FLUSHALL"]), "OK\n");
    from.publish("after").await.unwrap();
    to.until("has both", |it| it.count() == 2).await;
    assert_eq!(to.texts(), ["before", "after"]);
}

/// An id that a clock an hour ahead gives.
fn in_an_hour() -> String {
    let hour = Duration::from_secs(3600);
    let later = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + hour;
    format!("{}-0", later.as_millis())
}

/// Whether a node has an answer of the only other one.
async fn is_answered(asker: &Member) -> bool {
    let answers = asker.relay.ask("who?".into()).await;
    answers.asked == 1 && answers.is_complete()
}

async fn answered(asker: &Member) {
    let asking = async { while !is_answered(asker).await {} };
    let done = timeout(Duration::from_secs(60), asking).await;
    assert!(done.is_ok(), "nobody answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_was_set_an_hour_back_loses_nothing() {
    let server = Server::start().await;
    let from = Member::hearing(server.broker(), "a").await;
    let to = Member::hearing(server.broker(), "b").await;
    from.knows(1).await;
    // What it writes before its clock is set back. The streams of the nodes expire.
    let item = r#"{"channel":"room","formats":{"ws-message":{"content":"ahead"}}}"#;
    server.cli(&["XADD", "gw:test:items", &in_an_hour(), "d", item]);
    for stream in ["gw:test:node:a", "gw:test:node:b"] {
        server.cli(&["XADD", stream, &in_an_hour(), "d", "of a later version"]);
    }
    for member in [&from, &to] {
        let has_both = |it: &Member| it.count() == 1 && it.relay.counts().refused == 1;
        member.until("has what came", has_both).await;
    }
    for stream in ["gw:test:node:a", "gw:test:node:b"] {
        assert_eq!(server.cli(&["DEL", stream]), "1\n");
    }
    answered(&from).await;
    from.publish("behind").await.unwrap();
    to.until("has both", |it| it.count() == 2).await;
    assert_eq!(to.texts(), ["ahead", "behind"]);
    assert_eq!(to.losses(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_an_hour_behind_is_listened_to_all_the_same() {
    let mut server = Server::start().await;
    let from = Member::hearing(server.broker(), "a").await;
    let to = Member::hearing(server.broker(), "b").await;
    let item = r#"{"channel":"room","formats":{"ws-message":{"content":"ahead"}}}"#;
    server.cli(&["XADD", "gw:test:items", &in_an_hour(), "d", item]);
    for member in [&from, &to] {
        member.until("has it", |it| it.count() == 1).await;
    }
    server.kill_now();
    for member in [&from, &to] {
        member.deaf().await;
    }
    server.start_now();
    for member in [&from, &to] {
        member.heard().await;
    }
    from.publish("behind").await.unwrap();
    to.until("has both", |it| it.count() == 2).await;
    from.knows(1).await;
    answered(&from).await;
    for member in [&from, &to] {
        member.until("is told", |it| !it.losses().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_further_behind_than_the_stream_is_long_is_told() {
    let server = Server::start().await;
    let url = format!("{}?maxlen=1000", server.url);
    let from = Member::hearing(Server::broker_at(&url), "a").await;
    let behind = Member::hearing(Server::broker_at(&url), "b").await;
    behind.set_taking(false);
    let room = "room".try_into().unwrap();
    let item = gripware_core::Item::from(gripware_core::WsMessage::text("x".repeat(100)));
    for chunk in 1..=30 {
        let enqueue = || from.relay.enqueue(&room, &item).unwrap();
        let receipts: Vec<_> = (0..200).map(|_| enqueue()).collect();
        for receipt in receipts {
            receipt.wait().await.unwrap();
        }
        let has_chunk = |it: &Member| it.count() == chunk * 200;
        from.until("has what came so far", has_chunk).await;
    }
    behind.set_taking(true);
    behind.until("is told", |it| !it.losses().is_empty()).await;
    from.publish("end").await.unwrap();
    let has_end = |it: &Member| it.texts().last().is_some_and(|text| text == "end");
    behind.until("has the end", has_end).await;
    let missed = behind.relay.counts().missed;
    assert!(missed > 0);
    assert_eq!(behind.count() as u64 - 1 + missed, 6000);
    assert_eq!(from.losses(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_apart_from_a_server_that_is_away() {
    let server = Server::with("requirepass right\n");
    let at = |credentials: &str| server.url.replace("//", &format!("//{credentials}"));
    for credentials in ["", ":wrong@", "nobody:right@"] {
        let error = first_error(&at(credentials)).await;
        assert!(error.is_denied(), "{error}");
        assert!(!error.to_string().contains("right"), "{error}");
    }
    let right = Member::hearing(Server::broker_at(&at(":right@")), "a").await;
    right.publish("hi").await.unwrap();

    let away = first_error("redis://127.0.0.1:1/").await;
    assert_eq!(away.kind(), BrokerErrorKind::Unreachable);
}

/// The line of the documentation is enough, and no more than enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_needs_no_more_than_is_documented() {
    let server = Server::start().await;
    let documented = include_str!("../../src/relay/mod.rs");
    let lines = documented
        .lines()
        .map(|line| line.trim_start_matches("//!").trim_ascii());
    let mut rule = lines.skip_while(|line| !line.starts_with("ACL SETUSER"));
    let rule = [rule.next().unwrap(), rule.next().unwrap()].join(" ");
    let rule = rule
        .replace("PASSWORD", "secret")
        .replace("CLUSTER", "test");
    let words: Vec<_> = rule.split_ascii_whitespace().collect();
    assert_eq!(server.cli(&words), "OK\n");
    let url = server.url.replace("//", "//gripware:secret@");
    let from = Member::hearing(Server::broker_at(&url), "a").await;
    let to = Member::hearing(Server::broker_at(&url), "b").await;
    from.knows(1).await;
    assert!(from.relay.ask(bytes::Bytes::new()).await.is_complete());
    from.publish("hi").await.unwrap();
    to.until("has it", |it| it.count() == 1).await;

    // Another cluster is none of its business, and a command that it lacks is a typed error.
    for (command, right) in [("~gw:test:*", "~gw:other:*"), ("+xadd", "-xadd")] {
        assert_eq!(
            server.cli(&["ACL", "SETUSER", "gripware", "resetkeys", command]),
            "OK\n"
        );
        assert_eq!(
            server.cli(&["ACL", "SETUSER", "gripware", "resetkeys", right]),
            "OK\n"
        );
        let broker = Server::broker_at(&url);
        let messages = vec![(
            gripware_relay::Lane::Items,
            bytes::Bytes::from_static(b"{}"),
        )];
        let error = broker.send(messages).await.unwrap_err();
        assert!(error.is_denied(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_certificates_that_are_trusted_and_no_others() {
    let files = tempfile::tempdir().unwrap();
    let (server, certificate) = Server::with_tls(files.path());
    let trusting = format!("{}?ca={certificate}", server.url);
    let from = Member::hearing(Server::broker_at(&trusting), "a").await;
    from.publish("hi").await.unwrap();
    from.until("has it", |it| it.count() == 1).await;

    // Not signed by anybody whom the system trusts.
    let error = first_error(&server.url).await;
    assert_eq!(error.kind(), BrokerErrorKind::Unreachable, "{error}");
    // No TLS at all: such a server waits for the end of a line.
    let plain = format!("rediss://{}/?ca={certificate}", server.address);
    let error = first_error(&plain).await;
    assert_eq!(error.kind(), BrokerErrorKind::TimedOut, "{error}");
    let missing = "rediss://localhost/?ca=/nowhere.pem".parse().unwrap();
    let backends = [gripware_redis::broker()];
    let cluster = "test".parse().unwrap();
    let error = gripware_relay::Backend::open_url(&backends, &missing, &cluster).unwrap_err();
    assert!(error.to_string().contains("/nowhere.pem"), "{error}");
}
