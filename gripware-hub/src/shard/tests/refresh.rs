//! Turns that WebSockets are given although there is nothing to tell.

use std::sync::Arc;

use tokio::io::AsyncReadExt;

use super::{line::answer, *};
use crate::{channels::backlog::Backlog, connection_id::Id, shard::Message};

#[test]
fn each_websocket_of_a_refresh_has_a_turn_and_nobody_else_has() {
    TestShard::play(async |line: TestShard| {
        let backlog = Arc::new(Backlog::new(1000));
        let refresh = |ids: Vec<Id>| {
            let permit = Arc::new(backlog.take(ids.len()).unwrap());
            let ids = ids.into();
            line.sends(Message::Refresh { ids, permit });
        };
        let mut one = line.websocket_in_pipe("", 1000).await;
        let other = line.websocket_in_pipe("", 1000).await;
        let mut third = line.websocket_in_pipe("", 1000).await;
        let stream = line.stream(answer("Grip-Hold: stream", ""), 1000).await;
        let told = "TEXT 7\r\nm:hello\r\n";
        for _ in 0..2 {
            line.answer(answer("Content-Type: application/websocket-events", told));
        }
        refresh(vec![one.id, Id::random(), stream.id, third.id]);
        line.asked(2).await;
        assert_eq!(line.bodies(), ["", ""]);
        for client in [&mut one, &mut third] {
            let mut frame = [0; 7];
            client.pipe.read_exact(&mut frame).await.unwrap();
            assert_eq!(&frame, b"\x81\x05hello");
        }
        line.settled().await;
        assert_eq!(line.asks(), 2);
        assert_eq!(backlog.used(), 0);

        // A turn that is under way leaves one for what comes meanwhile, however often it comes.
        refresh(vec![other.id]);
        line.asked(3).await;
        for _ in 0..3 {
            refresh(vec![other.id]);
        }
        line.answer(answer("Content-Type: application/websocket-events", ""));
        line.asked(4).await;
        line.answer(answer("Content-Type: application/websocket-events", ""));
        line.until(|line| line.answers_left() == 0).await;
        line.settled().await;
        assert_eq!(line.asks(), 4);
    });
}
