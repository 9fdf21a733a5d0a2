//! Several hubs that are one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gripware_axum::{HttpResponse, HttpStream, Item, WsMessage};
use gripware_hub::{BuildError, Found, Hub, HubBuilder, HubError, OnLoss};
use gripware_relay::{MemoryBroker, PublishError, Relay, RelaySettings};
use support::{PATIENCE, Site};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

async fn node(broker: &MemoryBroker, set: impl FnOnce(HubBuilder) -> HubBuilder) -> Site {
    let site = Site::with(|hub| set(hub.broker(broker.clone()))).await;
    site.hub.relay().unwrap().heard().await;
    site
}

async fn nodes(broker: &MemoryBroker) -> (Site, Site) {
    (node(broker, |hub| hub).await, node(broker, |hub| hub).await)
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

/// The broker fails, and comes back.
async fn fails(broker: &MemoryBroker, sites: &[&Site]) {
    broker.set_reachable(false);
    for site in sites {
        until("it is deaf", async || !site.hub.is_ready()).await;
    }
    broker.set_reachable(true);
    for site in sites {
        until("it hears again", async || site.hub.is_ready()).await;
    }
}

#[tokio::test]
async fn what_is_published_at_one_node_reaches_the_clients_of_all_in_one_order() {
    let broker = MemoryBroker::new();
    let (one, other) = nodes(&broker).await;
    let mut clients = Vec::new();
    for site in [&one, &other] {
        let mut stream = site.get("/stream?channel=news").await;
        stream.reads_until("[open]\n\r\n").await;
        let mut socket = site.connect().await;
        socket.upgrades("/ws?channel=news").await;
        site.followed("news", 2).await;
        clients.push((stream, socket));
    }
    let item = |text: &str| {
        let item = Item::from(HttpStream::text(format!("{text}\n")));
        item.ws_message(WsMessage::text(text))
    };
    one.hub
        .grip()
        .publisher()
        .publish("news", item("1"))
        .await
        .unwrap();
    let reached = other.hub.publish("news", item("2")).await.unwrap();
    assert_eq!(reached.total(), 2, "those of this node");
    for (stream, socket) in &mut clients {
        assert_eq!(stream.reads_until("1\n\r\n").await, "2\r\n1\n\r\n");
        assert_eq!(stream.reads_until("2\n\r\n").await, "2\r\n2\n\r\n");
        assert_eq!(socket.frame().await, (1, b"1".to_vec()));
        assert_eq!(socket.frame().await, (1, b"2".to_vec()));
    }
}

#[tokio::test]
async fn a_long_poll_at_another_node_is_answered_and_what_nobody_follows_is_remembered_by_its_id() {
    let broker = MemoryBroker::new();
    let (one, other) = nodes(&broker).await;
    let mut client = one.get("/response?channel=orders").await;
    one.followed("orders", 1).await;
    let item = Item::from(HttpResponse::text("order\n")).id("10");
    other.hub.publish("orders", item.clone()).await.unwrap();
    assert!(
        client
            .reads_until("order\n")
            .await
            .starts_with("HTTP/1.1 200")
    );

    // The same id once more, at the other node: it is delivered once.
    let mut client = one.get("/response?channel=orders").await;
    one.followed("orders", 1).await;
    one.hub.publish("orders", item).await.unwrap();
    let next = Item::from(HttpResponse::text("next\n")).id("11");
    one.hub.publish("orders", next).await.unwrap();
    let answer = client.reads_until("next\n").await;
    assert!(!answer.contains("order\n"), "{answer}");

    // A page that ends at 9 has missed those, although nobody here followed it then.
    let mut other = other;
    let _client = other.get("/pages?channel=orders").await;
    other.sees("asked after none").await;
    other.sees("asked after 9").await;
}

#[tokio::test]
async fn during_an_outage_nothing_is_accepted_and_nobody_is_sent_here() {
    let broker = MemoryBroker::new();
    let site = node(&broker, |hub| {
        hub.publish_timeout(Duration::from_millis(300))
    })
    .await;
    assert!(site.hub.is_ready());
    broker.set_reachable(false);
    until("it is deaf", async || !site.hub.is_ready()).await;

    let publisher = site.hub.grip().publisher();
    let error = publisher.publish("news", WsMessage::text("x")).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("the hub did not take 1 item: ") && error.contains("(memory)"),
        "{error}"
    );
    let error = site.hub.publish("news", WsMessage::text("x")).await;
    assert!(matches!(
        error,
        Err(HubError::Relay(
            PublishError::NotSent | PublishError::Unknown
        ))
    ));
    publisher.enqueue("news", WsMessage::text("x")).unwrap();
    assert!(publisher.flush().await.is_err());

    broker.set_reachable(true);
    until("it hears again", async || site.hub.is_ready()).await;
    publisher
        .publish("news", WsMessage::text("x"))
        .await
        .unwrap();
    publisher.flush().await.unwrap();
    let metrics = site.hub.metrics().await;
    assert!(metrics.contains("\ngripware_relay_hears 1\n"), "{metrics}");
    assert!(
        metrics.contains("\ngripware_relay_losses_total 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn with_local_first_the_clients_of_a_node_get_its_items_without_the_broker() {
    let broker = MemoryBroker::new();
    let soon = Duration::from_millis(100);
    let one = node(&broker, |hub| hub.local_first(true).publish_timeout(soon)).await;
    let other = node(&broker, |hub| hub).await;
    let mut clients = Vec::new();
    for site in [&one, &other] {
        let mut stream = site.get("/stream?channel=news").await;
        stream.reads_until("[open]\n\r\n").await;
        site.followed("news", 1).await;
        clients.push(stream);
    }
    let item = |text: &str| Item::from(HttpStream::text(format!("{text}\n")));
    let publisher = one.hub.grip().publisher();
    let reached = one.hub.publish("news", item("1")).await.unwrap();
    assert_eq!(reached.total(), 1);
    publisher.publish("news", item("2")).await.unwrap();
    other.hub.publish("news", item("3")).await.unwrap();
    for client in &mut clients {
        for text in ["1", "2", "3"] {
            let chunk = format!("2\r\n{text}\n\r\n");
            assert_eq!(client.reads_until(&format!("{text}\n\r\n")).await, chunk);
        }
    }

    broker.set_reachable(false);
    until("it is deaf", async || !one.hub.is_ready()).await;
    assert!(one.hub.publish("news", item("4")).await.is_err());
    assert!(publisher.publish("news", item("5")).await.is_err());
    broker.set_reachable(true);
    for site in [&one, &other] {
        until("it hears again", async || site.hub.is_ready()).await;
    }
    other.hub.publish("news", item("6")).await.unwrap();
    // Each of them once.
    for text in ["4", "5", "6"] {
        let chunk = format!("2\r\n{text}\n\r\n");
        assert_eq!(
            clients[0].reads_until(&format!("{text}\n\r\n")).await,
            chunk
        );
    }
    clients[1].reads_until("6\n\r\n").await;
}

#[tokio::test]
async fn after_a_loss_every_client_that_can_recovers() {
    let broker = MemoryBroker::new();
    let mut site = node(&broker, |hub| hub).await;
    let mut pages = site.get("/pages?channel=feed").await;
    pages.reads_until("[page]\n\r\n").await;
    let mut poll = site.get("/response?channel=feed").await;
    let mut plain = site.get("/stream?channel=feed").await;
    plain.reads_until("[open]\n\r\n").await;
    let mut socket = site.connect().await;
    socket.upgrades("/ws?channel=feed").await;
    site.followed("feed", 4).await;
    site.sees("asked after none").await;

    fails(&broker, &[&site]).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(timeout(PATIENCE, site.seen.recv()).await.unwrap().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, ["asked after 9", "empty turn"]);
    pages.reads_until("[page]\n\r\n").await;
    // The response hold was asked again, and is held; the stream without a link has stayed.
    let metrics = async || site.hub.metrics().await;
    until("what cannot be recovered is counted", async || {
        metrics()
            .await
            .contains("\ngripware_hub_lost_unrecoverable_total 1\n")
    })
    .await;
    until("all were asked", async || {
        metrics().await.contains("\ngripware_hub_asks_total 3\n")
    })
    .await;
    site.followed("feed", 4).await;
    let item = Item::from(HttpResponse::text("polled\n")).http_stream(HttpStream::text("more\n"));
    site.hub.publish("feed", item).await.unwrap();
    poll.reads_until("polled\n").await;
    plain.reads_until("more\n").await;
}

#[tokio::test]
async fn after_a_loss_websockets_are_closed_or_left_as_they_are_where_that_is_set() {
    let broker = MemoryBroker::new();
    let closes = node(&broker, |hub| hub.on_loss(OnLoss::Close)).await;
    let leaves = node(&broker, |hub| hub.on_loss(OnLoss::Nothing)).await;
    let mut clients = Vec::new();
    for site in [&closes, &leaves] {
        let mut socket = site.connect().await;
        socket.upgrades("/ws?channel=feed").await;
        site.followed("feed", 1).await;
        clients.push(socket);
    }
    fails(&broker, &[&closes, &leaves]).await;
    let (opcode, payload) = clients[0].frame().await;
    assert_eq!((opcode, payload), (8, 1012_u16.to_be_bytes().to_vec()));
    until("it is counted", async || {
        let metrics = leaves.hub.metrics().await;
        metrics.contains("\ngripware_hub_lost_unrecoverable_total 1\n")
    })
    .await;
    let item = WsMessage::text("still here");
    leaves.hub.publish("feed", item).await.unwrap();
    assert_eq!(clients[1].frame().await, (1, b"still here".to_vec()));
}

#[tokio::test]
async fn clients_are_served_once_the_broker_is_reached() {
    let broker = MemoryBroker::new();
    broker.set_reachable(false);
    let site = Site::with(|hub| hub.broker(broker.clone())).await;
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = control.local_addr().unwrap();
    tokio::spawn(site.hub.control(control).into_future());
    let ready = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.starts_with("HTTP/1.1 200 ")
    };
    assert!(!ready().await);
    let mut client = site.get("/plain").await;
    let mut byte = [0];
    assert!(
        client.stream.try_read(&mut byte).is_err(),
        "nobody has accepted it"
    );
    broker.set_reachable(true);
    client.reads_until("plain\n").await;
    assert!(ready().await);
    site.hub.shutdown().await;
    assert!(!ready().await);
}

#[tokio::test]
async fn what_was_published_before_the_end_is_delivered_before_it() {
    let broker = MemoryBroker::new();
    let site = node(&broker, |hub| hub).await;
    let mut client = site.get("/stream?channel=news").await;
    client.reads_until("[open]\n\r\n").await;
    site.followed("news", 1).await;
    let publisher = site.hub.grip().publisher();
    for number in 0..200 {
        let item = HttpStream::text(format!("{number}\n"));
        publisher.enqueue("news", item).unwrap();
    }
    site.hub.shutdown().await;
    let rest = client.reads_until("\r\n0\r\n\r\n").await;
    assert!(rest.contains("\n199\n\r\n0\r\n\r\n"), "{rest}");
}

/// Two nodes that know of each other, with a WebSocket at each.
async fn peopled(broker: &MemoryBroker) -> (Vec<Site>, Vec<support::Client>) {
    let mut sites = Vec::new();
    let mut sockets = Vec::new();
    for name in ["a", "b"] {
        let site = node(broker, |hub| hub.node(name.parse().unwrap())).await;
        let mut socket = site.connect().await;
        socket.upgrades("/ws?channel=room").await;
        site.followed("room", 1).await;
        sites.push(site);
        sockets.push(socket);
    }
    for site in &sites {
        until("they know each other", async || {
            site.hub.relay().unwrap().nodes().len() == 1
        })
        .await;
    }
    (sites, sockets)
}

#[tokio::test]
async fn lists_and_counts_are_those_of_all_nodes() {
    let broker = MemoryBroker::new();
    let (sites, _sockets) = peopled(&broker).await;
    let mut stream = sites[1].get("/stream?channel=extra").await;
    stream.reads_until("[open]\n\r\n").await;
    sites[1].followed("extra", 1).await;
    let everywhere = sites[0].hub.everywhere();

    let nodes = everywhere.nodes().await;
    assert!(nodes.nodes.is_complete(), "{nodes:?}");
    let held: Vec<_> = nodes
        .value
        .iter()
        .map(|it| (&*it.name, it.is_this, it.connections.total(), it.channels))
        .collect();
    assert_eq!(held, [("a", true, 1, 1), ("b", false, 2, 2)]);

    let channels = everywhere.channels(None).await.unwrap().value;
    let subscribers: Vec<_> = channels
        .entries
        .iter()
        .map(|it| (&*it.name, it.subscribers.total()))
        .collect();
    assert_eq!(subscribers, [("extra", 1), ("room", 2)]);
    assert_eq!(channels.next, None);

    let connections = everywhere.connections(None).await.unwrap();
    assert_eq!(connections.nodes.to_string(), "2/2");
    let page = connections.value;
    let nodes: Vec<_> = page
        .entries
        .iter()
        .filter_map(|it| it.node.as_deref())
        .collect();
    assert_eq!(nodes, ["a", "b", "b"]);
    assert!(
        page.entries
            .iter()
            .all(|it| it.channels.len() == 1 && it.peer.is_some())
    );
    let rest = everywhere.connections(Some("a.0.nonsense")).await;
    assert!(rest.is_err(), "{rest:?}");

    for (channel, held_at) in [("room", &["a", "b"][..]), ("extra", &["b"]), ("empty", &[])] {
        let of = everywhere.connections_of(channel, None).await.unwrap();
        assert_eq!(of.nodes.to_string(), "2/2");
        let held: Vec<_> = of
            .value
            .entries
            .iter()
            .map(|it| (it.node.as_deref().unwrap(), it.channels.concat()))
            .collect();
        let expected: Vec<_> = held_at
            .iter()
            .map(|node| (*node, channel.to_owned()))
            .collect();
        assert_eq!(held, expected);
    }
    // Behind everything of the first node come those of the second.
    let id = &sites[0].hub.connections().await[0].id;
    let cursor = format!("a.{}.{id}", u64::MAX);
    let rest = everywhere.connections_of("room", Some(&cursor)).await;
    let rest = rest.unwrap().value.entries;
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0].node.as_deref(), Some("b"));
    let rest = everywhere.connections_of("room", Some("nonsense")).await;
    assert!(rest.is_err(), "{rest:?}");

    let reached = everywhere
        .publish("room", WsMessage::text("all"))
        .await
        .unwrap();
    assert_eq!(
        (reached.value.websocket, reached.nodes.is_complete()),
        (2, true)
    );
    let counted = everywhere.subscribers("room").await.unwrap().value;
    assert_eq!(counted.total(), 2);
}

