use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use super::{super::Message, line::answer, *};

const STREAM: &str = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Link: </next>; rel=next\nGrip-Link: </gone>; rel=gone";

fn drain(line: &TestShard) -> oneshot::Receiver<()> {
    let (done, drained) = oneshot::channel();
    line.sends(Message::Drain(done));
    drained
}

#[test]
fn a_shard_is_drained_as_soon_as_nobody_is_held_and_the_origin_knows_it() {
    TestShard::paused(async |line: TestShard| {
        let client = line.stream(answer(STREAM, ""), 1000).await;
        let start = Instant::now();
        let mut drained = drain(&line);
        line.settled().await;
        assert!(drained.try_recv().is_err(), "the client is still there");
        drop(client);
        line.settled().await;
        assert!(line.is_empty());
        assert!(drained.try_recv().is_err(), "the origin is still told");
        line.answer(answer("", ""));
        drained.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_client_that_does_not_take_its_end_counts_as_gone_while_there_is_time_to_tell_it() {
    TestShard::paused(async |line: TestShard| {
        let _client = line.websocket_in_pipe("", 1000).await;
        let start = Instant::now();
        let drained = drain(&line);
        line.asked(1).await;
        let patience = line.shared.settings.drain * 3 / 5;
        let took = start.elapsed();
        assert!((patience..patience * 11 / 10).contains(&took), "{took:?}");
        tokio::select! {
            _ = line.websocket_in_pipe("", 1000) => panic!("one that comes now is held"),
            _ = line.asked(2) => {}
        }
        line.answer(answer("", ""));
        line.answer(answer("", ""));
        drained.await.unwrap();
    });
}
