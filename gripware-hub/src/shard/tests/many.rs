use gripware_core::HttpStream;

use super::{line::answer, *};

/// How many: with work for each that grows with the number of all, this would take minutes.
const COUNT: usize = 10_000;

#[test]
fn many_clients_come_and_go_in_any_order_and_nothing_of_them_is_left() {
    TestShard::play(async |line: TestShard| {
        let mut clients = Vec::new();
        for n in 0..COUNT {
            let headers = format!("Grip-Hold: stream\nGrip-Channel: all, c{n}");
            clients.push(line.begin_stream(&answer(&headers, ""), 100));
        }
        line.until(|line| line.subscribers() == 2 * COUNT).await;
        line.publish("all", HttpStream::text("one\n"));
        for client in &mut clients {
            client.reads("one\n").await;
        }
        assert_eq!(line.shared.metrics.deliveries.value(), COUNT as u64);
        while !clients.is_empty() {
            clients.swap_remove(clients.len() / 3);
        }
        line.until(|line| line.subscribers() == 0).await;
        assert!(line.is_empty());
        assert_eq!(line.shared.registry.followed(), 0);
    });
}
