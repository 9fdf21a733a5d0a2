//! WebSockets, which reach the origin as requests with events in their bodies.

use std::time::Duration;

use gripware_interop::{Frame, Layout, PATIENCE, Refusal, Site, Socket, escaped, for_each_site};
use serde_json::{Value, json};

for_each_site! {
    text_comes_back_as_text_and_binary_as_binary,
    messages_of_any_content_come_back_unchanged,
    messages_sent_in_one_go_come_back_in_their_order,
    a_ping_is_answered_with_its_content,
    a_close_is_answered_with_its_code,
    a_close_without_a_code_is_answered,
    a_room_passes_on_what_is_said_in_it,
    a_room_spares_the_speaker_where_asked_to,
    a_room_may_have_any_name,
    a_counter_counts_for_each_connection,
    a_subprotocol_is_agreed_on,
    a_connection_without_the_subprotocol_is_refused,
    a_refusal_reaches_the_client,
    an_origin_closes_with_its_code_and_reason,
    a_detached_connection_only_listens,
    a_keep_alive_is_sent_by_the_proxy,
    the_log_tells_of_opens_closes_and_disconnects,
    a_missing_parameter_refuses_the_connection,
}

async fn text_comes_back_as_text_and_binary_as_binary(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/echo").await;
    client.sends("hello").await;
    client.receives("hello").await;
    client.sends_binary(b"\x00\xff\r\n").await;
    assert_eq!(client.next().await, Frame::Binary(b"\x00\xff\r\n".to_vec()));
    // The same bytes in the other kind.
    client.sends_binary(b"hello").await;
    assert_eq!(client.next().await, Frame::Binary(b"hello".to_vec()));
}

async fn messages_of_any_content_come_back_unchanged(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/echo").await;
    let texts = [
        "",
        "c:{\"type\":\"detach\"}",
        "m:prefixed",
        "TEXT 5\r\nhello\r\n",
        "\r\n",
        "\0",
        "é ☃ 🦀",
    ];
    for text in texts {
        client.sends(text).await;
        client.receives(text).await;
    }
    client.sends_binary(b"").await;
    assert_eq!(client.next().await, Frame::Binary(Vec::new()));
    client.sends_binary(b"c:{\"type\":\"detach\"}").await;
    assert_eq!(
        client.next().await,
        Frame::Binary(b"c:{\"type\":\"detach\"}".to_vec())
    );
    // Pushpin 1.36 stalls on what it has to cut in frames of 16 KiB and more.
    let long = "x".repeat(16_000);
    client.sends(&long).await;
    client.receives(&long).await;
}

async fn messages_sent_in_one_go_come_back_in_their_order(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/echo").await;
    for n in 0..200 {
        client.sends(&n.to_string()).await;
    }
    for n in 0..200 {
        client.receives(&n.to_string()).await;
    }
}

async fn a_ping_is_answered_with_its_content(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/echo").await;
    for content in [&b"are you there"[..], b"", b"\xff\x00"] {
        client.pings(content).await;
        assert_eq!(client.next().await, Frame::Pong(content.to_vec()));
    }
}

async fn a_close_is_answered_with_its_code(layout: Layout) {
    let site = Site::of(layout).await;
    for (code, reason) in [(1000, "done"), (4001, "moved, é"), (1001, "")] {
        let mut client = site.socket("/ws/echo").await;
        client.sends("before").await;
        client.closes(code, reason).await;
        client.receives("before").await;
        let frame = client.next().await;
        assert!(
            matches!(frame, Frame::Close(Some((answer, _))) if answer == code),
            "{frame:?}"
        );
    }
}

async fn a_close_without_a_code_is_answered(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/echo").await;
    client.closes_without_code().await;
    let frame = client.next().await;
    // Pushpin fills in 1000.
    assert!(
        matches!(&frame, Frame::Close(None | Some((1000, _)))),
        "{frame:?}"
    );
}

