//! A hub in the same process as its application.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::time::Duration;

use gripware_axum::{HttpResponse, HttpStream, Item, WsMessage};
use gripware_hub::{ConnectionKind, SlowClients, Subscribers};
use support::Site;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_stream_is_appended_to_and_ended() {
    let site = Site::new().await;
    let mut client = site.get("/stream?channel=news").await;
    let head = client.reads_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("grip-"), "{head}");
    assert_eq!(client.reads_until("\n\r\n").await, "7\r\n[open]\n\r\n");

    site.followed("news", 1).await;
    let publisher = site.hub.grip().publisher();
    publisher
        .publish("news", HttpStream::text("one\n"))
        .await
        .unwrap();
    assert_eq!(client.reads_until("\n\r\n").await, "4\r\none\n\r\n");
    publisher
        .publish("news", HttpStream::close())
        .await
        .unwrap();
    assert_eq!(client.reads_until("\r\n\r\n").await, "0\r\n\r\n");
    site.followed("news", 0).await;

    // The connection is as good as before.
    client.asks("/plain").await;
    assert!(
        client
            .reads_until("plain\n")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_long_poll_is_answered_and_the_connection_used_again() {
    let site = Site::new().await;
    let mut client = site.connect().await;
    for n in 0..3 {
        client.asks("/response?channel=orders").await;
        site.followed("orders", 1).await;
        let item = HttpResponse::text(format!("order {n}\n"));
        let reached = site.hub.publish("orders", item).await.unwrap();
        assert_eq!(reached.response, 1);
        let answer = client.reads_until("\n").await + &client.reads_until(&format!("{n}\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.ends_with(&format!("\r\n\r\norder {n}\n")),
            "{answer}"
        );
    }
    client.asks("/response?channel=orders&timeout=5").await;
    assert!(
        client
            .reads_until("nothing\n")
            .await
            .contains("content-length: 8\r\n")
    );
}

#[tokio::test]
async fn what_was_asked_while_the_client_was_held_is_answered_afterwards() {
    let site = Site::new().await;
    let mut client = site.get("/stream?channel=news").await;
    client.reads_until("[open]\n\r\n").await;
    client.asks("/plain").await;
    site.followed("news", 1).await;
    site.hub.publish("news", HttpStream::close()).await.unwrap();
    client.reads_until("0\r\n\r\n").await;
    client.reads_until("plain\n").await;
}

#[tokio::test]
async fn a_websocket_is_told_and_tells() {
    let mut site = Site::new().await;
    let mut client = site.connect().await;
    client.upgrades("/ws?channel=room").await;
    client.sends_frame(1, b"hello").await;
    assert_eq!(client.frame().await, (1, b"hello".to_vec()));
    site.sees("hello").await;
    client.sends_frame(9, b"ping").await;
    assert_eq!(client.frame().await, (10, b"ping".to_vec()));

    let item = Item::from(WsMessage::text("published"));
    site.hub.publish("room", item).await.unwrap();
    assert_eq!(client.frame().await, (1, b"published".to_vec()));

    client.sends_frame(8, b"\x03\xe8").await;
    assert_eq!(client.frame().await, (8, b"\x03\xe8".to_vec()));
    site.sees("closed Some(1000)").await;
    assert_eq!(client.reads_to_end().await, "");
    site.followed("room", 0).await;
}

#[tokio::test]
async fn the_application_is_told_of_a_websocket_that_vanishes() {
    let mut site = Site::new().await;
    let mut client = site.connect().await;
    client.upgrades("/ws?channel=room").await;
    site.followed("room", 1).await;
    drop(client);
    site.sees("disconnected").await;
    site.followed("room", 0).await;
    assert!(site.hub.connections().await.is_empty());
}

#[tokio::test]
async fn the_application_is_told_of_a_stream_that_vanishes() {
    let mut site = Site::new().await;
    let mut client = site.get("/pages?channel=feed").await;
    site.sees("asked after none").await;
    client.reads_until("[page]\n\r\n").await;
    site.followed("feed", 1).await;
    drop(client);
    site.sees("gone").await;
    site.followed("feed", 0).await;
}

#[tokio::test]
async fn the_application_is_told_of_a_stream_that_is_ended() {
    let mut site = Site::with(|hub| hub.drain(support::PATIENCE)).await;
    for n in 0..3 {
        let mut client = site.get("/pages?channel=feed").await;
        site.sees("asked after none").await;
        client.reads_until("[page]\n\r\n").await;
        site.followed("feed", 1).await;
        match n {
            0 => {
                let id = site.hub.connections().await[0].id.clone();
                assert!(site.hub.close(&id).await);
            }
            1 => {
                let close = Item::from(HttpStream::close());
                site.hub.publish("feed", close).await.unwrap();
            }
            _ => site.hub.shutdown().await,
        }
        client.reads_until("0\r\n\r\n").await;
        site.sees("gone").await;
    }
}

#[tokio::test]
async fn the_application_is_told_of_a_websocket_that_does_not_answer_the_end() {
    let mut site = Site::with(|hub| hub.drain(Duration::from_secs(1))).await;
    let mut mute = site.connect().await;
    mute.upgrades("/ws?channel=room").await;
    site.followed("room", 1).await;
    site.hub.shutdown().await;
    assert_eq!(mute.frame().await, (8, b"\x03\xe9".to_vec()));
    site.sees("disconnected").await;
}

#[tokio::test]
async fn a_gap_is_recovered_from_the_next_link() {
    let mut site = Site::with(|hub| hub.message_wait(Duration::from_millis(300))).await;
    let mut client = site.get("/pages?channel=feed").await;
    site.sees("asked after none").await;
    client.reads_until("[page]\n\r\n").await;
    site.followed("feed", 1).await;
    let item = |id: &str, prev_id: &str| {
        Item::from(HttpStream::text(format!("{id}\n")))
            .id(id)
            .prev_id(prev_id)
    };
    site.hub.publish("feed", item("10", "9")).await.unwrap();
    assert_eq!(client.reads_until("10\n\r\n").await, "3\r\n10\n\r\n");
    // 11 is lost, so that 12 is waited with, and then asked about.
    site.hub.publish("feed", item("12", "11")).await.unwrap();
    site.sees("asked after 10").await;
    assert_eq!(
        client.reads_until("[page]\n\r\n").await,
        "7\r\n[page]\n\r\n"
    );
    // The application says that it is at 9 again.
    site.hub.publish("feed", item("10b", "9")).await.unwrap();
    assert_eq!(client.reads_until("10b\n\r\n").await, "4\r\n10b\n\r\n");
}

#[tokio::test]
async fn pages_follow_each_other_without_a_hold() {
    let site = Site::new().await;
    let mut client = site.get("/several").await;
    client.reads_until("\r\n\r\n").await;
    let pages = client.reads_until("0\r\n\r\n").await;
    assert_eq!(
        pages,
        "4\r\none\n\r\n4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n"
    );
    client.asks("/plain").await;
    client.reads_until("plain\n").await;
}

#[tokio::test]
async fn connections_are_listed_reached_and_closed_one_by_one() {
    let site = Site::new().await;
    let mut stream = site.get("/stream?channel=news").await;
    stream.reads_until("[open]\n\r\n").await;
    let mut socket = site.connect().await;
    socket.upgrades("/ws?channel=news").await;
    let mut poll = site.get("/response?channel=news").await;
    site.followed("news", 3).await;
    assert_eq!(
        site.hub.channels()[0].subscribers.total(),
        3,
        "{:?}",
        site.hub.channels()
    );

    let connections = site.hub.connections().await;
    let of = |kind| {
        let found = connections.iter().find(|it| it.kind == kind).unwrap();
        assert_eq!(found.channels, ["news"]);
        found.id.clone()
    };
    let id = of(ConnectionKind::Stream);
    let one = HttpStream::text("one\n");
    assert!(site.hub.publish_to(&id, one.clone()).await.unwrap());
    stream.reads_until("4\r\none\n\r\n").await;
    assert!(
        !site
            .hub
            .publish_to(&id, WsMessage::text("x"))
            .await
            .unwrap()
    );
    assert!(site.hub.close(&id).await);
    stream.reads_until("0\r\n\r\n").await;
    assert!(!site.hub.close(&id).await);
    assert!(!site.hub.publish_to(&id, one).await.unwrap());

    let id = of(ConnectionKind::WebSocket);
    assert!(
        site.hub
            .publish_to(&id, WsMessage::text("one"))
            .await
            .unwrap()
    );
    assert_eq!(socket.frame().await, (1, b"one".to_vec()));
    assert!(site.hub.close(&id).await);
    assert_eq!(socket.frame().await, (8, b"\x03\xe8".to_vec()));

    let id = of(ConnectionKind::Response);
    assert!(site.hub.close(&id).await);
    poll.reads_until("nothing\n").await;
    assert!(!site.hub.close("no id").await);
}

#[tokio::test]
async fn a_publish_says_whom_it_is_for() {
    let site = Site::new().await;
    let mut stream = site.get("/stream?channel=news").await;
    stream.reads_until("[open]\n\r\n").await;
    site.followed("news", 1).await;
    let reached = site
        .hub
        .publish("news", HttpStream::text("x"))
        .await
        .unwrap();
    assert_eq!((reached.stream, reached.total()), (1, 1));
    let item = || Item::from(HttpStream::text("x")).id("1");
    assert_eq!(site.hub.publish("news", item()).await.unwrap().stream, 1);
    for (channel, item) in [
        ("news", item()),
        ("news", Item::from(WsMessage::text("x"))),
        ("other", Item::from(HttpStream::text("x"))),
    ] {
        let reached = site.hub.publish(channel, item).await.unwrap();
        assert_eq!(reached, Subscribers::default(), "{channel}");
    }
    assert!(site.hub.publish("news", Item::new()).await.is_err());
}

/// Fills up what a client that does not read has room for.
async fn flood(site: &Site, channel: &str) {
    let megabyte = "x".repeat(1 << 20);
    for _ in 0..32 {
        let item = HttpStream::text(megabyte.clone());
        site.hub.publish(channel, item).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_the_others_are_not() {
    let site = Site::new().await;
    let mut slow = site.get("/stream?channel=flood").await;
    slow.reads_until("[open]\n\r\n").await;
    let mut other = site.get("/stream?channel=news").await;
    other.reads_until("[open]\n\r\n").await;
    site.followed("flood", 1).await;
    flood(&site, "flood").await;
    site.followed("flood", 0).await;
    site.hub
        .publish("news", HttpStream::text("one\n"))
        .await
        .unwrap();
    other.reads_until("4\r\none\n\r\n").await;
    assert!(!slow.reads_to_end().await.ends_with("0\r\n\r\n"));
    let metrics = site.hub.metrics().await;
    assert!(
        metrics.contains("gripware_hub_slow_closed_total 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_stream_with_a_next_link_recovers_what_was_dropped() {
    let mut site = Site::with(|hub| hub.slow_clients(SlowClients::Drop)).await;
    let mut slow = site.get("/pages?channel=flood").await;
    site.sees("asked after none").await;
    slow.reads_until("[page]\n\r\n").await;
    site.followed("flood", 1).await;
    let megabyte = "x".repeat(1 << 20);
    for n in 10..42 {
        let item = Item::from(HttpStream::text(megabyte.clone()));
        let item = item.id(n.to_string()).prev_id((n - 1).to_string());
        site.hub.publish("flood", item).await.unwrap();
    }
    let mut read = Vec::new();
    while !read.ends_with(b"[page]\n\r\n") {
        let mut buffer = vec![0; 1 << 16];
        let count = slow.stream.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0);
        read.extend_from_slice(&buffer[..count]);
    }
    let got = read.len() >> 20;
    assert!((1..32).contains(&got), "{got}");
    site.sees(&format!("asked after {}", 9 + got)).await;
}

#[tokio::test]
async fn the_end_is_told_to_each_in_its_way() {
    let site = Site::with(|hub| hub.drain(support::PATIENCE)).await;
    let mut stream = site.get("/stream?channel=news").await;
    stream.reads_until("[open]\n\r\n").await;
    let mut socket = site.connect().await;
    socket.upgrades("/ws?channel=news").await;
    let mut poll = site.get("/response?channel=polls").await;
    site.followed("news", 2).await;
    site.followed("polls", 1).await;
    let hub = site.hub.clone();
    for n in 0..100 {
        let item = Item::from(HttpStream::text(format!("{n}\n")));
        hub.publish("news", item).await.unwrap();
    }
    let end = tokio::spawn(async move { hub.shutdown().await });
    let rest = stream.reads_to_end().await;
    assert!(
        rest.contains("99\n") && rest.ends_with("0\r\n\r\n"),
        "{rest}"
    );
    assert_eq!(socket.frame().await, (8, b"\x03\xe9".to_vec()));
    socket.sends_frame(8, b"\x03\xe9").await;
    assert!(poll.reads_to_end().await.ends_with("nothing\n"));
    drop((stream, socket, poll));
    end.await.unwrap();
}

#[tokio::test]
async fn the_end_does_not_lose_an_item_that_waits_for_another() {
    let site = Site::new().await;
    let mut stream = site.get("/stream?channel=news").await;
    stream.reads_until("[open]\n\r\n").await;
    site.followed("news", 1).await;
    for (id, prev_id) in [("1", "0"), ("3", "2")] {
        let item = Item::from(HttpStream::text(format!("{id}\n")));
        let item = item.id(id).prev_id(prev_id);
        site.hub.publish("news", item).await.unwrap();
    }
    let hub = site.hub.clone();
    let end = tokio::spawn(async move { hub.shutdown().await });
    assert!(stream.reads_to_end().await.contains("3\n\r\n0\r\n"));
    end.await.unwrap();
}

#[tokio::test]
async fn many_items_reach_many_clients_in_order() {
    let site = Site::new().await;
    let mut clients = Vec::new();
    for n in 0..40 {
        let path = format!("/stream?channel=news&body=client+{n}%0A");
        let mut client = site.get(&path).await;
        client.reads_until(&format!("client {n}\n\r\n")).await;
        clients.push(client);
    }
    site.followed("news", 40).await;
    let hub = site.hub.clone();
    let publishing = tokio::spawn(async move {
        for n in 0..20_000 {
            hub.publish("news", HttpStream::text(format!("{n}\n")))
                .await
                .unwrap();
        }
    });
    for client in &mut clients {
        let mut next = 0;
        let mut read = String::new();
        while next < 20_000 {
            read.push_str(&client.reads_until("\n\r\n").await);
            let line = format!("{next}\n");
            assert_eq!(read, format!("{:x}\r\n{line}\r\n", line.len()));
            read.clear();
            next += 1;
        }
    }
    publishing.await.unwrap();
}

#[tokio::test]
async fn a_stream_is_kept_alive() {
    let site = Site::new().await;
    let mut client = site.get("/stream?channel=news&keep_alive=1000").await;
    client.reads_until("[open]\n\r\n").await;
    client.reads_until("3\r\nka\n\r\n").await;
    client.reads_until("3\r\nka\n\r\n").await;
}
