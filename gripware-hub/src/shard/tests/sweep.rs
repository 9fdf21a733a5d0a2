use std::time::Duration;

use gripware_core::{HttpStream, Item};
use tokio::time::sleep;

use super::{line::answer, *};

#[test]
fn what_many_needed_is_given_back_when_they_have_gone() {
    TestShard::paused(async |line: TestShard| {
        let mut clients = Vec::new();
        for n in 0..2000 {
            let headers = format!("Grip-Hold: stream\nGrip-Channel: c{n}");
            clients.push(line.begin_stream(&answer(&headers, ""), 10));
        }
        line.until(|line| line.subscribers() == 2000).await;
        for n in 0..20_000 {
            let item = Item::from(HttpStream::text("")).id("1");
            line.publish(&format!("other{n}"), item);
        }
        assert!(line.shard.by_id.borrow().capacity() >= 2000);
        assert!(line.shared.registry.known() >= 20_000);
        clients.clear();
        line.until(|line| line.subscribers() == 0).await;
        // Nothing is published any more.
        sleep(Duration::from_secs(200)).await;
        assert!(line.shard.by_id.borrow().capacity() < 100);
        assert_eq!(line.shard.connections.borrow().capacity(), 0);
        assert_eq!(line.shared.registry.known(), 0);
    });
}
