//! What happens to nodes when something happens to NATS.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_relay::{
    BrokerError, BrokerErrorKind, Event, PublishError,
    suite::{Engine, Member},
};
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::{Server, server::free_address};

/// The first thing that goes wrong with a broker at this URL.
async fn first_error(url: &str) -> BrokerError {
    let broker = Server::broker_at(url);
    let mut incoming = broker.receive(&"x".parse().unwrap()).await.unwrap();
    let failing = async {
        loop {
            if let Event::Disconnected(error) = incoming.next().await {
                return error;
            }
        }
    };
    let error = timeout(Duration::from_secs(30), failing).await;
    error.expect("an error within 30 s")
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
    // The machine may be busy; what counts is that it does not take the minutes of the system.
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
async fn wrong_credentials_are_told_apart_from_a_server_that_is_away() {
    let users = "authorization { users: [{ user: app, password: right }] }";
    let server = Server::with(users);
    let at = |credentials: &str| server.url.replace("//", &format!("//{credentials}"));
    for credentials in ["", "app:wrong@", "t0ken@"] {
        let error = first_error(&at(credentials)).await;
        assert!(error.is_denied(), "{error}");
        assert!(!error.to_string().contains("t0ken"), "{error}");
    }
    let right = Member::hearing(Server::broker_at(&at("app:right@")), "a").await;
    right.publish("hi").await.unwrap();

    let away = first_error("nats://127.0.0.1:1").await;
    assert_eq!(away.kind(), BrokerErrorKind::Unreachable, "{away}");
}

/// The line of the documentation is enough, and no more than enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_needs_no_more_than_is_documented() {
    let documented = include_str!("../../src/lib.rs");
    let lines = documented
        .lines()
        .map(|line| line.trim_start_matches("//!"));
    let mut user = lines.skip_while(|line| !line.contains("{ user: gripware"));
    let user = [user.next().unwrap(), user.next().unwrap()].join("\n");
    let user = user.replace("PASSWORD", "secret");
    let users = [
        user.replace("CLUSTER", "test"),
        user.replace("CLUSTER", "other")
            .replace("gripware", "other"),
    ];
    let server = Server::with(&format!(
        "authorization {{ users: [{}] }}",
        users.join("\n")
    ));
    let url = server.url.replace("//", "//gripware:secret@");
    let from = Member::hearing(Server::broker_at(&url), "a").await;
    let to = Member::hearing(Server::broker_at(&url), "b").await;
    from.knows(1).await;
    assert!(from.relay.ask(Bytes::new()).await.is_complete());
    from.publish("hi").await.unwrap();
    to.until("has it", |it| it.count() == 1).await;

    // Another cluster is none of its business.
    let error = first_error(&server.url.replace("//", "//other:secret@")).await;
    assert!(error.is_denied(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_certificates_that_are_trusted_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let address = free_address();
    let made = rcgen::generate_simple_self_signed([address.ip().to_string()]).unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}");
    let _server = Server::at(address, &tls);
    let url = format!("tls://{address}");
    let from = Member::hearing(Server::broker_at(&format!("{url}?ca={certificate}")), "a").await;
    from.publish("hi").await.unwrap();
    from.until("has it", |it| it.count() == 1).await;

    // Not signed by anybody whom the system trusts.
    let error = first_error(&url).await;
    assert_eq!(error.kind(), BrokerErrorKind::Unreachable, "{error}");
    // No TLS at all.
    let plain = Server::start().await;
    let url = format!("tls://{}?ca={certificate}", plain.address);
    let error = first_error(&url).await;
    assert_eq!(error.kind(), BrokerErrorKind::Unreachable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_item_is_what_the_server_says() {
    let server = Server::with("max_payload: 2000");
    let member = Member::hearing(server.broker(), "a").await;
    let error = member.publish(&"x".repeat(2000)).await.unwrap_err();
    assert!(
        matches!(error, PublishError::TooLarge { limit: 2000, .. }),
        "{error}"
    );
    member.publish("small").await.unwrap();
    assert_eq!(member.losses(), []);
}
