use std::time::Instant;

use gripware_core::HttpStream;

use super::{line::answer, *};

/// How long it takes to hold so many clients, each on a channel of its own and one for all, to
/// publish to them, and to lose them, in an order that is not that in which they came.
fn seconds(count: usize) -> f64 {
    ClientConn::play(async |line: ClientConn| {
        let start = Instant::now();
        let mut clients = Vec::new();
        for n in 0..count {
            let headers = format!("Grip-Hold: stream\nGrip-Channel: all, c{n}");
            clients.push(line.begin_stream(&answer(&headers, ""), 100));
        }
        line.until(|line| line.subscribers() == 2 * count).await;
        line.publish("all", HttpStream::text("one\n"));
        for client in &mut clients {
            client.reads("one\n").await;
        }
        while !clients.is_empty() {
            clients.swap_remove(clients.len() / 3);
        }
        line.until(|line| line.subscribers() == 0).await;
        start.elapsed().as_secs_f64()
    })
}

#[test]
fn many_clients_cost_as_much_each_as_few() {
    let few = seconds(1000);
    let many = seconds(10_000);
    println!("1000 take {few} s, and 10 000 {many} s");
    // Ten times as much if all is well, and a hundred times if something is not.
    assert!(many < 40.0 * few.max(0.1), "{few} {many}");
}
