//! Server-sent events, which are a stream hold with a media type and a keep-alive.

use gripware_interop::{Layout, Site, for_each_site};
use serde_json::json;

for_each_site! {
    events_arrive_as_they_are_published,
    a_client_follows_several_channels,
}

async fn events_arrive_as_they_are_published(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/sse?channel=news").await;
    assert_eq!(client.status(), 200);
    assert_eq!(client.header("content-type"), "text/event-stream");
    client.receives("event: open\ndata: {}\n\n").await;

    for n in 1..=3 {
        let event = format!("id: {n}\ndata: {{\"n\":{n}}}\n\n");
        let item = json!({"channel": "news", "http-stream": {"content": event}});
        site.publish(&item.to_string()).await;
        client.receives(event).await;
    }
}

async fn a_client_follows_several_channels(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/sse?channel=a%2Cb&channel=c").await;
    client.receives("event: open\ndata: {}\n\n").await;
    for channel in ["c", "a", "a,b"] {
        let event = format!("data: {channel}\n\n");
        let item = json!({"channel": channel, "http-stream": {"content": event}});
        site.publish(&item.to_string()).await;
    }
    client.receives("data: c\n\ndata: a,b\n\n").await;
}
