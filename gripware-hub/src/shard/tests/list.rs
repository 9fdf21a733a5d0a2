use gripware_core::HttpStream;
use tokio::sync::oneshot;

use super::{line::answer, *};
use crate::{
    inspect::{ConnectionInfo, Subscribers},
    page::Seniority,
    shard::Message,
};

const STREAM: &str = "Grip-Hold: stream\nGrip-Channel: a, b";

async fn listed(
    line: &TestShard,
    channel: Option<&str>,
    after: Option<Seniority>,
    limit: usize,
) -> Vec<(Seniority, ConnectionInfo)> {
    let (list, listed) = oneshot::channel();
    line.sends(Message::List {
        channel: channel.map(Into::into),
        after,
        limit,
        list,
    });
    listed.await.unwrap()
}

#[test]
fn clients_are_listed_by_age_from_any_of_them_on() {
    TestShard::play(async |line: TestShard| {
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(line.stream(answer(STREAM, ""), 10).await);
        }
        let names = |list: &[(Seniority, ConnectionInfo)]| -> Vec<_> {
            list.iter().map(|(_, info)| info.id.clone()).collect()
        };
        let ids: Vec<_> = clients.iter().map(|it| it.id.to_string()).collect();
        let all = listed(&line, None, None, usize::MAX).await;
        assert_eq!(names(&all), ids);
        let first = listed(&line, None, None, 2).await;
        assert_eq!(names(&first), ids[..2]);
        assert_eq!(names(&listed(&line, Some("b"), None, 3).await), ids[..3]);
        assert_eq!(
            names(&listed(&line, Some("b"), Some(first[1].0), 3).await),
            ids[2..]
        );
        assert!(listed(&line, Some("c"), None, 3).await.is_empty());
        // Whoever is named by a cursor may have gone.
        let after = first[1].0;
        drop(clients.remove(1));
        line.until(|line| line.subscribers() == 8).await;
        assert_eq!(names(&listed(&line, None, Some(after), 2).await), ids[2..4]);
        assert_eq!(names(&listed(&line, None, Some(after), 9).await), ids[2..]);
    });
}

#[test]
fn what_there_is_is_counted_as_it_changes() {
    TestShard::play(async |line: TestShard| {
        let gauges = |line: &TestShard| {
            let metrics = &line.shared.metrics;
            let (connections, subscriptions) = (&metrics.connections, &metrics.subscriptions);
            (
                connections.values(),
                subscriptions.values(),
                line.shared.registry.followed(),
                line.shared.queued_bytes(),
            )
        };
        let by_kind = |response, stream, websocket| Subscribers {
            response,
            stream,
            websocket,
        };
        let slow = line.stream(answer(STREAM, ""), 10).await;
        let held = answer("Grip-Hold: response\nGrip-Channel: b", "");
        let waiting = line.response(held).await;
        let socket = line.websocket_in_pipe("", 10).await;
        line.publish("a", HttpStream::text("x".repeat(100)));
        let counted = (by_kind(1, 1, 1), by_kind(1, 2, 0), 2, 90);
        line.until(|line| gauges(line) == counted).await;
        drop((slow, waiting, socket));
        line.answer(answer("Content-Type: application/websocket-events", ""));
        line.until(|line| gauges(line) == Default::default()).await;
    });
}
