//! Response holds, stream holds, and the two forms that they travel in.

use std::time::Duration;

use gripware_core::{Channel, Filter, Hold, HoldMode, KeepAlive, KeepAliveMode, http::StatusCode};

use crate::Server;

pub async fn a_response_hold_has_its_parameters(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/hold/response?channel=a").await;
    answer.assert_status(200).assert_text("timeout\n");
    answer.assert_header("content-type", "text/plain");
    answer.assert_hold(&Hold::response("a"));

    let answer = proxy
        .get(
            "/hold/response?channel=a&channel=b&prev_id=4&filter=skip-self&filter=var-subst\
             &timeout=25&meta=user%3Danna&meta=k%3Da%3Db&body=later",
        )
        .await;
    let channel = |name| {
        let channel = Channel::new(name).unwrap().with_prev_id("4").unwrap();
        channel
            .with_filter(Filter::SkipSelf)
            .with_filter(Filter::VarSubst)
    };
    let hold = Hold::response(channel("a"))
        .channel(channel("b"))
        .timeout(Duration::from_secs(25))
        .meta("user", "anna")
        .meta("k", "a=b");
    answer.assert_hold(&hold).assert_text("later");
}

pub async fn a_response_hold_answers_at_its_timeout(server: &Server) {
    let proxy = server.start().await;
    let poll = proxy.get("/hold/response?channel=a&body=late").hold().await;
    assert!(poll.is_open());
    poll.fire_timeout();
    let answer = poll.answer();
    answer.assert_status(200).assert_text("late");
    answer.assert_header("content-type", "text/plain");
}

pub async fn a_status_that_a_server_would_strip_reaches_the_client(server: &Server) {
    let proxy = server.start_quiet().await;
    for form in ["/hold/response?", "/hold/instruct?mode=response&"] {
        for status in ["304", "204", "404", "299"] {
            let path = format!("{form}channel=a&status={status}&body=");
            let poll = proxy.get(&path).hold().await;
            poll.fire_timeout();
            poll.answer().assert_status(status.parse().unwrap());
            proxy.get(&path).await.assert_status(200);
        }
    }
}

pub async fn exposed_headers_are_the_only_ones(server: &Server) {
    let proxy = server.start_quiet().await;
    for form in ["/hold/response?", "/hold/instruct?mode=response&"] {
        for (exposed, names) in [("Content-Type,%20ETag", 1), ("ETag", 0)] {
            let path = format!("{form}channel=a&expose={exposed}");
            let poll = proxy.get(&path).hold().await;
            poll.fire_timeout();
            let mut visible = poll.answer().headers().clone();
            visible.remove("content-length");
            assert_eq!(visible.len(), names, "{path}: {visible:?}");
        }
    }
}

pub async fn a_stream_hold_has_its_parameters(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy.get("/hold/stream?channel=a").await;
    answer.assert_status(200).assert_text("[open]\n");
    answer.assert_header("content-type", "text/plain");
    answer.assert_hold(&Hold::stream("a"));

    let answer = proxy
        .get(
            "/hold/stream?channel=a&prev_id=4&keep_alive=x&keep_alive_timeout=7\
             &keep_alive_mode=interval&meta=user%3Danna&body=",
        )
        .await;
    let keep_alive = KeepAlive::text("x")
        .timeout(Duration::from_secs(7))
        .mode(KeepAliveMode::Interval);
    let hold = Hold::stream(Channel::new("a").unwrap().with_prev_id("4").unwrap())
        .keep_alive(keep_alive)
        .meta("user", "anna")
        // A stream with a previous id has to say where it goes on.
        .next("/plain");
    answer.assert_hold(&hold).assert_text("");
}

pub async fn a_keep_alive_may_have_any_characters(server: &Server) {
    let proxy = server.start_quiet().await;
    for (encoded, text) in [
        ("%3A%0A%0A", ":\n\n"),
        ("%20a%3Bb%2C%22c%22%5C%20", " a;b,\"c\"\\ "),
        ("%00%7F%09", "\0\u{7f}\t"),
        ("caf%C3%A9", "caf\u{e9}"),
        ("still%20here", "still here"),
    ] {
        for form in ["/hold/stream?", "/hold/instruct?mode=stream&"] {
            let path = format!("{form}channel=a&keep_alive={encoded}&body=");
            let mut stream = proxy.get(&path).hold().await;
            stream.fire_keep_alive();
            stream.expect(text);
        }
    }
}

pub async fn server_sent_events_are_kept_alive(server: &Server) {
    let proxy = server.start_quiet().await;
    let answer = proxy.get("/sse?channel=a&channel=b").await;
    answer
        .assert_status(200)
        .assert_text("event: open\ndata: {}\n\n");
    answer.assert_header("content-type", "text/event-stream");
    let keep_alive = KeepAlive::sse(Duration::from_secs(20));
    answer.assert_hold(&Hold::stream("a").channel("b").keep_alive(keep_alive));
    proxy.get("/sse").await.assert_status(400);
}

pub async fn an_instruct_body_says_the_same(server: &Server) {
    let proxy = server.start().await;
    let answer = proxy
        .get("/hold/instruct?mode=response&channel=a&prev_id=4&timeout=25&meta=k%3Dv&status=201")
        .await;
    answer
        .assert_status(200)
        .assert_header("content-type", "application/grip-instruct");
    answer
        .assert_no_header("grip-hold")
        .assert_no_header("grip-channel");
    let hold = Hold::response(Channel::new("a").unwrap().with_prev_id("4").unwrap())
        .timeout(Duration::from_secs(25))
        .meta("k", "v");
    answer.assert_hold(&hold);
    let response = answer.hold().response().clone();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.body(), "timeout\n");

    let answer = proxy
        .get("/hold/instruct?mode=stream&channel=a&keep_alive=x")
        .await;
    answer.assert_header("content-type", "application/grip-instruct");
    answer.assert_hold(&Hold::stream("a").keep_alive(KeepAlive::text("x")));
    assert_eq!(answer.hold().response().body(), "[open]\n");

    for query in ["channel=a", "mode=socket&channel=a", "mode=stream"] {
        proxy
            .get(&format!("/hold/instruct?{query}"))
            .await
            .assert_status(400);
    }
}