#[tokio::test]
async fn a_long_poll_is_counted_although_it_is_gone_once_it_is_answered() {
    let broker = MemoryBroker::new();
    let (sites, _sockets) = peopled(&broker).await;
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = control.local_addr().unwrap();
    tokio::spawn(sites[0].hub.control(control).into_future());
    let item = || Item::from(HttpResponse::text("order\n"));
    for by_control in [false, true] {
        let mut polls = Vec::new();
        for site in &sites {
            polls.push(site.get("/response?channel=orders").await);
            site.followed("orders", 1).await;
        }
        if by_control {
            let body = r#"{"channel":"orders","http-response":{"body":"order\n"}}"#;
            let body = format!("{{\"items\":[{body}]}}");
            let line = format!(
                "POST /publish/?count=all HTTP/1.1\r\nContent-Length: {}",
                body.len()
            );
            let answer = ask(address, &line, &body).await;
            assert!(answer.contains("grip-subscribers: 2\r\n"), "{answer}");
            assert!(answer.contains("grip-nodes: 2/2\r\n"), "{answer}");
        } else {
            let all = sites[0].hub.everywhere().publish("orders", item()).await;
            let all = all.unwrap();
            assert_eq!((all.value.response, all.nodes.answered), (2, 2));
        }
        for poll in &mut polls {
            poll.reads_until("order\n").await;
        }
    }
    let mut poll = sites[0].get("/response?channel=orders").await;
    sites[0].followed("orders", 1).await;
    let here = sites[0].hub.publish("orders", item()).await.unwrap();
    assert_eq!(here.response, 1);
    poll.reads_until("order\n").await;
}

