use std::time::Duration;

use gripware_core::{HttpResponse, HttpStream, Item, proxy::MAX_BUFFERED};
use http::StatusCode;
use tokio::time::sleep;

use super::{super::Message, line::answer, *};

const FEED: &str = "Grip-Hold: stream\nGrip-Channel: feed; prev-id=1\nGrip-Link: </next>; rel=next";

fn item(id: &str, prev_id: &str) -> Item {
    let item = Item::from(HttpStream::text(format!("{id}\n")));
    item.id(id).prev_id(prev_id)
}

#[test]
fn a_link_with_a_timeout_of_zero_is_not_polled() {
    TestShard::play(async |line: TestShard| {
        let headers = "Grip-Hold: stream\nGrip-Link: </next>; rel=next; timeout=0";
        let _client = line.stream(answer(headers, ""), 1000).await;
        sleep(Duration::from_millis(200)).await;
        assert!(line.asked(0).await.is_empty());
    });
}

#[test]
fn an_answer_for_a_client_that_has_gone_subscribes_nobody() {
    TestShard::play(async |line: TestShard| {
        let client = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::hint());
        line.asked(1).await;
        drop(client);
        line.until(|line| line.subscribers() == 0).await;
        line.answer(answer(FEED, "page"));
        line.settled().await;
        assert_eq!(line.subscribers(), 0);

        let poll = "Grip-Hold: response\nGrip-Channel: polls";
        let client = line.response(answer(poll, "")).await;
        line.publish("polls", HttpResponse::hint());
        line.asked(2).await;
        drop(client);
        line.until(|line| line.subscribers() == 0).await;
        line.answer(answer(poll, ""));
        line.settled().await;
        assert_eq!(line.subscribers(), 0);
    });
}

#[test]
fn a_response_hold_asks_again_where_too_much_came_meanwhile() {
    TestShard::play(async |line: TestShard| {
        let poll = "Grip-Hold: response\nGrip-Channel: polls; prev-id=0";
        let client = line.response(answer(poll, "")).await;
        line.publish("polls", HttpResponse::hint());
        line.asked(1).await;
        for n in 1..300 {
            let item = Item::from(HttpResponse::text("x")).id(n.to_string());
            line.publish("polls", item.prev_id((n - 1).to_string()));
        }
        line.settled().await;
        line.answer(answer(poll, ""));
        line.asked(2).await;
        line.answer(answer("", "all of it"));
        assert_eq!(client.await.unwrap().body(), "all of it");
    });
}

/// A client would take the next answer on its connection for the one that ends its request.
#[test]
fn a_repeated_answer_with_a_status_that_ends_no_request_is_a_502() {
    TestShard::play(async |line: TestShard| {
        let poll = "Grip-Hold: response\nGrip-Channel: polls";
        let mut plain = answer("", "plain");
        *plain.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let answers = [
            plain,
            answer("Grip-Status: 103", "not held"),
            // This one would be given at the timeout.
            answer(&format!("{poll}\nGrip-Status: 103 Early Hints"), "stored"),
        ];
        for (asked, wrong) in answers.into_iter().enumerate() {
            let client = line.response(answer(poll, "")).await;
            line.publish("polls", HttpResponse::hint());
            line.asked(asked + 1).await;
            line.answer(wrong);
            assert_eq!(client.await.unwrap().status(), StatusCode::BAD_GATEWAY);
        }
    });
}

/// Losses in quick succession are answered by what is under way, and one more.
#[test]
fn however_many_losses_come_no_more_than_one_recovery_follows_the_current_one() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.stream(answer(FEED, ""), 1000).await;
        for _ in 0..5 {
            line.sends(Message::Lost);
        }
        line.asked(1).await;
        line.answer(answer(FEED, "one\n"));
        line.asked(2).await;
        line.answer(answer(FEED, "two\n"));
        assert_eq!(client.reads("two\n").await, "one\ntwo\n");
        sleep(Duration::from_secs(10)).await;
        assert_eq!(line.asks(), 2);
    });
}

/// The origin is not asked for everybody at once.
#[test]
fn a_recovery_is_spread() {
    TestShard::paused(async |line: TestShard| {
        let mut clients = Vec::new();
        for _ in 0..80 {
            clients.push(line.websocket_in_pipe("", 1000).await);
        }
        line.sends(Message::Lost);
        line.asked(1).await;
        sleep(Duration::from_millis(900)).await;
        let half = line.asks();
        assert!((10..70).contains(&half), "{half}");
        sleep(Duration::from_millis(1200)).await;
        assert_eq!(line.asks(), 80);
    });
}

#[test]
fn a_hint_while_the_origin_is_asked_has_it_asked_again() {
    TestShard::play(async |line: TestShard| {
        let mut client = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::hint());
        line.asked(1).await;
        line.publish("feed", HttpStream::hint());
        line.settled().await;
        line.answer(answer(FEED, "old\n"));
        line.asked(2).await;
        line.answer(answer(FEED, "new\n"));
        assert_eq!(client.reads("new\n").await, "old\nnew\n");
    });
}

#[test]
fn a_stream_that_hears_of_news_does_not_get_the_answer_to_an_earlier_question() {
    TestShard::play(async |line: TestShard| {
        let mut one = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::hint());
        line.asked(1).await;
        let mut other = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::hint());
        line.asked(2).await;
        line.answer(answer(FEED, "old\n"));
        line.answer(answer(FEED, "new\n"));
        assert_eq!(other.reads("new\n").await, "new\n");
        line.answer(answer(FEED, "new\n"));
        assert_eq!(one.reads("new\n").await, "old\nnew\n");
    });
}

