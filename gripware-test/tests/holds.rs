//! What the proxy makes of holds.

mod origin;

use gripware_core::{HttpResponse, HttpStream, Item};
use gripware_test::Proxy;
use http::{Request, StatusCode};
use origin::{answer, async_failure, failure, proxy, proxy_with};
use serde_json::json;

fn quiet() -> gripware_test::ProxyBuilder {
    Proxy::builder().update_on_first_subscription(false)
}

#[tokio::test]
async fn a_long_poll_gets_the_item_over_the_stored_response() {
    let (proxy, publisher, _) = proxy(|_, _| {
        let headers = [
            ("grip-hold", "response"),
            ("grip-channel", "a"),
            ("etag", "\"1\""),
            ("x-keep", "yes"),
        ];
        answer(headers, "stored\n")
    });
    let poll = proxy.get("/").hold().await;
    assert!(poll.is_open());

    publisher.publish("a", HttpStream::text("x")).await.unwrap();
    assert!(poll.is_open(), "there is nothing for it in such an item");

    let item = HttpResponse::text("new\n")
        .code(201)
        .header("ETag", "\"2\"");
    publisher.publish("a", item).await.unwrap();
    let got = poll.answer();
    got.assert_status(201).assert_text("new\n");
    got.assert_header("etag", "\"2\"")
        .assert_header("x-keep", "yes");
    assert_eq!(got.headers().len(), 2);
    assert!(!poll.is_open());
}

#[tokio::test]
async fn a_long_poll_that_gets_nothing_gets_the_stored_response() {
    let (proxy, ..) = proxy(|_, _| {
        let headers = [
            ("grip-hold", "response"),
            ("grip-status", "304 Not Modified"),
        ];
        answer(headers, "")
    });
    let poll = proxy.get("/").hold().await;
    let message = failure(|| drop(poll.answer()));
    assert!(
        message.starts_with("the request is not answered yet\n\n> GET /"),
        "{message}"
    );
    poll.fire_timeout();
    poll.answer()
        .assert_status(304)
        .assert_no_header("grip-status");
}