#[tokio::test]
async fn one_connection_is_reached_wherever_it_is() {
    let broker = MemoryBroker::new();
    let (sites, mut sockets) = peopled(&broker).await;
    let id = sites[1].hub.connections().await[0].id.clone();
    let everywhere = sites[0].hub.everywhere();
    let found = everywhere.publish_to(&id, WsMessage::text("you")).await;
    assert_eq!(found.unwrap(), Found::Yes);
    assert_eq!(sockets[1].frame().await, (1, b"you".to_vec()));
    // It has no format for this one.
    let found = everywhere.publish_to(&id, HttpStream::text("x")).await;
    assert_eq!(found.unwrap(), Found::No);
    let large = WsMessage::text("x".repeat(2 << 20));
    let error = everywhere.publish_to(&id, large).await.unwrap_err();
    assert!(
        matches!(error, HubError::Relay(PublishError::TooLarge { .. })),
        "{error}"
    );

    assert_eq!(everywhere.close(&id).await, Found::Yes);
    assert_eq!(sockets[1].frame().await.0, 8);
    let unknown = "6f1ed002-5ab8-4a3b-9f5e-0d1c6e8a3b11";
    assert_eq!(everywhere.close(unknown).await, Found::No);
    assert_eq!(everywhere.close("x").await, Found::No);
}

