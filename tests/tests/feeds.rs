//! Feeds: streams that miss nothing and repeat nothing, whatever is lost on the way.

use std::time::{Duration, Instant};

use gripware_interop::{Answer, Layout, Site, for_each_site};
use serde_json::json;

for_each_site! {
    a_client_gets_what_was_before_and_what_comes_after,
    a_client_that_comes_back_goes_on_where_it_was,
    nothing_comes_twice_when_the_proxy_checks_for_what_it_missed,
    what_was_lost_is_fetched_after_a_while,
    a_hint_fetches_what_was_lost_at_once,
    feeds_do_not_mix,
    everything_comes_once_whatever_is_lost,
    lines_that_come_while_others_are_fetched_come_once,
}

async fn a_client_gets_what_was_before_and_what_comes_after(layout: Layout) {
    let site = Site::of(layout).await;
    append(&site, "news", "one").await;
    append(&site, "news", "two").await;

    let mut client = site.get("/feed/news").await;
    assert_eq!(client.status(), 200);
    client.receives("one\ntwo\n").await;
    append(&site, "news", "three").await;
    client.receives("three\n").await;
    append(&site, "news", "four").await;
    client.receives("four\n").await;
}

async fn a_client_that_comes_back_goes_on_where_it_was(layout: Layout) {
    let site = Site::of(layout).await;
    for line in ["one", "two", "three"] {
        append(&site, "news", line).await;
    }
    let mut client = site.get("/feed/news?after=2").await;
    client.receives("three\n").await;
    append(&site, "news", "four").await;
    client.receives("four\n").await;

    let mut up_to_date = site.get("/feed/news?after=4").await;
    append(&site, "news", "five").await;
    up_to_date.receives("five\n").await;
    client.receives("five\n").await;
}

async fn nothing_comes_twice_when_the_proxy_checks_for_what_it_missed(layout: Layout) {
    let site = Site::of(layout).await;
    append(&site, "news", "one").await;
    let mut first = site.get("/feed/news").await;
    first.receives("one\n").await;
    append(&site, "news", "two").await;
    first.receives("two\n").await;
    let mut second = site.get("/feed/news").await;
    second.receives("one\ntwo\n").await;
    // Pushpin follows the next link a second after the first subscription to a channel.
    first.stays_quiet(Duration::from_secs(2)).await;
    second.stays_quiet(Duration::from_millis(100)).await;
    append(&site, "news", "three").await;
    first.receives("three\n").await;
    second.receives("three\n").await;
}

async fn what_was_lost_is_fetched_after_a_while(layout: Layout) {
    let site = Site::with(layout).with_losses().start().await;
    let mut client = settled(&site, "news").await;

    lose(&site, "news", &["one", "two"]).await;
    client.stays_quiet(Duration::from_millis(500)).await;
    // The item says that it follows on one that the proxy has not seen. It waits 5 s for that one,
    // and then asks.
    append(&site, "news", "three").await;
    client.receives("one\ntwo\nthree\n").await;
    append(&site, "news", "four").await;
    client.receives("four\n").await;
    client.stays_quiet(Duration::from_secs(2)).await;
}

async fn a_hint_fetches_what_was_lost_at_once(layout: Layout) {
    let site = Site::with(layout).with_losses().start().await;
    let mut client = settled(&site, "news").await;

    lose(&site, "news", &["one", "two"]).await;
    let start = Instant::now();
    let hint = site
        .origin()
        .request("POST", "/publish/hint?channel=feed-news");
    assert_eq!(hint.send().await.json().await, json!({"published": 1}));
    client.receives("one\ntwo\n").await;
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "it waited for the gap to fill"
    );
    append(&site, "news", "three").await;
    client.receives("three\n").await;
}

async fn feeds_do_not_mix(layout: Layout) {
    let site = Site::of(layout).await;
    append(&site, "a", "a1").await;
    let mut a = site.get("/feed/a").await;
    let mut b = site.get("/feed/b").await;
    a.receives("a1\n").await;
    append(&site, "b", "b1").await;
    append(&site, "a", "a2").await;
    a.receives("a2\n").await;
    b.receives("b1\n").await;
}

async fn everything_comes_once_whatever_is_lost(layout: Layout) {
    let site = Site::with(layout).with_losses().start().await;
    let mut early = settled(&site, "news").await;
    for n in 1..=40_u32 {
        let line = n.to_string();
        // A pattern without a period that a wait of 5 s could fall in with.
        if n * n % 7 == 2 || n * n % 11 == 5 {
            lose(&site, "news", &[&line]).await;
        } else {
            append(&site, "news", &line).await;
        }
    }
    let mut late = site.get("/feed/news?after=20").await;
    append(&site, "news", "last").await;

    for n in 1..=40 {
        early.receives(format!("{n}\n")).await;
    }
    for n in 21..=40 {
        late.receives(format!("{n}\n")).await;
    }
    early.receives("last\n").await;
    late.receives("last\n").await;
    early.stays_quiet(Duration::from_secs(2)).await;
    late.stays_quiet(Duration::from_millis(100)).await;
}

async fn lines_that_come_while_others_are_fetched_come_once(layout: Layout) {
    let site = Site::with(layout).with_losses().start().await;
    let mut client = settled(&site, "news").await;
    lose(&site, "news", &["1"]).await;
    // The wait for line 1 ends somewhere in these.
    for n in 2..=70 {
        append(&site, "news", &n.to_string()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for n in 1..=70 {
        client.receives(format!("{n}\n")).await;
    }
    client.stays_quiet(Duration::from_secs(1)).await;
}

/// A client of an empty feed, after the proxy's first look for what it may have missed.
async fn settled(site: &Site, feed: &str) -> Answer {
    let client = site.get(&format!("/feed/{feed}")).await;
    assert_eq!(client.status(), 200);
    site.subscriptions(&format!("feed-{feed}"), 1).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    client
}

async fn append(site: &Site, feed: &str, line: &str) {
    let answer = site
        .origin()
        .request("POST", &format!("/feed/{feed}"))
        .body(line.to_owned())
        .send()
        .await;
    assert_eq!(answer.status(), 200);
    assert!(answer.json().await["id"].is_u64());
}

/// Appends lines whose items the proxy accepts and never delivers.
async fn lose(site: &Site, feed: &str, lines: &[&str]) {
    for line in lines {
        site.valve().loses_next(1);
        append(site, feed, line).await;
        assert_eq!(site.valve().still_to_lose(), 0, "the item was published");
    }
}
