use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{line::answer, *};

#[test]
fn a_time_that_moves_often_leaves_nothing_behind() {
    TestShard::play(async |line: TestShard| {
        let _client = line.stream(answer("Grip-Hold: stream", ""), 10).await;
        let connection = line.shard.by_id.borrow().values().next().cloned().unwrap();
        let set = |end| {
            connection.with(|it| it.end_by = Some(end));
            line.shard.set_timer(&connection);
        };
        let start = Instant::now();
        let hour = start + Duration::from_secs(3600);
        for n in 0..10 {
            set(start + Duration::from_millis(100 - n));
        }
        set(hour);
        sleep(Duration::from_millis(150)).await;
        line.until(|line| line.shard.timers.borrow().next() == Some(hour))
            .await;
        assert_eq!(line.shard.timers.borrow().len(), 1);
    });
}

#[test]
fn times_that_mean_nothing_any_more_are_thrown_away() {
    TestShard::play(async |line: TestShard| {
        let _client = line.stream(answer("Grip-Hold: stream", ""), 10).await;
        let connection = line.shard.by_id.borrow().values().next().cloned().unwrap();
        let hour = Instant::now() + Duration::from_secs(3600);
        for n in 0..5000 {
            connection.with(|it| it.end_by = Some(hour - Duration::from_millis(n)));
            line.shard.set_timer(&connection);
        }
        line.until(|line| line.shard.timers.borrow().len() < 1500)
            .await;
        assert!(line.shard.timers.borrow().next() < Some(hour));
    });
}
