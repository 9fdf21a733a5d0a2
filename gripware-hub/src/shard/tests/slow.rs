use std::time::Duration;

use gripware_core::HttpStream;
use tokio::time::sleep;

use super::{super::connection::Connection, line::answer, *};

const STREAM: &str = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Channel: b";

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_does_not_read_keeps_nobody_busy() {
    Line::play(async |line: Line| {
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

fn queued(line: &Line) -> usize {
    let connections = line.shard.connections.borrow();
    let bytes = |it: &Connection| it.state.borrow().outbox.bytes();
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
    Line::with(limit, async |line: Line| {
        let mut client = line.stream(answer(STREAM, ""), 1 << 20).await;
        // Two channels in turn, so that no two of them are put together.
        for n in 0..100 {
            let channel = if n % 2 == 0 { "a" } else { "b" };
            line.publish(channel, HttpStream::text("x".repeat(99) + "\n"));
        }
        line.publish("a", HttpStream::text("end"));
        assert_eq!(client.reads("end").await.len(), 100 * 100 + 3);
        assert_eq!(line.common.metrics.slow_closed.value(), 0);
    });
}
