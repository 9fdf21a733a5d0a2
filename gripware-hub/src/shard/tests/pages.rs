use std::time::Duration;

use tokio::time::sleep;

use super::{line::answer, *};

const FIRST: &str = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Link: </next>; rel=next; timeout=1";
const NEXT: &str = "Grip-Link: </next>; rel=next";

#[test]
fn empty_pages_are_no_loop() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.stream(answer(FIRST, ""), 1 << 16).await;
        for _ in 0..1000 {
            line.answer(answer(NEXT, ""));
        }
        sleep(Duration::from_secs(61)).await;
        // 0, 0.1, 0.2, ... 6.4 s, and then every ten.
        let asks = line.asks();
        assert!((10..=13).contains(&asks), "{asks} requests in a minute");

        // What comes at last is not held back, and the next one is asked for at once.
        line.answers_instead(&[answer(NEXT, "one\n"), answer(NEXT, "two\n")]);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(client.reads("two\n").await, "one\ntwo\n");
        let before = line.asks();
        line.answers_instead(&[answer(NEXT, ""), answer(NEXT, "three\n"), answer(FIRST, "")]);
        sleep(Duration::from_millis(150)).await;
        assert_eq!(client.reads("three\n").await, "three\n");
        assert_eq!(line.asks() - before, 2);
    });
}