#[tokio::test]
async fn a_patch_is_applied_to_the_stored_response() {
    let (proxy, publisher, _) = proxy(|_, _| {
        answer(
            [("grip-hold", "response"), ("grip-channel", "a")],
            r#"{"items":[1]}"#,
        )
    });
    let poll = proxy.get("/").hold().await;
    let patch = json!([{"op": "add", "path": "/items/-", "value": 2}]);
    publisher
        .publish("a", HttpResponse::json_patch(&patch))
        .await
        .unwrap();
    poll.answer().assert_text(r#"{"items":[1,2]}"#);

    let poll = proxy.get("/").hold().await;
    let patch = json!([{"op": "remove", "path": "/none"}]);
    publisher
        .publish("a", HttpResponse::json_patch(&patch))
        .await
        .unwrap();
    poll.answer().assert_status(502);
}

#[tokio::test]
async fn the_first_client_of_a_channel_has_the_origin_asked_twice() {
    let long_poll = |request: &Request<_>, _| {
        let channel = format!(
            "{}; prev-id=4",
            request.uri().path().trim_start_matches('/')
        );
        answer([("grip-hold", "response"), ("grip-channel", &channel)], "")
    };
    let (proxy, _, seen) = proxy(long_poll);
    let _first = proxy.get("/a").header("cookie", "k=v").hold().await;
    let _second = proxy.get("/a").hold().await;
    assert_eq!(seen.with("grip-last"), ["/a ", "/a a; last-id=4", "/a "]);
    assert_eq!(seen.with("cookie"), ["/a k=v", "/a k=v", "/a "]);

    let (proxy, _, seen) = proxy_with(quiet(), long_poll);
    let _first = proxy.get("/a").hold().await;
    assert_eq!(seen.count(), 1);
}

#[tokio::test]
async fn the_repeated_request_may_be_answered_at_once() {
    let (proxy, ..) = proxy(|_, before| match before {
        0 => answer([("grip-hold", "response"), ("grip-channel", "a")], ""),
        _ => answer([], "meanwhile\n"),
    });
    proxy
        .get("/")
        .hold()
        .await
        .answer()
        .assert_text("meanwhile\n");
}

#[tokio::test]
async fn a_new_channel_for_each_request_never_comes_to_rest() {
    let (proxy, ..) = proxy(|_, before| {
        let channel = format!("a-{before}");
        answer([("grip-hold", "response"), ("grip-channel", &channel)], "")
    });
    let message = async_failure(proxy.get("/").hold()).await;
    assert!(
        message.starts_with("the proxy asks the origin again and again"),
        "{message}"
    );
}

#[tokio::test]
async fn a_long_poll_behind_the_last_item_is_asked_again() {
    let (proxy, publisher, seen) = proxy_with(quiet(), |_, before| {
        let channel = if before == 1 {
            "a; prev-id=1"
        } else {
            "a; prev-id=2"
        };
        answer([("grip-hold", "response"), ("grip-channel", channel)], "")
    });
    let first = proxy.get("/").hold().await;
    let item = Item::from(HttpResponse::text("")).id("3").prev_id("2");
    publisher.publish("a", item).await.unwrap();
    first.answer().assert_status(200);

    // It goes on from 1, and the proxy has delivered 3.
    let _second = proxy.get("/").hold().await;
    assert_eq!(seen.with("grip-last"), ["/ ", "/ ", "/ a; last-id=1"]);
}

#[tokio::test]
async fn a_hint_has_the_origin_asked_again() {
    let (proxy, publisher, seen) = proxy_with(quiet(), |request, before| match before {
        0 | 1 if request.uri() == "/poll" => {
            answer([("grip-hold", "response"), ("grip-channel", "a")], "")
        }
        _ => answer([], "done\n"),
    });
    let poll = proxy.get("/poll").hold().await;
    publisher.publish("a", HttpResponse::hint()).await.unwrap();
    assert_eq!(seen.count(), 1);
    proxy.settle().await;
    assert_eq!(seen.count(), 2);
    assert!(poll.is_open());
    publisher.publish("a", HttpResponse::hint()).await.unwrap();
    proxy.settle().await;
    poll.answer().assert_text("done\n");
}

/// A feed of the numbers up to 5, which goes on after the last id that the proxy says.
#[allow(clippy::unwrap_used, reason = "it runs in tests alone")]
fn feed(request: &Request<bytes::Bytes>, _: usize) -> http::Response<bytes::Bytes> {
    let last = request
        .headers()
        .get("grip-last")
        .map(|last| last.to_str().unwrap());
    let after = last.and_then(|last| last.strip_prefix("feed; last-id="));
    let after: u32 = after.unwrap_or("3").parse().unwrap();
    let body: String = (after + 1..=5)
        .map(|number| format!("{number}\n"))
        .collect();
    let headers = [
        ("grip-hold", "stream"),
        ("grip-channel", "feed; prev-id=5"),
        ("grip-link", "</feed>; rel=next"),
    ];
    answer(headers, body)
}

fn line(id: u32) -> Item {
    Item::from(HttpStream::text(format!("{id}\n")))
        .id(id.to_string())
        .prev_id((id - 1).to_string())
}

#[tokio::test]
async fn a_stream_gets_what_is_published_and_what_it_missed() {
    let (proxy, publisher, seen) = proxy(feed);
    let mut stream = proxy
        .get("/feed?after=3")
        .header("cookie", "k=v")
        .hold()
        .await;
    stream.expect("4\n5\n");
    let links = ["/feed?after=3 ", "/feed feed; last-id=5"];
    assert_eq!(
        seen.with("grip-last"),
        links,
        "the first client follows the next link at once"
    );
    assert_eq!(seen.with("cookie"), ["/feed?after=3 k=v", "/feed "]);

    publisher.publish("feed", line(6)).await.unwrap();
    stream.expect("6\n");
    // 7 is lost.
    publisher.publish("feed", line(8)).await.unwrap();
    stream.expect_nothing();
    proxy.recover().await;
    assert_eq!(
        seen.with("grip-last").last().unwrap(),
        "/feed feed; last-id=6"
    );
    assert_eq!(
        stream.channels()[0].prev_id(),
        Some("5"),
        "as the origin says"
    );
}

#[tokio::test]
async fn items_arrive_once_and_in_their_order() {
    let (proxy, publisher, _) = proxy_with(quiet(), feed);
    let mut stream = proxy.get("/feed").hold().await;
    stream.expect("4\n5\n");
    publisher.publish("feed", line(6)).await.unwrap();
    publisher.publish("feed", line(8)).await.unwrap();
    publisher.publish("feed", line(8)).await.unwrap();
    publisher.publish("feed", line(7)).await.unwrap();
    stream.expect("6\n7\n8\n");
}

#[tokio::test]
async fn what_comes_while_the_origin_is_asked_waits() {
    let (proxy, publisher, seen) = proxy_with(quiet(), feed);
    let mut stream = proxy.get("/feed").hold().await;
    stream.expect("4\n5\n");
    publisher.publish("feed", HttpStream::hint()).await.unwrap();
    publisher.publish("feed", line(6)).await.unwrap();
    stream.expect_nothing();
    proxy.settle().await;
    assert_eq!(seen.count(), 2);
    stream.expect("6\n");
}

#[tokio::test]
async fn pages_are_fetched_to_the_end() {
    let (proxy, ..) = proxy(|request, _| match request.uri().path() {
        "/pages/1" => answer([("grip-link", "<2>; rel=next")], "one "),
        "/pages/2" => answer([("grip-link", "</pages/3>; rel=next")], "two "),
        _ => answer([], "three"),
    });
    let mut stream = proxy.get("/pages/1").hold().await;
    stream.expect("one two three");
    assert!(!stream.is_open());
}

#[tokio::test]
async fn a_link_leads_from_the_address_of_its_answer() {
    for (link, target) in [
        ("n", "/a/n app.example"),
        ("../n", "/n app.example"),
        ("n?u=http://x", "/a/n?u=http://x app.example"),
        ("https://app.example/n", "/n app.example"),
    ] {
        let next = format!("<{link}>; rel=next");
        let (proxy, _, seen) = proxy(move |request, _| match request.uri().path() {
            "/a/b" => answer([("grip-link", &*next)], ""),
            _ => answer([], ""),
        });
        proxy.get("/a/b").header("host", "app.example").hold().await;
        assert_eq!(seen.with("host"), ["/a/b app.example", target], "{link}");
    }
}

#[tokio::test]
async fn a_link_to_another_host_fails_the_test() {
    for rel in ["next", "gone"] {
        let link = format!("<http://elsewhere.example/>; rel={rel}");
        let (proxy, _, seen) =
            proxy(move |_, _| answer([("grip-hold", "stream"), ("grip-link", &link)], ""));
        let request = proxy.get("/").header("host", "app.example");
        let message = async_failure(request.hold()).await;
        assert!(
            message.contains("<http://elsewhere.example/> leads elsewhere"),
            "{message}"
        );
        // Where the client names no host, the proxy stands for all of them.
        drop(proxy.get("/").hold().await);
        assert!(seen.with("host").last().unwrap().starts_with("/ "));
    }
}

#[tokio::test]
async fn times_run_out_where_a_test_says_so() {
    let (proxy, _, seen) = proxy(|_, _| {
        let headers = [
            ("grip-hold", "stream"),
            ("grip-keep-alive", r":\n\n; format=cstring"),
            ("grip-link", "</next>; rel=next, </bye>; rel=gone"),
        ];
        answer(headers, "")
    });
    let mut stream = proxy.get("/").hold().await;
    stream.fire_keep_alive();
    stream.expect(":\n\n");
    stream.fire_next().await;
    stream.leave().await;
    assert_eq!(seen.with("none"), ["/ ", "/next ", "/bye "]);
}

#[tokio::test]
async fn an_item_closes_a_stream() {
    let (proxy, publisher, _) =
        proxy(|_, _| answer([("grip-hold", "stream"), ("grip-channel", "a")], "[open]"));
    let mut stream = proxy.get("/").hold().await;
    publisher.publish("a", HttpStream::close()).await.unwrap();
    publisher
        .publish("a", HttpStream::text("late"))
        .await
        .unwrap();
    stream.expect("[open]");
    assert!(!stream.is_open());
}

#[tokio::test]
async fn filters_keep_items_back() {
    let (proxy, publisher, _) = proxy(|request, _| {
        let user = request.uri().path().trim_start_matches('/').to_owned();
        let headers = [
            ("grip-hold", "stream"),
            ("grip-channel", "a; filter=skip-self; filter=var-subst"),
            ("grip-set-meta", &format!("user={user}")),
        ];
        answer(headers, "")
    });
    let mut anna = proxy.get("/anna").hold().await;
    let mut ben = proxy.get("/ben").hold().await;
    let item = Item::from(HttpStream::text("to %(user)s\n")).sender("anna");
    publisher.publish("a", item).await.unwrap();
    anna.expect_nothing();
    ben.expect("to ben\n");
}

#[tokio::test]
async fn what_no_proxy_could_obey_fails_with_the_transcript() {
    for (headers, why) in [
        (
            [("grip-hold", "Stream"), ("x", "y")],
            "a proxy would answer 502: Grip-Hold",
        ),
        ([("x", "y"), ("z", "y")], "the response holds nothing"),
        (
            [("grip-hold", "stream"), ("grip-channel", "a; prev-id=1")],
            "a proxy would end the stream: the channel a has a previous id",
        ),
    ] {
        let (proxy, ..) = proxy(move |_, _| answer(headers, "body\n"));
        let message = async_failure(proxy.get("/x").hold()).await;
        assert!(message.starts_with(why), "{message}");
        let shown = "\n\n> GET /x\n> grip-sig: (signed now)\n";
        assert!(message.contains(shown), "{message}");
        assert!(message.ends_with("\n<   body\n"), "{message}");
    }
}

/// It would not end the client's request.
#[tokio::test]
async fn a_status_below_200_is_none_that_a_proxy_passes_on() {
    let poll = [("grip-hold", "response"), ("grip-channel", "a")];
    for (status, headers) in [(200, [poll[0], ("grip-status", "103")]), (101, poll)] {
        let wrong = move || {
            let mut answer = answer(headers, "");
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            answer
        };
        let (first, ..) = proxy(move |_, _| wrong());
        let message = async_failure(first.get("/x").hold()).await;
        assert!(
            message.starts_with("a proxy would answer 502: "),
            "{message}"
        );

        let (again, ..) = proxy(move |_, count| match count {
            0 => answer(poll, ""),
            _ => wrong(),
        });
        let message = async_failure(again.get("/x").hold()).await;
        assert!(
            message.starts_with("a proxy would answer 502: "),
            "{message}"
        );
    }
}

type Assertion<'a> = Box<dyn Fn() + 'a>;

#[tokio::test]
async fn assertions_fail_with_the_transcript() {
    let (proxy, ..) = proxy(|_, _| answer([("grip-hold", "stream"), ("grip-channel", "a")], "hi"));
    let got = proxy.get("/x").await;
    let wrong: [(&str, Assertion<'_>); 6] = [
        (
            "the status is 200 OK, and not 404",
            Box::new(|| {
                got.assert_status(404);
            }),
        ),
        (
            "grip-channel is \"a\", and not \"b\"",
            Box::new(|| {
                got.assert_header("grip-channel", "b");
            }),
        ),
        (
            "etag is missing",
            Box::new(|| {
                got.assert_header("etag", "1");
            }),
        ),
        (
            "the body is \"hi\", and not \"ho\"",
            Box::new(|| {
                got.assert_text("ho");
            }),
        ),
        (
            "the answer has an instruction",
            Box::new(|| {
                got.assert_no_hold();
            }),
        ),
        (
            "the hold differs: channels: ",
            Box::new(|| {
                got.assert_hold(&gripware_core::Hold::stream("b"));
            }),
        ),
    ];
    for (what, run) in wrong {
        let message = failure(run);
        assert!(message.starts_with(what), "{message}");
        assert!(message.contains("\n\n> GET /x\n"), "{message}");
        assert!(
            message.ends_with("\n< grip-channel: a\n<   hi\n"),
            "{message}"
        );
    }
    got.assert_hold(&gripware_core::Hold::stream("a"));

    let mut stream = proxy.get("/x").hold().await;
    let message = failure(|| stream.expect("ho"));
    assert!(
        message.starts_with("the stream has \"hi\", and not \"ho\"\n\n> GET /x"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_published_is_noted_and_may_be_refused() {
    let (proxy, publisher, _) = proxy(|_, _| answer([], ""));
    publisher.publish("a", HttpStream::text("x")).await.unwrap();
    proxy.assert_published("a", HttpStream::text("x"));
    assert!(proxy.published().is_empty());

    proxy.refuse_items("full");
    let error = publisher
        .publish("a", HttpStream::text("x"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the test's proxy did not take 1 item: full"
    );
    proxy.take_items();
    publisher.publish("a", HttpStream::text("y")).await.unwrap();
    let message = failure(|| proxy.assert_published("b", HttpStream::text("y")));
    assert!(
        message.starts_with("what was published is Published"),
        "{message}"
    );
}