#[test]
fn each_channel_goes_on_from_its_own_place() {
    TestShard::play(async |line: TestShard| {
        let both = |a: &str| {
            let channels = format!("Grip-Channel: a; prev-id={a}\nGrip-Channel: b; prev-id=b1");
            let rest = "Grip-Hold: stream\nGrip-Link: </next>; rel=next";
            answer(&format!("{channels}\n{rest}"), "")
        };
        let mut client = line.stream(both("a1"), 1000).await;
        line.publish("a", HttpStream::hint());
        line.asked(1).await;
        line.publish("b", item("b2", "b1"));
        line.publish("a", item("a2", "a1"));
        line.publish("a", item("a3", "a2"));
        line.settled().await;
        line.answer(both("a2"));
        assert_eq!(client.reads("a3\n").await, "b2\na3\n");
        assert_eq!(line.asked(1).await.len(), 1);
    });
}

#[test]
fn items_that_were_kept_come_before_later_ones() {
    TestShard::play(async |line: TestShard| {
        let headers = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Link: </next>; rel=next";
        let mut client = line.stream(answer(headers, ""), 1000).await;
        line.publish("a", HttpStream::hint());
        line.asked(1).await;
        for n in 1..5 {
            line.publish("a", HttpStream::text(format!("{n}")));
            line.settled().await;
        }
        line.answer(answer(headers, "page "));
        for n in 5..9 {
            line.publish("a", HttpStream::text(format!("{n}")));
            tokio::task::yield_now().await;
        }
        assert_eq!(client.reads("8").await, "page 12345678");
    });
}

#[test]
fn a_stream_with_a_place_is_closed_by_an_item_without_ids() {
    TestShard::play(async |line: TestShard| {
        let mut client = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::close());
        assert_eq!(client.reads_to_end().await, "");
        assert!(line.asked(0).await.is_empty());
    });
}

#[test]
fn pages_wait_for_a_client_that_does_not_read() {
    let limit = |settings: &mut crate::settings::Settings| settings.queue_bytes = 10;
    TestShard::with(limit, async |line: TestShard| {
        let page = || answer("Grip-Link: </next>; rel=next", "a page of 25 bytes or so\n");
        let mut client = line.stream(page(), 1).await;
        line.asked(1).await;
        line.answer(page());
        sleep(Duration::from_millis(50)).await;
        assert_eq!(line.asked(1).await.len(), 1);
        client.reads("so\n").await;
        line.asked(2).await;
        line.answer(answer("", "the end\n"));
        assert_eq!(client.reads_to_end().await, "the end\n");
    });
}

#[test]
fn an_item_in_no_order_is_delivered_and_moves_no_place() {
    TestShard::play(async |line: TestShard| {
        let mut client = line.stream(answer(FEED, ""), 1000).await;
        line.publish(
            "feed",
            Item::from(HttpStream::text("by the way\n")).no_seq(),
        );
        line.publish("feed", item("2", "1"));
        assert_eq!(client.reads("2\n").await, "by the way\n2\n");
        line.publish("feed", HttpStream::hint());
        line.asked(1).await;
        line.publish("feed", Item::from(HttpStream::text("also\n")).no_seq());
        line.settled().await;
        line.answer(answer(FEED, "page\n"));
        assert_eq!(client.reads("also\n").await, "page\nalso\n");
        assert_eq!(line.asked(1).await, ["GET /next feed; last-id=2"]);
    });
}

#[test]
fn what_is_for_one_connection_reaches_it_while_the_origin_is_asked() {
    TestShard::play(async |line: TestShard| {
        let mut client = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::hint());
        line.asked(1).await;
        assert!(line.publish_to(client.id, HttpStream::text("you\n")).await);
        assert_eq!(client.reads("you\n").await, "you\n");
    });
}

#[test]
fn what_was_too_much_before_the_request_is_in_its_answer() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.stream(answer(FEED, ""), 1000).await;
        line.publish("feed", HttpStream::hint());
        line.asked(1).await;
        // An empty page, after which there is a pause.
        line.answer(answer("Grip-Link: </next>; rel=next", ""));
        line.settled().await;
        for n in 2..=MAX_BUFFERED + 2 {
            line.publish("feed", item(&n.to_string(), &(n - 1).to_string()));
        }
        line.settled().await;
        assert_eq!(line.asks(), 1, "it is asked after the pause");
        line.asked(2).await;
        line.answer(answer(&FEED.replace("prev-id=1", "prev-id=102"), "all\n"));
        line.settled().await;
        assert_eq!(line.asks(), 2);
        line.publish("feed", item("103", "102"));
        assert_eq!(client.reads("103\n").await, "all\n103\n");
    });
}

/// A channel without a place has no last id by which the origin could know what is missing.
#[test]
fn what_came_while_one_page_was_asked_for_waits_for_the_last() {
    TestShard::play(async |line: TestShard| {
        let headers = "Grip-Hold: stream\nGrip-Channel: a\nGrip-Link: </next>; rel=next";
        let mut client = line.stream(answer(headers, ""), 1000).await;
        line.publish("a", HttpStream::hint());
        line.asked(1).await;
        line.publish("a", HttpStream::text("item\n"));
        line.settled().await;
        line.answer(answer("Grip-Link: </next>; rel=next", "page\n"));
        line.asked(2).await;
        line.answer(answer(headers, "last\n"));
        line.asked(2).await;
        line.publish("a", HttpStream::text("end\n"));
        assert_eq!(client.reads("end\n").await, "page\nlast\nitem\nend\n");
    });
}
