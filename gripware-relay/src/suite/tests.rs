//! The tests, each for any [`Engine`].

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gripware_core::{Channel, HttpResponse, HttpStream, Item, WsMessage};
use tokio::time::sleep;

use super::{Engine, Member, eventually};
use crate::{Lane, PublishError};

/// Two nodes publish at the same time; three see all of it, in the order of each sender.
pub async fn every_node_gets_every_item_in_order<E: Engine>() {
    const EACH: usize = 300;
    let engine = E::start().await;
    let mut members = Vec::new();
    for name in ["a", "b", "c"] {
        members.push(Member::hearing(engine.broker(), name).await);
    }
    let publish = async |member: &Member, name: &str| {
        for number in 0..EACH {
            member.publish(&format!("{name}{number}")).await.unwrap();
        }
    };
    tokio::join!(publish(&members[0], "a"), publish(&members[1], "b"));
    for member in &members {
        member.until("has all", |it| it.count() == 2 * EACH).await;
        let texts = member.texts();
        if E::HAS_ONE_ORDER {
            assert_eq!(texts, members[0].texts());
        }
        for name in ["a", "b"] {
            let of_one: Vec<_> = texts.iter().filter(|it| it.starts_with(name)).collect();
            let expected: Vec<_> = (0..EACH).map(|number| format!("{name}{number}")).collect();
            assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
        }
        assert_eq!(member.losses(), []);
        let counts = member.relay.counts();
        assert_eq!((counts.missed, counts.refused), (0, 0));
    }
}

/// Nothing of an item is changed on its way, whatever its channel is called.
pub async fn an_item_arrives_as_it_was_published<E: Engine>() {
    let engine = E::start().await;
    let from = Member::hearing(engine.broker(), "a").await;
    let to = Member::hearing(engine.broker(), "b").await;
    let names = [
        "room".to_owned(),
        "a.b.>".to_owned(),
        "* {x} [gw1] \"\\ \u{1f600}".to_owned(),
        "é".repeat(512),
    ];
    let mut published = Vec::new();
    for name in names {
        let item = Item::new()
            .http_response(HttpResponse::text("r").header("X-One", "1"))
            .http_stream(HttpStream::bytes(Bytes::from_static(b"\0\xff\r\n{")))
            .ws_message(WsMessage::text("t\n\u{2028}"))
            .id("5\\\"")
            .prev_id("ö")
            .sender("anna")
            .no_seq()
            .size(7);
        let channel = Channel::new(name).unwrap();
        from.relay.publish(&channel, &item).await.unwrap();
        published.push((channel, item));
    }
    to.until("has all", |it| it.count() == published.len())
        .await;
    assert_eq!(to.items(), published);
}

/// Every other node that lives answers.
pub async fn questions_are_answered_by_the_nodes_that_live<E: Engine>() {
    let engine = E::start().await;
    let alone = Member::hearing(engine.broker(), "a").await;
    let nobody = alone.relay.ask(Bytes::from_static(b"who? ")).await;
    assert_eq!((nobody.asked, nobody.is_complete()), (0, true));

    let _b = Member::hearing(engine.broker(), "b").await;
    let _c = Member::hearing(engine.broker(), "c").await;
    alone.knows(2).await;
    let answers = alone.relay.ask(Bytes::from_static(b"who? ")).await;
    assert!(answers.is_complete(), "{answers:?}");
    let mut texts: Vec<_> = answers.answers.iter().map(|(_, it)| &it[..]).collect();
    texts.sort_unstable();
    assert_eq!(texts, [&b"who? b"[..], b"who? c"]);
}

/// It says so, and nobody waits for its answers any more.
pub async fn a_node_that_ends_is_gone_for_the_others<E: Engine>() {
    let engine = E::start().await;
    let stays = Member::hearing(engine.broker(), "a").await;
    let ends = Member::hearing(engine.broker(), "b").await;
    stays.knows(1).await;
    ends.publish("last words").await.unwrap();
    ends.relay.close().await;
    assert_eq!(ends.publish("more").await, Err(PublishError::Closed));
    stays.knows(0).await;
    assert_eq!(stays.texts(), ["last words"]);

    // A new run of it begins with its own numbers.
    let again = Member::hearing(engine.broker(), "b").await;
    again.publish("hello again").await.unwrap();
    stays.until("has both", |it| it.count() == 2).await;
    assert_eq!(stays.losses(), []);
}