pub async fn names_that_no_header_can_carry_travel_in_a_body(server: &Server) {
    let proxy = server.start().await;
    for (encoded, name) in [
        ("a%2Cb", "a,b"),
        ("a%3Bb", "a;b"),
        ("%22a%22", "\"a\""),
        ("%20a", " a"),
    ] {
        let answer = proxy.get(&format!("/hold/stream?channel={encoded}")).await;
        answer.assert_header("content-type", "application/grip-instruct");
        assert!(answer.hold().channel(name).is_some(), "{answer:?}");
    }
    for (encoded, name) in [
        ("a%20b", "a b"),
        ("caf%C3%A9", "caf\u{e9}"),
        ("a%3Db", "a=b"),
    ] {
        let answer = proxy.get(&format!("/hold/stream?channel={encoded}")).await;
        answer.assert_header("content-type", "text/plain");
        assert!(answer.hold().channel(name).is_some(), "{answer:?}");
    }
    let answer = proxy
        .get("/hold/response?channel=a&meta=user%3Dan%22na")
        .await;
    assert_eq!(answer.hold().meta("user"), Some("an\"na"));
}

pub async fn a_prefix_stands_before_every_channel(server: &Server) {
    let proxy = server.start_with_prefix("app-").await;
    for path in [
        "/hold/response?channel=a&channel=b",
        "/hold/stream?channel=a&channel=b",
        "/hold/instruct?mode=stream&channel=a&channel=b",
        "/sse?channel=a&channel=b",
    ] {
        let hold = proxy.get(path).await.hold();
        let names: Vec<_> = hold.channels().iter().map(Channel::name).collect();
        assert_eq!(names, ["app-a", "app-b"], "{path}");
    }
}

fn repeated(what: &str, count: usize) -> String {
    (0..count)
        .map(|number| format!("&{what}={what}{number}"))
        .collect()
}

fn with_meta(count: usize) -> String {
    let meta: String = (0..count)
        .map(|number| format!("&meta=k{number}%3Dv"))
        .collect();
    format!("/hold/response?channel=a{meta}")
}

pub async fn limits_are_kept_to_the_last(server: &Server) {
    let proxy = server.start().await;
    let hold = proxy
        .get(&format!("/hold/stream?{}", repeated("channel", 20)))
        .await
        .hold();
    assert_eq!(hold.channels().len(), 20);
    let path = format!("/hold/stream?channel=a{}", repeated("filter", 5));
    let hold = proxy.get(&path).await.hold();
    assert_eq!(hold.channel("a").unwrap().filters().len(), 5);
    let path = format!("/hold/stream?channel={}", "x".repeat(1024));
    assert_eq!(proxy.get(&path).await.hold().mode(), Some(HoldMode::Stream));
    let hold = proxy.get(&with_meta(64)).await.hold();
    assert_eq!(hold.meta("k63"), Some("v"));
}

pub async fn head_is_answered_and_not_held(server: &Server) {
    let proxy = server.start().await;
    for path in [
        "/hold/response?channel=a",
        "/hold/stream?channel=a",
        "/hold/stream?channel=a%2Cb",
        "/sse?channel=a",
    ] {
        let answer = proxy.request("HEAD", path).await;
        answer.assert_status(200).assert_no_hold();
    }
}

pub async fn a_parameter_that_cannot_be_read_is_refused(server: &Server) {
    let proxy = server.start().await;
    for path in [
        "/hold/response",
        "/hold/response?channel=",
        "/hold/response?channel=a%0Ab",
        "/hold/response?channel=a&prev_id=",
        "/hold/response?channel=a&filter=",
        "/hold/response?channel=a&timeout=soon",
        "/hold/response?channel=a&timeout=-1",
        "/hold/response?channel=a&status=fine",
        "/hold/response?channel=a&status=101",
        "/hold/response?channel=a&meta=user",
        "/hold/response?channel=a&meta=us%0Aer%3Dx",
        "/hold/response?channel=a&expose=a%20b",
        "/hold/stream",
        "/hold/stream?channel=a&keep_alive=",
        "/hold/stream?channel=a&keep_alive=x&keep_alive_timeout=0",
        "/hold/stream?channel=a&keep_alive=x&keep_alive_timeout=soon",
        "/hold/stream?channel=a&keep_alive=x&keep_alive_mode=often",
        "/hold/instruct?channel=a",
        "/sse",
    ] {
        let answer = proxy.get(path).await;
        answer.assert_status(400).assert_no_hold();
        let error: serde_json::Value = answer.json();
        assert!(error["error"].is_string(), "{answer:?}");
    }
}

pub async fn what_is_over_a_limit_is_refused(server: &Server) {
    let proxy = server.start().await;
    for path in [
        format!("/hold/stream?{}", repeated("channel", 21)),
        format!("/hold/stream?channel=a{}", repeated("filter", 6)),
        format!("/hold/stream?channel={}", "x".repeat(1025)),
        with_meta(65),
    ] {
        proxy.get(&path).await.assert_status(400).assert_no_hold();
    }
}