#[tokio::test]
async fn items_of_one_request_travel_together_and_in_their_order() {
    let broker = MemoryBroker::new();
    let (one, other) = nodes(&broker).await;
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = control.local_addr().unwrap();
    tokio::spawn(one.hub.control(control).into_future());
    let mut stream = other.get("/stream?channel=news").await;
    stream.reads_until("[open]\n\r\n").await;
    let _here = one.get("/stream?channel=news").await;
    for site in [&one, &other] {
        site.followed("news", 1).await;
    }
    let items: Vec<_> = (100..200)
        .map(|n| {
            format!(
                "{{\"channel\":\"news\",\"formats\":{{\"http-stream\":{{\"content\":\"{n}\\n\"}}}}}}"
            )
        })
        .collect();
    let body = format!("{{\"items\":[{}]}}", items.join(","));
    let head = format!("POST /publish/ HTTP/1.1\r\nContent-Length: {}", body.len());
    let answer = ask(address, &head, &body).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("grip-subscribers: 100\r\n"), "{answer}");
    for n in 100..200 {
        let text = stream.reads_until(&format!("{n}\n\r\n")).await;
        assert_eq!(text, format!("4\r\n{n}\n\r\n"));
    }

    // None is accepted while the broker is away.
    broker.set_reachable(false);
    until("it is deaf", async || !one.hub.is_ready()).await;
    let answer = ask(address, &head, &body).await;
    assert!(answer.starts_with("HTTP/1.1 50"), "{answer}");
}

