//! Origins that speak WebSocket themselves.

use std::time::Duration;

use gripware_core::WsMessage;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{super::Message, *};
use crate::ws::{FrameDecoder, Opcode, Sender, append_masked, encode};

const PATIENCE: Duration = Duration::from_secs(200);
const SUBSCRIBE: &str = r#"c:{"type":"subscribe","channel":"a"}"#;

/// One end of a WebSocket: a client, or an origin.
struct Peer {
    pipe: DuplexStream,
    decoder: FrameDecoder,
    is_client: bool,
}

impl Peer {
    async fn says(&mut self, opcode: Opcode, content: &[u8]) {
        let frame = if self.is_client {
            let mut frame = Vec::new();
            append_masked(&mut frame, opcode, content, [1, 2, 3, 4]);
            frame
        } else {
            encode(opcode, content).to_vec()
        };
        self.pipe.write_all(&frame).await.unwrap();
    }

    async fn text(&mut self, content: &str) {
        self.says(Opcode::Text, content.as_bytes()).await;
    }

    /// The next message, or `end`.
    async fn hears(&mut self) -> String {
        let next = async {
            loop {
                // One byte at a time, so that nothing behind it is taken.
                let Ok(byte) = self.pipe.read_u8().await else {
                    return "end".to_owned();
                };
                if let Some(message) = self.decoder.read(&mut &[byte][..], 1 << 20).unwrap() {
                    let (kind, content) = message.into_event();
                    return format!("{kind} {}", content.escape_ascii());
                }
            }
        };
        timeout(PATIENCE, next).await.expect("something comes")
    }
}

async fn peers(line: &TestShard, takes: usize) -> (Peer, Peer) {
    let (client, origin) = line.native(takes).await;
    let peer = |pipe, sender, is_client| Peer {
        pipe,
        decoder: FrameDecoder::of(sender),
        is_client,
    };
    (
        peer(client.pipe, Sender::Origin, true),
        peer(origin, Sender::Client, false),
    )
}

#[test]
fn frames_go_up_and_down_and_what_is_published_comes_in_between() {
    TestShard::play(async |line: TestShard| {
        let (mut client, mut origin) = peers(&line, 1 << 16).await;
        origin.text(SUBSCRIBE).await;
        origin.text("m:one").await;
        assert_eq!(client.hears().await, "TEXT one");
        line.publish("a", WsMessage::text("two"));
        assert_eq!(client.hears().await, "TEXT two");
        client.text("three").await;
        client.says(Opcode::Ping, b"p").await;
        assert_eq!(origin.hears().await, "TEXT three");
        assert_eq!(origin.hears().await, "PING p");
        origin.says(Opcode::Pong, b"p").await;
        assert_eq!(client.hears().await, "PONG p");
        client.says(Opcode::Close, b"\x0f\xa0").await;
        assert_eq!(origin.hears().await, r"CLOSE \x0f\xa0");
        origin.says(Opcode::Close, b"\x0f\xa0").await;
        assert_eq!(client.hears().await, r"CLOSE \x0f\xa0");
        assert_eq!(client.hears().await, "end");
        assert_eq!(origin.hears().await, "end");
        drop(client);
        line.until(TestShard::is_empty).await;
        assert_eq!((line.asks(), line.subscribers()), (0, 0));
    });
}

#[test]
fn either_side_that_is_gone_ends_the_other() {
    TestShard::play(async |line: TestShard| {
        let (mut client, mut origin) = peers(&line, 1 << 16).await;
        client.text("last").await;
        drop(client);
        assert_eq!(origin.hears().await, "TEXT last");
        assert_eq!(origin.hears().await, "end");
        line.until(TestShard::is_empty).await;

        let (mut client, origin) = peers(&line, 1 << 16).await;
        drop(origin);
        assert_eq!(client.hears().await, "end");
        drop(client);
        line.until(TestShard::is_empty).await;
    });
}

#[test]
fn a_client_that_is_detached_needs_no_origin() {
    TestShard::play(async |line: TestShard| {
        let (mut client, mut origin) = peers(&line, 1 << 16).await;
        origin.text(SUBSCRIBE).await;
        origin.text(r#"c:{"type":"detach"}"#).await;
        assert_eq!(origin.hears().await, "CLOSE ");
        assert_eq!(origin.hears().await, "end");
        drop(origin);
        client.text("nobody hears it").await;
        line.settled().await;
        line.publish("a", WsMessage::text("still here"));
        assert_eq!(client.hears().await, "TEXT still here");
        client.says(Opcode::Close, b"\x0f\xa0").await;
        assert_eq!(client.hears().await, r"CLOSE \x0f\xa0");
        assert_eq!(client.hears().await, "end");
    });
}

#[test]
fn an_origin_is_read_as_fast_as_its_client_reads() {
    TestShard::play(async |line: TestShard| {
        let (mut client, mut origin) = peers(&line, 1_000).await;
        let message = format!("m:{}", "x".repeat(400));
        let saying = async {
            for _ in 0..1_000 {
                origin.text(&message).await;
            }
        };
        // The pipes and what is read at once have room for a part of them.
        let all = timeout(Duration::from_millis(200), saying).await;
        assert!(all.is_err(), "somebody takes without end");
        let queued = line.shared.queued(0).value();
        assert!(queued <= 20_000, "{queued} bytes wait");
        assert!(client.hears().await.starts_with("TEXT xxx"));
        assert_eq!(line.shared.metrics.slow_closed.value(), 0);
    });
}

#[test]
fn a_client_is_read_as_fast_as_its_origin_reads() {
    TestShard::paused(async |line: TestShard| {
        let (mut client, mut origin) = peers(&line, 1_000).await;
        let saying = async {
            for _ in 0..1_000 {
                client.text(&"x".repeat(1_000)).await;
            }
        };
        assert!(timeout(Duration::from_secs(5), saying).await.is_err());
        assert_eq!(origin.hears().await, format!("TEXT {}", "x".repeat(1_000)));
    });
}

#[test]
fn an_origin_that_takes_nothing_is_given_up() {
    TestShard::paused(async |line: TestShard| {
        let (mut client, origin) = peers(&line, 1_000).await;
        client.text(&"x".repeat(10_000)).await;
        sleep(Duration::from_secs(59)).await;
        assert!(!line.is_empty());
        assert_eq!(client.hears().await, r"CLOSE \x03\xf3");
        drop(client);
        line.until(TestShard::is_empty).await;
        drop(origin);
    });
}

#[test]
fn the_end_of_the_hub_is_told_to_both() {
    TestShard::play(async |line: TestShard| {
        let (mut client, mut origin) = peers(&line, 1 << 16).await;
        origin.text("m:one").await;
        assert_eq!(client.hears().await, "TEXT one");
        let (done, mut is_done) = oneshot::channel();
        line.sends(Message::Drain(done));
        assert_eq!(client.hears().await, r"CLOSE \x03\xe9");
        assert!(is_done.try_recv().is_err());
        client.says(Opcode::Close, b"\x03\xe9").await;
        assert_eq!(origin.hears().await, r"CLOSE \x03\xe9");
        assert_eq!(origin.hears().await, "end");
        drop(client);
        timeout(PATIENCE, is_done).await.unwrap().unwrap();
    });
}
