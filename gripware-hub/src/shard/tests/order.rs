use gripware_core::HttpStream;

use super::{line::answer, *};

/// Items that are handed out one by one, so that others have their turn in between.
fn one_by_one<F: Future>(play: impl FnOnce(TestShard) -> F) -> F::Output {
    TestShard::with(|it| it.queue_messages = 2, play)
}

#[test]
fn a_page_follows_a_channel_behind_what_was_published_there_before() {
    one_by_one(async |line: TestShard| {
        let first = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Link: </next>; rel=next";
        let mut client = line.stream(answer(first, ""), 1 << 16).await;
        let held = answer("Grip-Hold: stream\nGrip-Channel: b", "");
        let mut other = line.stream(held, 1 << 16).await;
        line.publish("a", HttpStream::hint());
        line.asked(1).await;

        for text in ["one\n", "two\n", "three\n"] {
            line.publish("b", HttpStream::text(text));
        }
        let page = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Channel: b";
        line.answer(answer(page, "up to three\n"));
        assert_eq!(other.reads("three\n").await, "one\ntwo\nthree\n");
        line.until(|line| line.subscribers() == 3).await;
        line.publish("b", HttpStream::text("four\n"));
        assert_eq!(client.reads("four\n").await, "up to three\nfour\n");
    });
}

#[test]
fn what_is_published_once_a_channel_is_followed_comes() {
    one_by_one(async |line: TestShard| {
        let only_a = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Link: </next>; rel=next";
        let with_b = format!("{only_a}\nGrip-Channel: b");
        let mut client = line.stream(answer(only_a, ""), 1 << 16).await;
        for (asks, (page, channels)) in [(&*with_b, 2), (only_a, 1), (&*with_b, 2)]
            .into_iter()
            .enumerate()
        {
            line.publish("a", HttpStream::hint());
            line.asked(asks + 1).await;
            line.answer(answer(page, ""));
            line.until(|line| line.subscribers() == channels).await;
        }
        line.publish("b", HttpStream::text("one\n"));
        assert_eq!(client.reads("one\n").await, "one\n");
    });
}