/// The limit is the broker's.
pub async fn an_item_that_is_too_large_is_refused<E: Engine>() {
    let engine = E::start().await;
    let broker = engine.broker();
    let member = Member::hearing(engine.broker(), "a").await;
    let limit = broker.max_message();
    let error = member.publish(&"x".repeat(limit)).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error}");
    member.publish(&"x".repeat(limit - 300)).await.unwrap();
    member.until("has it", |it| it.count() == 1).await;
}

/// Whoever may write to the broker may write nonsense: it is counted and dropped.
pub async fn garbage_of_a_member_harms_nobody<E: Engine>() {
    let engine = E::start().await;
    let member = Member::hearing(engine.broker(), "a").await;
    let foreign = engine.broker();
    // The way of a broker is open for whoever receives from it.
    let mut incoming = foreign.receive(&"x".parse().unwrap()).await.unwrap();
    let receiving = tokio::spawn(async move {
        loop {
            incoming.next().await;
        }
    });
    let messages = [
        &b"{"[..],
        b"\xff\xfe",
        b"[\"gw1\",\"a\",1,2,\"item\",\"room\",null,null]\n{\"channel\":\"other\"}",
        b"[\"gw9\",\"?\"]\n",
        br#"{"channel":"room","formats":{"ws-message":{"content":"foreign"}}}"#,
    ];
    for message in messages {
        let lane = || vec![(Lane::Items, Bytes::from_static(message))];
        eventually(async || foreign.send(lane()).await.is_ok()).await;
    }
    member.until("has it", |it| it.count() == 1).await;
    member.publish("ours").await.unwrap();
    member.until("has both", |it| it.count() == 2).await;
    assert_eq!(member.texts(), ["foreign", "ours"]);
    let counts = member.relay.counts();
    assert!(counts.refused >= 3 && counts.skipped >= 1, "{counts:?}");
    receiving.abort();
}

/// Whoever publishes is told; nodes hear again without a restart, and are told of the loss.
pub async fn during_an_outage_nothing_is_accepted_and_after_it_everybody_hears<E: Engine>() {
    let mut engine = E::start().await;
    let from = Member::hearing(engine.broker(), "a").await;
    let to = Member::hearing(engine.broker(), "b").await;
    from.publish("before").await.unwrap();
    to.until("has it", |it| it.count() == 1).await;

    engine.kill().await;
    from.deaf().await;
    to.deaf().await;
    let error = from.publish("meanwhile").await.unwrap_err();
    assert!(
        matches!(error, PublishError::Unknown | PublishError::NotSent),
        "{error}"
    );
    let error = from.publish("later").await.unwrap_err();
    assert_eq!(error, PublishError::NotSent);
    assert!(from.relay.last_error().is_some());

    engine.start_again().await;
    from.heard().await;
    to.heard().await;
    for member in [&from, &to] {
        member.until("is told", |it| !it.losses().is_empty()).await;
    }
    from.publish("after").await.unwrap();
    let has_it = |it: &Member| it.texts().last().is_some_and(|text| text == "after");
    to.until("has it", has_it).await;
    // What was sent when the broker went may come, and comes once.
    let texts = to.texts();
    assert!(
        texts == ["before", "after"] || texts == ["before", "meanwhile", "after"],
        "{texts:?}"
    );
    assert!(from.relay.counts().disconnects >= 1);
}

/// A start waits for the first connection.
pub async fn nodes_that_start_before_the_broker_hear_it_later<E: Engine>() {
    let mut engine = E::start().await;
    engine.kill().await;
    let member = Member::start(engine.broker(), "a");
    sleep(Duration::from_millis(300)).await;
    assert!(!member.relay.hears());
    engine.start_again().await;
    member.heard().await;
    member.publish("hi").await.unwrap();
    member.until("has it", |it| it.count() == 1).await;
    // Before it heard there was nothing to lose.
    assert_eq!(member.losses(), []);
}

