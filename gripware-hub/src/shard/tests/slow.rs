use std::time::Duration;

use gripware_core::{HttpStream, Item, WsMessage};
use tokio::time::sleep;

use super::{super::connection::Connection, line::answer, *};
use crate::SlowClients;

const STREAM: &str = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Channel: b";

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_does_not_read_keeps_nobody_busy() {
    TestShard::play(async |line: TestShard| {
        let mut client = line.stream(answer(STREAM, ""), 16).await;
        line.publish("a", HttpStream::text("x".repeat(1000)));
        line.until(|line| queued(line) > 0).await;
        let before = processor_time();
        sleep(Duration::from_millis(500)).await;
        let busy = processor_time() - before;
        assert!(busy < Duration::from_millis(200), "{busy:?}");
        client.reads(&"x".repeat(1000)).await;
    });
}

fn queued(line: &TestShard) -> usize {
    let connections = line.shard.connections.borrow();
    let bytes = |it: &Connection| it.with(|it| it.outbox.bytes());
    connections.iter().map(|(_, it)| bytes(it)).sum()
}

/// What this thread has used.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = stat.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanos)
}

#[test]
fn what_came_in_one_batch_is_no_reason_to_cut_a_client_off() {
    let limit = |settings: &mut crate::settings::Settings| settings.queue_bytes = 1000;
    TestShard::with(limit, async |line: TestShard| {
        let mut client = line.stream(answer(STREAM, ""), 1 << 20).await;
        // Two channels in turn, so that no two of them are put together.
        for n in 0..100 {
            let channel = if n % 2 == 0 { "a" } else { "b" };
            line.publish(channel, HttpStream::text("x".repeat(99) + "\n"));
        }
        line.publish("a", HttpStream::text("end"));
        assert_eq!(client.reads("end").await.len(), 100 * 100 + 3);
        assert_eq!(line.shared.metrics.slow_closed.value(), 0);
    });
}

/// Has clients that read nothing get items of 100 bytes in a row, and gives how many bytes wait for
/// each kind.
fn queued_of_a_row(limit: fn(&mut crate::settings::Settings)) -> [usize; 2] {
    const EVENTS: &str = "TEXT 24\r\nc:{\"type\":\"subscribe\",\"channel\":\"a\"}\r\n";
    let kinds = [false, true];
    kinds.map(|is_websocket| {
        let mut waits = 0;
        let drops = |settings: &mut crate::settings::Settings| {
            settings.slow_clients = SlowClients::Drop;
            limit(settings);
        };
        TestShard::with(drops, async |line: TestShard| {
            let _client = if is_websocket {
                line.websocket_in_pipe(EVENTS, 16).await
            } else {
                line.stream(answer(STREAM, ""), 16).await
            };
            for _ in 0..40 {
                let text = "x".repeat(100);
                let item = Item::new().http_stream(HttpStream::text(text.clone()));
                line.publish("a", item.ws_message(WsMessage::text(text)));
            }
            let metrics = &line.shared.metrics;
            line.until(|_| metrics.deliveries.value() + metrics.dropped.value() == 40)
                .await;
            assert!(metrics.deliveries.value() > 0);
            waits = queued(&line);
        });
        waits
    })
}

#[test]
fn what_came_in_a_row_takes_no_more_bytes_than_a_queue_has() {
    let queued = queued_of_a_row(|settings| settings.queue_bytes = 1000);
    assert!(queued.iter().all(|it| *it <= 1000), "{queued:?}");
}

#[test]
fn what_came_in_a_row_takes_no_more_messages_than_a_queue_has() {
    let queued = queued_of_a_row(|settings| settings.queue_messages = 5);
    // Each has its frame.
    assert!(queued.iter().all(|it| *it <= 5 * 102), "{queued:?}");
}

#[test]
fn one_message_may_be_larger_than_a_queue() {
    let queued = queued_of_a_row(|settings| settings.queue_bytes = 50);
    assert!(
        queued.iter().all(|it| (50..=102).contains(it)),
        "{queued:?}"
    );
}
