//! What history, presence and records do while Redis fails, comes back or forgets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::Duration;

use gripware_core::WsMessage;
use gripware_state::{
    Backends, Continuity, Draft, Expect, History, Member, Page, Presence, Records, StateErrorKind,
    presence::{Joining, Lease, LeaseId},
};
use support::Server;
use tokio::time::{Instant, sleep};

fn history(backends: &Backends) -> History {
    History::new(backends.history.clone())
}

async fn append(history: &History, text: &str) -> String {
    let appended = history.append("a", WsMessage::text(text)).await.unwrap();
    appended.id().to_string()
}

async fn read(history: &History, after: &str) -> Page {
    history.read_after("a", Some(after), 100).await.unwrap()
}

/// Waits until a call is answered again.
async fn answered<T, E: std::fmt::Debug>(mut call: impl AsyncFnMut() -> Result<T, E>) -> T {
    for _ in 0..2_000 {
        match call().await {
            Ok(answer) => return answer,
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
    call().await.expect("an answer within 20 s")
}

/// Whatever loses the numbers of a channel: no old id is believed, and readers are told.
async fn loses(lose: impl AsyncFnOnce(&mut Server)) {
    let mut server = Server::start();
    let history = history(&server.backends());
    let old = append(&history, "1").await;
    let _ = append(&history, "2").await;
    lose(&mut server).await;

    let page = answered(async || history.read_after("a", Some(&old), 100).await).await;
    assert_eq!(
        (page.continuity, page.entries.len()),
        (Continuity::OtherEpoch, 0)
    );
    let new = append(&history, "3").await;
    assert!(new.ends_with(".1"), "{new}");
    assert_ne!(new[..8], old[..8]);
    let page = read(&history, &old).await;
    assert_eq!(
        (page.continuity, page.entries.len()),
        (Continuity::OtherEpoch, 1)
    );
    assert_eq!(page.entries[0].id.to_string(), new);
    // Who knew nothing has missed nothing.
    assert_eq!(read(&history, "0").await.continuity, Continuity::Complete);
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_begins_new_epochs() {
    loses(async |server| {
        server.kill();
        server.restart();
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_flushed_begins_new_epochs() {
    loses(async |server| drop(server.command(&["FLUSHALL"]).await)).await;
}

#[tokio::test]
async fn a_channel_that_has_lost_its_numbers_begins_a_new_epoch() {
    loses(async |server| {
        assert_eq!(server.command(&["DEL", "gw:default:h:{a}"]).await, "int(1)");
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_has_lost_its_entries_tells_what_is_missing() {
    let server = Server::start();
    let history = history(&server.backends());
    let first = append(&history, "1").await;
    let last = append(&history, "2").await;
    assert_eq!(server.command(&["DEL", "gw:default:l:{a}"]).await, "int(1)");
    assert_eq!(read(&history, &first).await.continuity, Continuity::Trimmed);
    assert_eq!(read(&history, &last).await.continuity, Continuity::Complete);
    let next = append(&history, "3").await;
    assert!(next.ends_with(".3"));
    let page = read(&history, &last).await;
    assert_eq!(
        (page.continuity, page.entries.len()),
        (Continuity::Complete, 1)
    );
}

#[tokio::test]
async fn scripts_that_were_forgotten_are_sent_again() {
    let server = Server::start();
    let history = history(&server.backends());
    append(&history, "1").await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    let second = append(&history, "2").await;
    assert!(second.ends_with(".2"));
    assert_eq!(read(&history, "0").await.entries.len(), 2);
}

#[tokio::test]
async fn a_redis_that_is_down_is_unavailable_and_found_again() {
    let mut server = Server::with(&[
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    let history = history(&server.backends());
    let before = append(&history, "1").await;
    server.kill();
    let error = history.last("a").await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let error = history
        .append("a", WsMessage::text("lost"))
        .await
        .unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    server.restart();
    let page = answered(async || history.read_after("a", Some(&before), 10).await).await;
    // It was on disk.
    assert_eq!(
        (page.continuity, page.entries.len()),
        (Continuity::Complete, 0)
    );
    assert!(append(&history, "2").await.ends_with(".2"));
}

#[tokio::test]
async fn what_is_accepted_while_redis_is_killed_again_and_again_is_there_once() {
    let mut server = Server::with(&[
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    let history = history(&server.backends()).size(10_000);
    let writing = async {
        for n in 0..2_000 {
            let append = async || {
                let draft = Draft::from(WsMessage::text(n.to_string())).key(n.to_string());
                history.append("a", draft).await
            };
            assert_eq!(answered(append).await.id().number(), n + 1);
        }
    };
    let killing = async {
        for _ in 0..5 {
            sleep(Duration::from_millis(200)).await;
            server.kill();
            sleep(Duration::from_millis(50)).await;
            server.restart();
        }
    };
    tokio::join!(writing, killing);
    let (mut after, mut count) = ("0".to_owned(), 0);
    loop {
        let page = history.read_after("a", Some(&after), 1_000).await.unwrap();
        assert_eq!(page.continuity, Continuity::Complete);
        count += page.entries.len();
        after = page.position.to_string();
        if !page.has_more {
            break;
        }
    }
    assert_eq!(count, 2_000);
}

#[tokio::test]
async fn a_redis_that_is_stopped_is_noticed_and_found_again() {
    let server = Server::start();
    let history = history(&server.backends());
    append(&history, "1").await;
    server.pause();
    let asked = Instant::now();
    let error = history.append("a", WsMessage::text("2")).await.unwrap_err();
    assert!(error.is_uncertain(), "{error:?}");
    // Its connections are accepted by the kernel, and nothing is answered.
    let error = history.last("a").await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(20),
        "{:?}",
        asked.elapsed()
    );
    server.resume();
    let last = answered(async || history.last("a").await).await;
    assert!([1, 2].contains(&last.number()));
}

#[tokio::test]
async fn a_record_that_redis_forgot_is_not_taken_for_a_new_one() {
    let server = Server::start();
    let records = Records::new(server.backends().records);
    let version = records
        .put("k", &1, Expect::Absent, None)
        .await
        .unwrap()
        .unwrap();
    server.command(&["FLUSHALL"]).await;
    // Numbers go by the clock, whose milliseconds may be the same.
    sleep(Duration::from_millis(5)).await;
    records
        .put("k", &2, Expect::Absent, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        records
            .put("k", &3, Expect::Version(version), None)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn who_is_there_comes_back_after_a_redis_that_forgot() {
    let server = Server::start();
    let backends = server.backends();
    let presence = Presence::new(backends.presence.clone()).by_node();
    let anna = Member::new("anna", "c1").unwrap();
    presence.join("room", &anna).await.unwrap();
    server.command(&["FLUSHALL"]).await;
    assert_eq!(presence.count("room").await.unwrap().users, 0);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let presence = presence.clone();
        async move { presence.run(async { drop(stopped.await) }).await }
    });
    while presence.count("room").await.unwrap().users == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    drop(stop);
    running.await.unwrap();

    // With a lease of its own a connection is told that it is not there.
    let presence = Presence::new(backends.presence.clone());
    presence.join("other", &anna).await.unwrap();
    server.command(&["FLUSHALL"]).await;
    assert_eq!(presence.touch(&[("other", "c1")]).await.unwrap(), [0]);
}

#[tokio::test]
async fn a_sweeper_that_is_cut_off_takes_no_leave_along() {
    let server = Server::start();
    let (one, other) = (server.backends(), server.backends());
    let lease = LeaseId::random();
    one.presence
        .open_lease(&lease, Duration::from_secs(60))
        .await
        .unwrap();
    for n in 0..90 {
        let member = Member::new(format!("u{n}"), &format!("c{n}")).unwrap();
        let joining = Joining::new(&member, Lease::Node(&lease), Duration::ZERO);
        one.presence.join("room", joining).await.unwrap();
    }
    one.presence.end_lease(&lease).await.unwrap();
    // One sweeper gets a part, and never tells anybody of it.
    let swept = one.presence.sweep(40, Duration::ZERO).await.unwrap();
    assert_eq!((swept.due, swept.has_more), (40, true));
    drop(swept);
    let presence = Presence::new(other.presence.clone()).grace(Duration::ZERO);
    while presence.count("room").await.unwrap().users > 0 {
        presence.sweep().await.unwrap();
    }
    // All leaves are in the history, each once.
    let page = history(&other)
        .read_after("room:presence", None, 1_000)
        .await
        .unwrap();
    assert_eq!(page.position.number(), 180);
    let mut users: Vec<_> = page
        .entries
        .iter()
        .filter_map(|entry| {
            let stream = entry.item.parts().unwrap().http_stream.clone().unwrap();
            let text = stream.content().as_text().unwrap().to_owned();
            text.starts_with("event: leave")
                .then(|| text.split("\"user\":").nth(1).unwrap().to_owned())
        })
        .map(|rest| rest.split(',').next().unwrap().to_owned())
        .collect();
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 90);
}

#[tokio::test]
async fn a_hundred_thousand_present_are_never_looked_at_in_one_go() {
    let server = Server::start();
    let backends = server.backends();
    let lease = LeaseId::random();
    backends
        .presence
        .open_lease(&lease, Duration::from_secs(600))
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for part in 0..50 {
        let (presence, lease) = (backends.presence.clone(), lease.clone());
        tasks.spawn(async move {
            for n in 0..2_000 {
                let name = format!("{part}-{n}");
                let member = Member::new(name.as_str(), &name).unwrap();
                let joining = Joining::new(&member, Lease::Node(&lease), Duration::ZERO);
                presence.join("room", joining).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    server.command(&["CONFIG", "RESETSTAT"]).await;
    let presence = Presence::new(backends.presence.clone()).grace(Duration::ZERO);
    let count = presence.count("room").await.unwrap();
    assert_eq!((count.users, count.connections), (100_000, 100_000));
    let (mut after, mut listed) = (None, 0);
    loop {
        let page = presence
            .list("room", after.as_deref(), 1_000)
            .await
            .unwrap();
        listed += page.users.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(listed >= 100_000);
    backends.presence.end_lease(&lease).await.unwrap();
    while presence.count("room").await.unwrap().users > 0 {
        presence.sweep().await.unwrap();
    }
    // `HGETALL` of so many blocks Redis for 88 ms. This takes one or two, and ten times as much on a
    // machine that is busy with something else.
    let stats = server.command(&["INFO", "commandstats"]).await;
    let evalsha = stats.split("cmdstat_evalsha:").nth(1).unwrap();
    let micros = evalsha
        .split("usec_per_call=")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    println!("a call took {micros} microseconds");
    assert!(micros.parse::<f64>().unwrap() < 50_000.0, "{micros}");
}

#[tokio::test]
async fn what_is_stored_under_our_names_by_others_is_an_error_and_no_panic() {
    let server = Server::start();
    let backends = server.backends();
    let history = history(&backends);
    for (key, value) in [
        ("h:{a}", "garbage"),
        ("l:{a}", "x"),
        ("m:{a}", "x"),
        ("u:{a}", "x"),
    ] {
        server
            .command(&["SET", &format!("gw:default:{key}"), value])
            .await;
    }
    // A position that is none begins a new epoch, and replaces what stands in its way.
    assert!(append(&history, "1").await.ends_with(".1"));
    let presence = Presence::new(backends.presence.clone());
    let member = Member::new("anna", "c1").unwrap();
    let error = presence.join("a", &member).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Corrupt, "{error:?}");
    server
        .command(&["RPUSH", "gw:default:l:{a}", "no json"])
        .await;
    let page = read(&history, "0").await;
    assert!(page.entries.len() <= 1);
}