async fn a_room_passes_on_what_is_said_in_it(layout: Layout) {
    let site = Site::of(layout).await;
    let mut anna = site.socket("/ws/room?channel=room&user=anna").await;
    let mut ben = site.socket("/ws/room?channel=room&user=ben").await;
    let mut other = site.socket("/ws/room?channel=other&user=carl").await;
    site.subscriptions("room", 2).await;

    anna.sends("hello").await;
    anna.receives("hello").await;
    ben.receives("hello").await;
    site.publish(r#"{"channel": "room", "ws-message": {"content": "from outside"}}"#)
        .await;
    anna.receives("from outside").await;
    ben.receives("from outside").await;
    other.stays_quiet(Duration::from_millis(200)).await;
}

async fn a_room_spares_the_speaker_where_asked_to(layout: Layout) {
    let site = Site::of(layout).await;
    let mut anna = site
        .socket("/ws/room?channel=room&user=anna&filter=skip-self")
        .await;
    let mut ben = site
        .socket("/ws/room?channel=room&user=ben&filter=skip-self")
        .await;
    site.subscriptions("room", 2).await;

    anna.sends("from anna").await;
    ben.receives("from anna").await;
    ben.sends("from ben").await;
    anna.receives("from ben").await;
    ben.stays_quiet(Duration::from_millis(200)).await;
}

async fn a_room_may_have_any_name(layout: Layout) {
    let site = Site::of(layout).await;
    for name in ["a,b; c", "\"quoted\" \\ back", "é ☃", "c:{}"] {
        let path = format!("/ws/room?user=a&channel={}", escaped(name));
        let mut client = site.socket(&path).await;
        site.subscriptions(name, 1).await;
        client.sends("heard").await;
        client.receives("heard").await;
        let item = json!({"channel": name, "ws-message": {"content": name}});
        site.publish(&item.to_string()).await;
        client.receives(name).await;
    }
}

async fn a_counter_counts_for_each_connection(layout: Layout) {
    let site = Site::of(layout).await;
    let mut one = site.socket("/ws/counter").await;
    let mut two = site.socket("/ws/counter").await;
    for n in 1..=3 {
        one.sends("more").await;
        one.receives(&n.to_string()).await;
    }
    // Several of these come in one request.
    for _ in 0..10 {
        two.sends("more").await;
    }
    for n in 1..=10 {
        two.receives(&n.to_string()).await;
    }
    // Only what is text counts.
    one.sends_binary(b"more").await;
    one.sends("more").await;
    one.receives("4").await;
}

async fn a_subprotocol_is_agreed_on(layout: Layout) {
    let site = Site::of(layout).await;
    for offer in ["p2", "p1, p2", "p2,p3"] {
        let client = site
            .try_socket("/ws/protocols", &[("sec-websocket-protocol", offer)])
            .await;
        assert_eq!(
            client.expect("an accepted connection").protocol(),
            Some("p2")
        );
    }
    let client = site.socket("/ws/echo").await;
    assert_eq!(client.protocol(), None);
}

async fn a_connection_without_the_subprotocol_is_refused(layout: Layout) {
    let site = Site::of(layout).await;
    let refused = |result: Result<Socket, Refusal>| {
        assert_eq!(
            result.expect_err("a refusal"),
            Refusal {
                status: 400,
                body: "no protocol\n".to_owned()
            }
        );
    };
    refused(site.try_socket("/ws/protocols", &[]).await);
    let offer = [("sec-websocket-protocol", "p1, p22")];
    refused(site.try_socket("/ws/protocols", &offer).await);
}

async fn a_refusal_reaches_the_client(layout: Layout) {
    let site = Site::of(layout).await;
    let refusal = site.try_socket("/ws/refuse", &[]).await;
    assert_eq!(
        refusal.expect_err("a refusal"),
        Refusal {
            status: 403,
            body: "no\n".to_owned()
        }
    );
}

async fn an_origin_closes_with_its_code_and_reason(layout: Layout) {
    let site = Site::of(layout).await;
    for (code, reason) in [(4001, "room closed"), (1000, ""), (1008, "é, \"no\"")] {
        let path = format!("/ws/close?code={code}&reason={}", escaped(reason));
        let mut client = site.socket(&path).await;
        client.stays_quiet(Duration::from_millis(50)).await;
        client.sends("go").await;
        client.is_closed(code, reason).await;
    }
}

async fn a_detached_connection_only_listens(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.socket("/ws/detach?channel=news").await;
    site.subscriptions("news", 1).await;
    site.publish(r#"{"channel": "news", "ws-message": {"content": "one"}}"#)
        .await;
    client.receives("one").await;
    client.sends("is anybody there").await;
    client.stays_quiet(Duration::from_millis(300)).await;
    site.publish(r#"{"channel": "news", "ws-message": {"content": "two"}}"#)
        .await;
    client.receives("two").await;
}

async fn a_keep_alive_is_sent_by_the_proxy(layout: Layout) {
    let site = Site::of(layout).await;
    let content = "still, \"here\" é";
    let path = format!("/ws/keep-alive?timeout=1&content={}", escaped(content));
    let mut client = site.socket(&path).await;
    client.receives(content).await;
    client.receives(content).await;
}

async fn the_log_tells_of_opens_closes_and_disconnects(layout: Layout) {
    let site = Site::of(layout).await;
    let mut closing = site.socket("/ws/log").await;
    wait_for_log(&site, 1).await;
    closing.closes(4002, "enough").await;
    assert!(matches!(
        closing.next().await,
        Frame::Close(Some((4002, _)))
    ));
    let vanishing = site.socket("/ws/log").await;
    wait_for_log(&site, 3).await;
    vanishing.vanishes();

    let log = wait_for_log(&site, 4).await;
    let (first, second) = (&log[0]["connection"], &log[2]["connection"]);
    assert_ne!(first, second);
    assert_eq!(
        json!(log),
        json!([
            {"connection": first, "event": "open", "code": null, "reason": null},
            {"connection": first, "event": "close", "code": 4002, "reason": "enough"},
            {"connection": second, "event": "open", "code": null, "reason": null},
            {"connection": second, "event": "disconnect", "code": null, "reason": null},
        ])
    );
}

async fn a_missing_parameter_refuses_the_connection(layout: Layout) {
    let site = Site::of(layout).await;
    for path in ["/ws/room?user=anna", "/ws/detach", "/ws/nothing"] {
        let refusal = site.try_socket(path, &[]).await.expect_err(path);
        assert_eq!(refusal.status, 400, "{path}: {refusal:?}");
    }
}

/// Waits until the log on the origin has this many entries.
async fn wait_for_log(site: &Site, entries: usize) -> Vec<Value> {
    let wait = async {
        loop {
            let log = site.get("/ws/log").await.json().await;
            let log = log.as_array().expect("a list").clone();
            if log.len() >= entries {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("the log never had {entries} entries"))
}
