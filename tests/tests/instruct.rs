//! Instructions that travel as a body of `application/grip-instruct`, and names only it can carry.

use std::time::Duration;

use gripware_interop::{Layout, Site, escaped, for_each_site};
use serde_json::json;

for_each_site! {
    a_body_holds_as_headers_do,
    a_body_answers_at_the_timeout_as_headers_do,
    a_body_keeps_connections_alive,
    any_channel_name_reaches_its_subscribers_and_no_other,
    names_no_header_can_carry_work_without_being_asked_for,
    an_id_no_header_can_carry_works_too,
}

/// Each would, in a header, be cut, split or read as something else.
const NAMES: [&str; 11] = [
    "a,b",
    "a;b",
    "a; filter=skip-self",
    "\"quoted\"",
    " spaces at both ends ",
    "back\\slash",
    "\\",
    "é ☃ 🦀",
    "{\"json\": [1]}",
    "<angle> & 'single' %2C %(user)s",
    "a, b; prev-id=\"7\"",
];

async fn a_body_holds_as_headers_do(layout: Layout) {
    let site = Site::of(layout).await;
    let mut stream = site
        .get("/hold/instruct?mode=stream&channel=news&filter=var-subst&meta=user%3Danna&body=hello%0A")
        .await;
    assert_eq!(stream.status(), 200);
    assert!(stream.header("content-type").starts_with("text/plain"));
    stream.receives("hello\n").await;
    let response = site.hold("/hold/instruct?mode=response&channel=news");
    site.settled("news").await;

    site.publish(
        r#"{"channel": "news", "http-stream": {"content": "to %(user)s\n"},
            "http-response": {"body": "to all\n"}}"#,
    )
    .await;
    stream.receives("to anna\n").await;
    let response = response.answer().await;
    assert_eq!(response.text().await, "to all\n");
}

async fn a_body_answers_at_the_timeout_as_headers_do(layout: Layout) {
    let site = Site::of(layout).await;
    let plain = site.hold("/hold/instruct?mode=response&channel=a&timeout=1&body=late%0A");
    let not_modified = site.hold("/hold/instruct?mode=response&channel=b&timeout=1&status=304");
    let exposed = site.hold("/hold/instruct?mode=response&channel=c&timeout=1&expose=X-None");

    let plain = plain.answer().await;
    assert!(plain.header("content-type").starts_with("text/plain"));
    assert_eq!(plain.text().await, "late\n");
    assert_eq!(not_modified.answer().await.status(), 304);
    let exposed = exposed.answer().await;
    assert!(!exposed.headers().contains_key("content-type"));
    assert_eq!(exposed.text().await, "timeout\n");
}

async fn a_body_keeps_connections_alive(layout: Layout) {
    let site = Site::of(layout).await;
    let content = "; \\ \t☃\n";
    let mut client = site
        .get(&format!(
            "/hold/instruct?mode=stream&channel=news&keep_alive_timeout=1&keep_alive={}",
            escaped(content)
        ))
        .await;
    client.receives("[open]\n").await;
    client.receives(content.repeat(2)).await;
}

async fn any_channel_name_reaches_its_subscribers_and_no_other(layout: Layout) {
    follow_each_name(layout, "/hold/instruct?mode=stream&channel=").await;
}

async fn names_no_header_can_carry_work_without_being_asked_for(layout: Layout) {
    follow_each_name(layout, "/hold/stream?channel=").await;
}

async fn follow_each_name(layout: Layout, path: &str) {
    let site = Site::of(layout).await;
    let mut clients = Vec::new();
    for name in NAMES {
        let mut client = site.get(&format!("{path}{}", escaped(name))).await;
        assert_eq!(client.status(), 200, "{name:?}");
        client.receives("[open]\n").await;
        clients.push(client);
    }
    // What the names fall apart into, where they do.
    for part in ["a", "b", "spaces at both ends", "quoted", "backslash"] {
        publish(&site, part, "not this\n").await;
    }
    for name in NAMES {
        publish(&site, name, &format!("for {name:?}\n")).await;
    }
    for (client, name) in clients.iter_mut().zip(NAMES) {
        client.receives(format!("for {name:?}\n")).await;
        client.stays_quiet(Duration::from_millis(20)).await;
    }
}

async fn an_id_no_header_can_carry_works_too(layout: Layout) {
    let site = Site::of(layout).await;
    let id = "a, b; c \"d\" \\";
    let mut client = site.hold(&format!(
        "/hold/response?channel=news&timeout=20&prev_id={}",
        escaped(id)
    ));
    site.settled("news").await;
    client.is_held_for(Duration::from_millis(100)).await;

    // It follows on the id that the hold named, so that nothing is missing and it comes at once.
    let item = json!({
        "channel": "news", "id": "e", "prev-id": id, "http-response": {"body": "next\n"},
    });
    site.publish(&item.to_string()).await;
    assert_eq!(client.answer().await.text().await, "next\n");
}

async fn publish(site: &Site, channel: &str, content: &str) {
    let item = json!({"channel": channel, "http-stream": {"content": content}});
    site.publish(&item.to_string()).await;
}