/// Asks the control API; the line may have headers behind it.
async fn ask(address: SocketAddr, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn where_a_node_does_not_answer_the_rest_is_told_as_partial() {
    let broker = MemoryBroker::new();
    let (sites, _sockets) = peopled(&broker).await;
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = control.local_addr().unwrap();
    tokio::spawn(sites[0].hub.control(control).into_future());
    // One that beats, and answers nothing.
    let settings = RelaySettings::new().node("silent".parse().unwrap());
    let (silent, mut deliveries) = Relay::new(Arc::new(broker.clone()), settings);
    tokio::spawn(async move { while deliveries.next().await.is_some() {} });
    silent.heard().await;
    until("it is known", async || {
        sites[0].hub.relay().unwrap().nodes().len() == 2
    })
    .await;

    let everywhere = sites[0].hub.everywhere();
    let channels = everywhere.channels(None).await.unwrap();
    assert_eq!(channels.nodes.to_string(), "2/3");
    assert_eq!(channels.value.entries[0].subscribers.total(), 2);
    let unknown = "6f1ed002-5ab8-4a3b-9f5e-0d1c6e8a3b11";
    let Found::Partial(nodes) = everywhere.close(unknown).await else {
        panic!("it may be at the one that is silent");
    };
    assert_eq!((nodes.asked, nodes.answered), (3, 2));
    let id = sites[1].hub.connections().await[0].id.clone();
    let found = everywhere.publish_to(&id, WsMessage::text("you")).await;
    assert_eq!(
        found.unwrap(),
        Found::Yes,
        "without waiting for the silent one"
    );

    for (request, status) in [
        ("GET /channels".to_owned(), "200 OK"),
        ("GET /connections?channel=room".to_owned(), "200 OK"),
        (
            "DELETE /connections?channel=room&count=all".to_owned(),
            "204 No Content",
        ),
        (
            format!("DELETE /connections/{unknown}"),
            "504 Gateway Timeout",
        ),
    ] {
        let answer = ask(address, &format!("{request} HTTP/1.1"), "").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.contains("grip-nodes: 2/3\r\n"), "{answer}");
        if request.starts_with("GET /connections") {
            assert_eq!(answer.matches("\"id\":").count(), 2, "{answer}");
        }
    }
}

#[test]
fn a_relay_that_cannot_be_used_is_refused_when_the_hub_is_built() {
    let url = "redis://localhost".parse().unwrap();
    let error = Hub::builder().relay(url).build().unwrap_err();
    let BuildError::Relay(error) = error else {
        panic!("{error}");
    };
    assert!(error.to_string().contains("`gripware_redis::broker()`"));
}
