use std::time::Duration;

use gripware_interop::{Difference, Site};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    Expected, asked_once, compare,
    http::expected,
    origin::{instruct, say},
    replaced,
    transcript::Transcript,
};

#[tokio::test]
async fn response_holds_are_answered_by_items() {
    let play = async |site: &Site, log: &mut Transcript| {
        let formats = [
            json!({"body": "plain"}),
            json!({"body": ""}),
            json!({"body-bin": "AP8="}),
            json!({"code": 409, "body": "x"}),
            json!({"code": "410", "reason": "Gone For Good", "body": "x"}),
            json!({"code": 204, "body": ""}),
            json!({"code": 304, "headers": {"ETag": "\"2\""}, "body": ""}),
            json!({"headers": [["ETag", "\"2\""], ["X-New", "a"], ["X-New", "b"]], "body": "x"}),
            json!({"headers": {"Content-Length": "99", "Grip-Hold": "stream", "Content-Type": "text/x"}, "body": "x"}),
            json!({"body-patch": [{"op": "add", "path": "/items/-", "value": 2}]}),
            json!({"body-patch": [{"op": "replace", "path": "/items/0", "value": "x"}, {"op": "test", "path": "/items/0", "value": "x"}]}),
            json!({"body-patch": [{"op": "remove", "path": "/items/0"}]}),
        ];
        // A channel for each, so that the first subscriber is settled in all at the same time.
        let channels: Vec<_> = (0..formats.len()).map(|n| format!("news-{n}")).collect();
        let clients: Vec<_> = channels
            .iter()
            .map(|channel| {
                let stored = [
                    ("grip-hold", "response"),
                    ("grip-channel", channel),
                    ("content-type", "application/json"),
                    ("x-keep", "stored"),
                    ("etag", "\"1\""),
                ];
                site.hold(&say(200, &stored, r#"{"items":[1]}"#))
            })
            .collect();
        for ((format, channel), client) in formats.iter().zip(&channels).zip(clients) {
            site.settled(channel).await;
            let item = json!({"channel": channel, "http-response": format});
            site.publish(&item.to_string()).await;
            log.answer(&format.to_string(), client.answer().await).await;
        }
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn the_origin_is_asked_for_a_response_hold_once_more_by_pushpin() {
    let play = async |site: &Site, log: &mut Transcript| {
        let path = say(
            200,
            &[("grip-hold", "response"), ("grip-channel", "news")],
            "x",
        );
        let client = site
            .request("GET", &path)
            .header("cookie", "a=1")
            .send_and_wait();
        site.settled("news").await;
        site.publish(r#"{"channel": "news", "http-response": {"body": "news"}}"#)
            .await;
        log.answer("the client", client.answer().await).await;
    };
    let mut expected = expected();
    let repeat = Difference::FIRST_SUBSCRIBER_REPEAT;
    expected.push(Expected::of_pushpin(repeat, asked_once));
    compare(play, expected).await;
}

#[tokio::test]
async fn response_holds_nobody_answers_get_their_stored_response() {
    let play = async |site: &Site, log: &mut Transcript| {
        let hold = |headers: &[(&str, &str)], status| {
            let all: Vec<_> = [
                ("grip-hold", "response"),
                ("grip-channel", "news"),
                ("grip-timeout", "5"),
            ]
            .into_iter()
            .chain(headers.iter().copied())
            .collect();
            say(status, &all, "stored\n")
        };
        let body = |response: &str| {
            format!(
                r#"{{"hold": {{"channels": [{{"name": "news"}}], "timeout": 5}}, "response": {response}}}"#
            )
        };
        let paths = [
            hold(&[("content-type", "text/plain"), ("etag", "\"1\"")], 200),
            hold(&[], 404),
            hold(&[("grip-status", "304"), ("etag", "\"1\"")], 200),
            hold(&[("grip-status", "299 Of My Own")], 200),
            hold(
                &[
                    ("grip-expose-headers", "etag"),
                    ("etag", "\"1\""),
                    ("x-own", "1"),
                ],
                200,
            ),
            instruct(&body(r#"{"body": "x"}"#), &[("x-outer", "gone")]),
            instruct(
                &body(r#"{"code": 404, "reason": "Nope", "headers": {"X-A": "1"}, "body": "x"}"#),
                &[],
            ),
            instruct(
                &body(r#"{"headers": [["Vary", "A"], ["Vary", "B"]], "body-bin": "AAE="}"#),
                &[],
            ),
            instruct(&body(r#"{"code": 200}"#), &[("grip-status", "404")]),
        ];
        let clients: Vec<_> = paths.iter().map(|path| site.hold(path)).collect();
        for (path, client) in paths.iter().zip(clients) {
            log.answer(path, client.answer().await).await;
        }
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn the_head_alone_is_asked_for() {
    let play = async |site: &Site, log: &mut Transcript| {
        for mode in ["stream", "response"] {
            let path = say(200, &[("grip-hold", mode), ("grip-channel", "news")], "x");
            let ask = site.request("HEAD", &path).try_send();
            match timeout(Duration::from_millis(700), ask).await {
                Ok(answer) => log.note(format!("{mode}: {}", answer.expect("an answer").status())),
                Err(_) => log.note(format!("{mode}: held")),
            }
        }
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn instructions_without_a_hold_are_answered_at_once() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (body, headers) in [
            (r#"{"response": {"body": "x"}}"#, &[][..]),
            (
                r#"{"response": {"code": 404, "headers": {"X-A": "1"}, "body": "x"}}"#,
                &[("x-outer", "gone")][..],
            ),
            (r#"{"response": {"body": "x", "body-bin": "eQ=="}}"#, &[]),
            (r#"{}"#, &[]),
        ] {
            log.answer(body, site.get(&instruct(body, headers)).await)
                .await;
        }
    };
    let mut expected = expected();
    expected.push(Expected::of_pushpin(
        Difference::NO_RESPONSE,
        replaced(
            "client {}: 502 Bad Gateway\n  content-length: 52\n  content-type: text/plain\n  \
         body \"Failed to parse accept instructions: filter error: \\n\"\n",
            "client {}: 200 OK\n  content-length: 0\n  body \"\"\n",
        ),
    ));
    compare(play, expected).await;
}

#[tokio::test]
async fn instructions_that_cannot_be_read_are_a_bad_gateway() {
    let play = async |site: &Site, log: &mut Transcript| {
        let hold = [("grip-hold", "response"), ("grip-channel", "a")];
        let stream = [("grip-hold", "stream"), ("grip-channel", "a")];
        let with = |base: [(&'static str, &'static str); 2], more: (&'static str, &'static str)| {
            say(200, &[base[0], base[1], more], "x")
        };
        for path in [
            say(200, &[("grip-hold", "Stream"), ("grip-channel", "a")], "x"),
            say(200, &[("grip-hold", ""), ("grip-channel", "a")], "x"),
            with(hold, ("grip-timeout", "-1")),
            with(hold, ("grip-timeout", "soon")),
            with(stream, ("grip-keep-alive", "x; format=hex")),
            with(stream, ("grip-keep-alive", "x; timeout=-1")),
            with(stream, ("grip-keep-alive", "x; timeout=soon")),
            with(stream, ("grip-keep-alive", "x; mode=often")),
            with(stream, ("grip-keep-alive", "x\\; format=cstring")),
            with(stream, ("grip-keep-alive", "\\t; format=cstring")),
            with(hold, ("grip-status", "abc")),
            with(hold, ("grip-status", "1000")),
            with(stream, ("grip-link", "/next; rel=next")),
            with(stream, ("grip-link", "</n?a=1,2>; rel=next")),
            instruct("", &[]),
            instruct("no JSON", &[]),
            instruct("[]", &[]),
            instruct(r#"{"hold": {}}"#, &[]),
            instruct(r#"{"hold": {"channels": [{}]}}"#, &[]),
            instruct(r#"{"hold": {"channels": "a"}}"#, &[]),
            instruct(r#"{"hold": {"mode": "Stream", "channels": []}}"#, &[]),
            instruct(r#"{"hold": {"channels": [], "timeout": -1}}"#, &[]),
            instruct(r#"{"response": {"code": 1000}}"#, &[]),
            instruct(r#"{"response": {"headers": "x"}}"#, &[]),
            say(201, &[("content-type", "application/grip-instruct")], "{}"),
        ] {
            let answer = site.get(&path).await;
            // What is wrong is told in words of one's own.
            log.note(format!("{path}: {}", answer.status()));
        }
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}
