use std::time::Duration;

use gripware_interop::Site;
use serde_json::json;

use crate::{
    compare,
    http::of_the_proxy,
    origin::stream,
    transcript::{Transcript, text},
};

#[tokio::test]
async fn a_gap_leads_to_the_next_link() {
    let play = async |site: &Site, log: &mut Transcript| {
        let append = async |line: &'static str| {
            let append = site.origin().request("POST", "/feed/news").body(line);
            assert_eq!(append.send().await.status(), 200);
        };
        append("one").await;
        let mut client = site.get("/feed/news").await;
        client.receives("one\n").await;
        // Behind Pushpin the link is followed a second after the first subscription.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        append("two").await;
        client.receives("two\n").await;
        site.recorder().forgets();
        site.valve().loses_next(2);
        append("three").await;
        append("four").await;
        append("five").await;
        let got = client.collects(Duration::from_secs(9)).await;
        log.note(format!("the client: {}", text(&got)));
        site.valve().loses_next(1);
        append("six").await;
        site.publish(r#"{"channel": "feed-news", "http-stream": {"action": "hint"}}"#)
            .await;
        client.receives("six\n").await;
    };
    compare(play, of_the_proxy()).await;
}

#[tokio::test]
async fn ids_are_put_in_order_and_counted_once() {
    let play = async |site: &Site, log: &mut Transcript| {
        let mut stream = site.get("/hold/stream?channel=news").await;
        stream.receives("[open]\n").await;
        let mut socket = site.socket("/ws/room?channel=news&user=a").await;
        site.subscriptions("news", 2).await;
        for (id, previous) in [
            ("1", None),
            ("3", Some("2")),
            ("4", Some("3")),
            ("2", Some("1")),
            ("2", Some("1")),
            ("4", None),
            ("x", None),
            ("5", Some("x")),
        ] {
            let mut item = json!({
                "channel": "news", "id": id,
                "http-stream": {"content": format!("{id} ")},
                "ws-message": {"content": id},
            });
            if let Some(previous) = previous {
                item["prev-id"] = json!(previous);
            }
            site.publish(&item.to_string()).await;
        }
        let got = stream.collects(Duration::from_secs(1)).await;
        log.note(format!("stream: {}", text(&got)));
        for _ in 0..6 {
            log.frame("socket", &mut socket).await;
        }
        // What follows on nothing that is known waits in vain, and is delivered in the end.
        site.publish(
            r#"{"channel": "news", "id": "9", "prev-id": "8", "http-stream": {"content": "late"}}"#,
        )
        .await;
        stream.stays_quiet(Duration::from_secs(3)).await;
        let got = stream.collects(Duration::from_secs(4)).await;
        log.note(format!("stream: {}", text(&got)));
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn a_previous_id_without_a_next_link_is_an_error() {
    let play = async |site: &Site, log: &mut Transcript| {
        let answer = site.get(&stream("news; prev-id=1", &[])).await;
        log.note(answer.status().to_string());
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}
