//! Clients of all kinds come, go, vanish and stall at random, while all kinds of items are published.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use gripware_axum::{HttpResponse, HttpStream, Item, WsMessage};
use gripware_hub::{Hub, SlowClients};
use support::{PATIENCE, Site};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

const CLIENTS: usize = 300;
const CHANNELS: u64 = 12;
/// How long they play at least. A busy machine takes longer to see enough of each kind.
const LENGTH: Duration = Duration::from_secs(5);

/// The same numbers each time (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    async fn waits(&mut self, millis: u64) {
        sleep(Duration::from_millis(self.below(millis))).await;
    }
}

/// One client after the other.
async fn clients(address: SocketAddr, mut dice: Dice, end: watch::Receiver<bool>) {
    while !*end.borrow() {
        // On a busy machine a connection may be refused.
        let Ok(mut stream) = TcpStream::connect(address).await else {
            dice.waits(50).await;
            continue;
        };
        let _ = client(&mut stream, &mut dice).await;
        if dice.below(4) == 0 {
            // What is unread is thrown away, which the other side gets to know as a reset.
            let _ = stream.set_zero_linger();
        }
    }
}

async fn client(stream: &mut TcpStream, dice: &mut Dice) -> std::io::Result<()> {
    let channel = dice.below(CHANNELS);
    let kind = dice.below(5);
    let path = ["stream", "response", "pages", "ws", "several"][kind as usize];
    let version = if dice.below(8) == 0 { "1.0" } else { "1.1" };
    let mut request = format!("GET /{path}?channel=c{channel} HTTP/{version}\r\nHost: a\r\n");
    if path == "ws" {
        request.push_str(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        );
    }
    request.push_str("\r\n");
    if dice.below(6) == 0 {
        request.push_str("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let cut = match dice.below(20) {
        0 => dice.below(request.len() as u64) as usize,
        _ => request.len(),
    };
    stream.write_all(&request.as_bytes()[..cut]).await?;
    for _ in 0..dice.below(6) {
        match dice.below(4) {
            // It does not read.
            0 => dice.waits(300).await,
            1 if path == "ws" => {
                let payload = [b'x'; 100];
                let mut frame = vec![0x81, 0x80 | 100, 0, 0, 0, 0];
                frame.extend_from_slice(&payload);
                stream.write_all(&frame).await?;
            }
            2 if path == "ws" && dice.below(3) == 0 => {
                stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]).await?;
            }
            _ => {
                let mut buffer = [0; 16 * 1024];
                let limit = Duration::from_millis(dice.below(200));
                if let Ok(read) = timeout(limit, stream.read(&mut buffer)).await
                    && read? == 0
                {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

async fn publish(hub: Hub, mut dice: Dice, end: watch::Receiver<bool>) -> u64 {
    let (mut id, mut published) = (10, 0);
    while !*end.borrow() {
        let channel = format!("c{}", dice.below(CHANNELS));
        let text = "y".repeat(dice.below(200) as usize + 1);
        let mut item = match dice.below(40) {
            0 => Item::from(HttpStream::hint()).http_response(HttpResponse::hint()),
            1 => Item::from(HttpStream::close()),
            2 => Item::from(WsMessage::close(gripware_axum::CloseCode::NORMAL, "")),
            3 => Item::from(WsMessage::refresh()),
            4 => Item::from(HttpResponse::text(text)),
            5 => Item::from(HttpStream::text("z".repeat(30_000))),
            _ => Item::from(HttpStream::text(text.clone())).ws_message(WsMessage::text(text)),
        };
        if dice.below(2) == 0 {
            // Now and then one is left out, comes twice, or too late.
            let prev_id = id;
            id += match dice.below(20) {
                0 => 2,
                1 => 0,
                _ => 1,
            };
            item = item.id(format!("{channel}-{id}"));
            if dice.below(2) == 0 {
                item = item.prev_id(format!("{channel}-{prev_id}"));
            }
        }
        hub.publish(channel.as_str(), item).await.unwrap();
        published += 1;
        if dice.below(50) == 0 {
            let connections = hub.connections().await;
            if let Some(one) = connections.get(dice.below(connections.len().max(1) as u64) as usize)
            {
                match dice.below(3) {
                    0 => drop(hub.close(&one.id).await),
                    1 => drop(hub.publish_to(&one.id, HttpStream::text("1")).await),
                    _ => drop(hub.publish_to(&one.id, WsMessage::text("1")).await),
                }
            }
            dice.waits(10).await;
        }
    }
    published
}

fn value(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|it| it.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {metrics}"))
        .trim_ascii()
        .parse()
        .unwrap()
}

/// Whether the play has been one: clients of each kind were held, and were sent to.
fn enough_was_seen(metrics: &str) -> Result<(), String> {
    for (name, least) in [
        ("held_responses", 100),
        ("held_streams", 100),
        ("held_websockets", 100),
        ("deliveries", 1000),
        ("duplicates", 1),
    ] {
        let seen = value(metrics, &format!("gripware_hub_{name}_total "));
        if seen < least {
            return Err(format!("{name}: {seen} of {least}"));
        }
    }
    Ok(())
}

async fn plays(seed: u64, slow: SlowClients) {
    let site = Site::with(|hub| {
        hub.message_wait(Duration::from_millis(100))
            .queue_bytes(64 * 1024)
            .slow_clients(slow)
            .drain(PATIENCE)
    })
    .await;
    let (stop, end) = watch::channel(false);
    let mut all = JoinSet::new();
    for n in 0..CLIENTS {
        all.spawn(clients(
            site.address,
            Dice::new(seed + n as u64),
            end.clone(),
        ));
    }
    let publishers: Vec<_> = (0..3)
        .map(|n| {
            tokio::spawn(publish(
                site.hub.clone(),
                Dice::new(seed + 1000 + n),
                end.clone(),
            ))
        })
        .collect();
    sleep(LENGTH).await;
    let begun = Instant::now();
    while let Err(what) = enough_was_seen(&site.hub.metrics().await) {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(100)).await;
    }
    stop.send_replace(true);
    let mut published = 0;
    for publisher in publishers {
        published += publisher.await.unwrap();
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    let hub = &site.hub;
    let begun = Instant::now();
    loop {
        let (connections, channels) = (hub.connections().await, hub.channels());
        if connections.is_empty() && channels.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{connections:?}\n{channels:?}");
        sleep(Duration::from_millis(20)).await;
    }
    let metrics = hub.metrics().await;
    let of = |name: &str| value(&metrics, name);
    assert_eq!(of("gripware_hub_items_total "), published);
    assert_eq!(of("gripware_hub_queued_bytes "), 0);

    for n in 0..8 {
        // On each shard.
        let mut client = site.get("/stream?channel=last").await;
        client.reads_until("[open]\n\r\n").await;
        site.followed("last", 1).await;
        let item = HttpStream::text(format!("item {n}\n"));
        hub.publish("last", item).await.unwrap();
        client.reads_until(&format!("item {n}\n\r\n")).await;
        drop(client);
        site.followed("last", 0).await;
    }
    // It waits for every connection that a shard still knows of.
    timeout(PATIENCE / 2, hub.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_clients_that_do_what_they_like() {
    plays(1, SlowClients::Close).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_them_where_they_are_not_cut_off() {
    plays(5000, SlowClients::Drop).await;
}
