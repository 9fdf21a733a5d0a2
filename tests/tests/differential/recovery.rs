use std::time::Duration;

use gripware_interop::Site;
use serde_json::json;

use crate::{
    compare,
    origin::{say, stream},
    transcript::{Transcript, text},
};

#[tokio::test]
async fn a_gap_leads_to_the_next_link() {
    let play = async |site: &Site, log: &mut Transcript| {
        let next = say(
            200,
            &[
                ("grip-hold", "stream"),
                ("grip-channel", "news; prev-id=5"),
                ("grip-link", "</next-again>; rel=next"),
            ],
            "[4][5]",
        );
        let path = stream(
            "news; prev-id=2",
            &[(
                "grip-link",
                &format!("<{}>; rel=next", next.replace(',', "%2C")),
            )],
        );
        let mut client = site.get(&path).await;
        client.receives("[open]\n").await;
        // Behind Pushpin the link is followed a second after the first subscription.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let before = client.collects(Duration::from_millis(100)).await;
        log.note(format!("before: {}", text(&before)));
        site.recorder().forgets();
        for (id, previous) in [(6, 5), (8, 7)] {
            let item = json!({"channel": "news", "id": id.to_string(), "prev-id": previous.to_string(),
                "http-stream": {"content": format!("[{id}]")}});
            site.publish(&item.to_string()).await;
        }
        let got = client.collects(Duration::from_secs(8)).await;
        log.note(format!("after: {}", text(&got)));
    };
    compare(play, &crate::http::expected()).await;
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
    compare(play, &[]).await;
}

#[tokio::test]
async fn a_previous_id_without_a_next_link_is_an_error() {
    let play = async |site: &Site, log: &mut Transcript| {
        let answer = site.get(&stream("news; prev-id=1", &[])).await;
        log.note(answer.status().to_string());
        site.recorder().forgets();
    };
    compare(play, &[]).await;
}