/// Each item that was accepted comes once, or its loss is told after it.
pub async fn items_of_a_broker_that_is_killed_again_and_again_come_once<E: Engine>() {
    const OUTAGES: usize = 3;
    let mut engine = E::start().await;
    let from = Member::hearing(engine.broker(), "a").await;
    let to = Member::hearing(engine.broker(), "b").await;
    let (accepted, refused) = (Mutex::new(Vec::new()), Mutex::new(0));
    let is_over = AtomicBool::new(false);
    let publishing = async {
        let mut number = 0_usize;
        while !is_over.load(Ordering::Relaxed) {
            let text = number.to_string();
            match from.publish(&text).await {
                Ok(()) => accepted.lock().unwrap().push(text),
                Err(_) => *refused.lock().unwrap() += 1,
            }
            number += 1;
        }
    };
    let killing = async {
        for _ in 0..OUTAGES {
            let before = accepted.lock().unwrap().len();
            let has_more = || accepted.lock().unwrap().len() > before + 200;
            eventually(async || has_more()).await;
            engine.kill().await;
            from.deaf().await;
            engine.start_again().await;
            from.heard().await;
            to.heard().await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(publishing, killing);
    from.publish("end").await.unwrap();
    for member in [&from, &to] {
        let has_end = |it: &Member| it.texts().iter().any(|text| text == "end");
        member.until("has the end", has_end).await;
        let texts = member.texts();
        let once: HashSet<_> = texts.iter().collect();
        assert_eq!(once.len(), texts.len(), "an item came twice");
        let numbers = texts.iter().filter_map(|text| text.parse::<usize>().ok());
        assert!(numbers.is_sorted(), "items came out of order");
        let accepted = accepted.lock().unwrap();
        let missing = accepted.iter().filter(|text| !once.contains(text)).count();
        if missing > 0 {
            assert!(!member.losses().is_empty(), "{missing} vanished unheard");
        }
        // Each outage is told.
        assert!(!member.losses().is_empty());
    }
}

/// A node that takes nothing for a while, as a process that was stopped, harms nobody else. What it
/// could not get is told to it.
pub async fn a_node_that_stands_still_is_told_what_it_lost<E: Engine>() {
    const ITEMS: usize = 6_000;
    const CHUNK: usize = 200;
    let engine = E::start().await;
    let from = Member::hearing(engine.broker(), "a").await;
    let stands_still = Member::hearing(engine.broker(), "b").await;
    let other = Member::hearing(engine.broker(), "c").await;
    stands_still.set_taking(false);
    let text = "x".repeat(500);
    let item = Item::from(WsMessage::text(text));
    let room = Channel::new("room").unwrap();
    for chunk in 1..=ITEMS / CHUNK {
        // Several at once, so that they go in batches, and no more than a slow machine can take.
        let enqueue = || from.relay.enqueue(&room, &item).unwrap();
        let receipts: Vec<_> = (0..CHUNK).map(|_| enqueue()).collect();
        for receipt in receipts {
            receipt.wait().await.unwrap();
        }
        let has_chunk = |it: &Member| it.count() == chunk * CHUNK;
        other.until("has what came so far", has_chunk).await;
    }
    stands_still.deaf().await;
    assert_eq!(other.losses(), []);
    assert!(from.relay.hears());

    stands_still.set_taking(true);
    stands_still.heard().await;
    stands_still
        .until("is told", |it| !it.losses().is_empty())
        .await;
    from.publish("end").await.unwrap();
    let has_end = |it: &Member| it.texts().last().is_some_and(|text| text == "end");
    stands_still.until("has the end", has_end).await;
    let counts = stands_still.relay.counts();
    let got = stands_still.count() as u64 - 1;
    assert_eq!(got + counts.missed, ITEMS as u64, "{counts:?}");
}
