//! WebSocket clients that vanish without a word, and those that are there and have nothing to say.

use std::time::Duration;

use gripware_core::{WsMessage, ws::CloseCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use super::{
    line::{Client, answer},
    *,
};

/// With a mask of zeros.
const PONG: &[u8] = b"\x8a\x88\0\0\0\0gripware";

async fn reads_ping(client: &mut Client) {
    let mut frame = [0; 10];
    client.pipe.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"\x89\x08gripware");
}

#[test]
fn a_client_that_does_not_answer_a_ping_is_gone_and_the_application_is_told() {
    TestShard::pinging(async |line: TestShard| {
        let start = Instant::now();
        let mut client = line.websocket_in_pipe("", 1000).await;
        reads_ping(&mut client).await;
        assert_eq!(start.elapsed().as_secs(), 25);
        line.answer(answer("Content-Type: application/websocket-events", ""));
        tokio::time::sleep(Duration::from_secs(19)).await;
        line.asked(1).await;
        assert_eq!(line.bodies(), ["DISCONNECT\r\n"]);
        assert_eq!(start.elapsed().as_secs(), 45);
        line.until(TestShard::is_empty).await;
        assert_eq!(client.reads_to_end().await, "");
        assert_eq!(line.shared.metrics.silent_closed.value(), 1);
    });
}

#[test]
fn a_client_that_answers_stays_and_the_application_hears_nothing_of_it() {
    TestShard::pinging(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1000).await;
        for _ in 0..100 {
            reads_ping(&mut client).await;
            client.pipe.write_all(PONG).await.unwrap();
        }
        assert_eq!(line.asks(), 0);
        // The application's own ping has a pong of its own.
        client.pipe.write_all(b"\x8a\x81\0\0\0\0x").await.unwrap();
        line.asked(1).await;
        assert_eq!(line.bodies(), ["PONG 1\r\nx\r\n"]);
        assert_eq!(line.shared.metrics.silent_closed.value(), 0);
    });
}

#[test]
fn anything_that_comes_shows_that_a_client_is_there() {
    TestShard::pinging(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1000).await;
        for _ in 0..3 {
            reads_ping(&mut client).await;
            // The beginning of a message.
            client
                .pipe
                .write_all(&[0x01, 0x80, 0, 0, 0, 0])
                .await
                .unwrap();
            client
                .pipe
                .write_all(&[0x80, 0x80, 0, 0, 0, 0])
                .await
                .unwrap();
            line.answer(answer("Content-Type: application/websocket-events", ""));
        }
        assert_eq!(line.shared.metrics.silent_closed.value(), 0);
    });
}

#[test]
fn a_client_that_has_not_taken_what_was_sent_is_not_pinged() {
    TestShard::pinging(async |line: TestShard| {
        let client = line.websocket_in_pipe("", 10).await;
        line.publish_to(client.id, WsMessage::text("x".repeat(100)))
            .await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(line.shared.metrics.silent_closed.value(), 0);
        assert!(!line.is_empty());
    });
}

#[test]
fn a_client_that_is_not_read_from_has_its_time_again() {
    TestShard::pinging(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1 << 20).await;
        let limit = line.shared.ws_settings.queue_events;
        // As much as the origin may be behind, and behind it a pong that is not read for now.
        reads_ping(&mut client).await;
        for _ in 0..=2 * limit {
            let empty = [0x81, 0x80, 0, 0, 0, 0];
            client.pipe.write_all(&empty).await.unwrap();
        }
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        assert_eq!(line.shared.metrics.silent_closed.value(), 0);
    });
}

#[test]
fn a_close_that_waits_for_its_answer_is_not_pinged() {
    TestShard::pinging(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1000).await;
        let connection = line.connection(client.id);
        line.shard.input(
            &connection,
            crate::session::Input::Finish(CloseCode::NORMAL),
        );
        let said = client.reads_to_end().await;
        assert!(!said.contains("gripware"), "{said:?}");
    });
}

#[test]
fn a_turn_that_is_under_way_comes_to_its_end_although_the_client_is_gone() {
    TestShard::play(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1000).await;
        client
            .pipe
            .write_all(&[0x88, 0x80, 0, 0, 0, 0])
            .await
            .unwrap();
        // It takes the close, and will answer it later.
        let later = "Content-Type: application/websocket-events\nKeep-Alive-Interval: 60";
        line.answer(answer(later, ""));
        line.asked(1).await;
        line.publish_to(client.id, WsMessage::refresh()).await;
        line.asked(2).await;
        // Nobody has to be told of anything any more.
        drop(client);
        line.until(TestShard::is_empty).await;
        line.answer(answer(later, ""));
        line.until(|line| line.answers_left() == 0).await;
    });
}
