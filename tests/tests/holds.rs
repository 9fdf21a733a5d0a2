//! Response holds, which are answered once: long-polling.

use std::time::{Duration, Instant};

use gripware_interop::{Layout, Site, for_each_site};

for_each_site! {
    a_held_request_is_answered_with_what_is_published,
    a_published_answer_replaces_status_and_headers_and_inherits_the_rest,
    a_hold_on_two_channels_is_answered_by_either,
    a_hold_nobody_answers_ends_with_its_own_body_after_the_proxys_minimum,
    the_status_at_the_timeout_is_the_one_the_handler_chose,
    only_exposed_headers_reach_the_client,
    an_item_for_other_kinds_of_hold_answers_nothing,
    a_head_request_is_never_held,
    a_malformed_parameter_is_a_bad_request,
    an_item_that_follows_on_what_the_client_has_seen_answers_it,
    an_item_that_does_not_follow_makes_the_proxy_ask_again,
}

async fn a_held_request_is_answered_with_what_is_published(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.hold("/hold/response?channel=news&timeout=20");
    site.settled("news").await;
    client.is_held_for(Duration::from_millis(200)).await;

    site.publish(r#"{"channel": "other", "http-response": {"body": "not this\n"}}"#)
        .await;
    client.is_held_for(Duration::from_millis(200)).await;

    site.publish(r#"{"channel": "news", "http-response": {"body": "news\n"}}"#)
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 200);
    assert!(
        answer
            .headers()
            .keys()
            .all(|name| !name.as_str().starts_with("grip-"))
    );
    assert_eq!(answer.text().await, "news\n");
}

async fn a_published_answer_replaces_status_and_headers_and_inherits_the_rest(layout: Layout) {
    let site = Site::of(layout).await;
    let client = site.hold("/hold/response?channel=news");
    site.settled("news").await;

    site.publish(
        r#"{"channel": "news", "http-response":
            {"code": 409, "headers": [["ETag", "\"2\""]], "body": "conflict\n"}}"#,
    )
    .await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert!(answer.header("content-type").starts_with("text/plain"));
    assert_eq!(answer.text().await, "conflict\n");
}

async fn a_hold_on_two_channels_is_answered_by_either(layout: Layout) {
    let site = Site::of(layout).await;
    let first = site.hold("/hold/response?channel=a&channel=b");
    let second = site.hold("/hold/response?channel=b&channel=c");
    site.settled("a").await;
    site.settled("c").await;

    site.publish(r#"{"channel": "c", "http-response": {"body": "from c\n"}}"#)
        .await;
    assert_eq!(second.answer().await.text().await, "from c\n");
    site.publish(r#"{"channel": "b", "http-response": {"body": "from b\n"}}"#)
        .await;
    assert_eq!(first.answer().await.text().await, "from b\n");
}

async fn a_hold_nobody_answers_ends_with_its_own_body_after_the_proxys_minimum(layout: Layout) {
    let site = Site::of(layout).await;
    let start = Instant::now();
    let plain = site.hold("/hold/response?channel=a&timeout=1");
    let own = site.hold("/hold/response?channel=b&timeout=1&body=nothing%0A");

    let answer = plain.answer().await;
    assert!(
        start.elapsed() >= Duration::from_secs(5),
        "Pushpin holds for 5 s at least"
    );
    assert_eq!(answer.status(), 200);
    assert!(answer.header("content-type").starts_with("text/plain"));
    assert_eq!(answer.text().await, "timeout\n");
    assert_eq!(own.answer().await.text().await, "nothing\n");
}

async fn the_status_at_the_timeout_is_the_one_the_handler_chose(layout: Layout) {
    let site = Site::of(layout).await;
    let statuses = [200, 204, 304, 404, 503];
    let clients = statuses.map(|status| {
        site.hold(&format!(
            "/hold/response?channel=s{status}&timeout=1&status={status}"
        ))
    });
    for (status, client) in statuses.into_iter().zip(clients) {
        let answer = client.answer().await;
        assert_eq!(answer.status(), status);
        let body = if [204, 304].contains(&status) {
            ""
        } else {
            "timeout\n"
        };
        assert_eq!(answer.text().await, body, "with {status}");
    }
}

async fn only_exposed_headers_reach_the_client(layout: Layout) {
    let site = Site::of(layout).await;
    let all = site.hold("/hold/response?channel=all&timeout=1");
    let some = site.hold("/hold/response?channel=some&timeout=1&expose=Date,X-Other");

    let answer = all.answer().await;
    assert!(answer.headers().contains_key("content-type"));
    let answer = some.answer().await;
    assert!(answer.headers().contains_key("date"));
    assert!(!answer.headers().contains_key("content-type"));
    assert_eq!(answer.text().await, "timeout\n");
}

async fn an_item_for_other_kinds_of_hold_answers_nothing(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.hold("/hold/response?channel=news");
    site.settled("news").await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "no\n"}, "ws-message": {"content": "no"}}"#)
        .await;
    client.is_held_for(Duration::from_millis(500)).await;
}

async fn a_head_request_is_never_held(layout: Layout) {
    let site = Site::of(layout).await;
    for path in [
        "/hold/response?channel=news",
        "/hold/stream?channel=news",
        "/hold/instruct?mode=response&channel=news",
        "/sse?channel=news",
        "/feed/news",
    ] {
        let start = Instant::now();
        let answer = site.request("HEAD", path).send().await;
        assert!(start.elapsed() < Duration::from_secs(4), "{path} was held");
        assert!(answer.status() < 500, "{path}: {}", answer.status());
        answer.ends().await;
    }
}

async fn a_malformed_parameter_is_a_bad_request(layout: Layout) {
    let site = Site::of(layout).await;
    for path in [
        "/hold/response?channel=news&timeout=soon",
        "/hold/response?channel=news&timeout=-1",
        "/hold/response?channel=news&status=ok",
        "/hold/response?channel=news&meta=user",
        "/hold/response?channel=ne%0D%0Aws",
        "/hold/stream?channel=news&keep_alive=x&keep_alive_timeout=often",
        "/hold/instruct?channel=news",
        "/hold/instruct?mode=Stream&channel=news",
    ] {
        assert_eq!(site.get(path).await.status(), 400, "{path}");
    }
}

async fn an_item_that_follows_on_what_the_client_has_seen_answers_it(layout: Layout) {
    let site = Site::of(layout).await;
    let client = site.hold("/hold/response?channel=news&prev_id=1");
    site.settled("news").await;
    site.publish(
        r#"{"channel": "news", "id": "2", "prev-id": "1", "http-response": {"body": "two\n"}}"#,
    )
    .await;
    assert_eq!(client.answer().await.text().await, "two\n");
}

async fn an_item_that_does_not_follow_makes_the_proxy_ask_again(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.hold("/hold/response?channel=news&prev_id=1");
    site.settled("news").await;
    // It names no id that it follows on: the client may have missed something.
    site.publish(r#"{"channel": "news", "http-response": {"body": "lost\n"}}"#)
        .await;
    site.is_asked_again("news").await;
    client.is_held_for(Duration::from_millis(200)).await;

    site.publish(
        r#"{"channel": "news", "id": "2", "prev-id": "1", "http-response": {"body": "two\n"}}"#,
    )
    .await;
    assert_eq!(client.answer().await.text().await, "two\n");
}
