use serde_json::json;

use super::*;
use crate::{KeepAlive as CoreKeepAlive, KeepAliveMode};

fn read(headers: &[(&str, &str)], body: &str) -> Result<Option<Instruction>, InstructionError> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let body = Bytes::copy_from_slice(body.as_bytes());
    Instruction::read(&response.body(body).unwrap())
}

#[test]
fn a_response_without_instructions_has_none() {
    assert!(
        read(&[("content-type", "text/plain")], "x")
            .unwrap()
            .is_none()
    );
}

#[test]
fn headers_are_read_with_the_proxys_defaults() {
    let hold = read(
        &[
            ("grip-hold", "response"),
            ("grip-channel", "a; filter=skip-self; filter=x"),
            ("grip-channel", "b"),
            ("grip-status", "304 Not Modified"),
            ("grip-set-meta", "user=\"an na\""),
            ("etag", "\"1\""),
        ],
        "stored",
    );
    let hold = hold.unwrap().unwrap();
    assert_eq!(hold.mode(), Some(HoldMode::Response));
    assert_eq!(hold.timeout(), Duration::from_secs(55));
    assert_eq!(hold.channels().len(), 2);
    assert_eq!(hold.channel("a").unwrap().filters().len(), 2);
    assert_eq!(hold.meta("user"), Some("an na"));
    assert_eq!(hold.response().status(), 304);
    assert_eq!(hold.response().headers().len(), 1);
    assert_eq!(hold.response().body(), "stored");
}

#[test]
fn a_timeout_is_at_least_five_seconds() {
    let hold = read(&[("grip-hold", "response"), ("grip-timeout", "1")], "");
    assert_eq!(hold.unwrap().unwrap().timeout(), Duration::from_secs(5));
}

#[test]
fn links_are_read() {
    let link = "</next?a=1>; rel=next; timeout=7, </bye>; rel=gone, </x>, </y>; rel=other";
    let hold = read(&[("grip-link", link)], "").unwrap().unwrap();
    assert_eq!(hold.mode(), None);
    assert_eq!(hold.next(), Some("/next?a=1"));
    assert_eq!(hold.next_timeout(), Duration::from_secs(7));
    assert_eq!(hold.gone(), Some("/bye"));
}

#[test]
fn with_exposed_headers_all_others_are_kept_from_the_client() {
    let headers = [
        ("grip-hold", "stream"),
        ("grip-expose-headers", "ETag, X-A"),
        ("content-type", "text/plain"),
        ("etag", "1"),
        ("x-a", "2"),
    ];
    let hold = read(&headers, "").unwrap().unwrap();
    let mut names: Vec<_> = hold.response().headers().keys().collect();
    names.sort_by_key(|name| name.as_str());
    assert_eq!(names, ["etag", "x-a"]);
}

#[test]
fn a_body_is_read_with_the_headers_beside_it() {
    let body = json!({
        "hold": {
            "mode": "stream",
            "channels": [{"name": "a,b", "prev-id": "7", "filters": ["var-subst"]}],
            "keep-alive": {"content-bin": "Og==", "timeout": 9},
            "meta": {"user": "anna"},
        },
        "response": {
            "code": 201,
            "headers": [["Vary", "Cookie"], ["Vary", "Accept"]],
            "body-bin": "AAE=",
        },
    });
    let headers = [
        ("content-type", "application/grip-instruct; charset=utf-8"),
        ("grip-channel", "c"),
        ("grip-link", "</n>; rel=next"),
        ("grip-status", "404"),
    ];
    let hold = read(&headers, &body.to_string()).unwrap().unwrap();
    assert_eq!(hold.mode(), Some(HoldMode::Stream));
    let names: Vec<_> = hold.channels().iter().map(Channel::name).collect();
    assert_eq!(names, ["a,b", "c"]);
    assert_eq!(hold.keep_alive().unwrap().content, ":");
    assert_eq!(hold.meta("user"), Some("anna"));
    assert_eq!(hold.next(), Some("/n"));
    assert_eq!(hold.response().status(), 404);
    assert_eq!(hold.response().headers().get_all("vary").iter().count(), 2);
    assert_eq!(hold.response().body(), &b"\0\x01"[..]);
}

#[test]
fn what_a_proxy_answers_with_502_is_an_error_that_says_why() {
    let instruct = ("content-type", "application/grip-instruct");
    for (header, body) in [
        (("grip-hold", "Stream"), ""),
        (("grip-timeout", "-1"), ""),
        (("grip-timeout", "soon"), ""),
        (("grip-link", "/n; rel=next"), ""),
        (("grip-link", "</n?a=1,2>; rel=next"), ""),
        (("grip-link", "</n>; rel=next; timeout=x"), ""),
        (("grip-status", "fine"), ""),
        (("grip-keep-alive", "a; format=hex"), ""),
        (instruct, "[]"),
        (instruct, "{"),
        (instruct, r#"{"hold":{}}"#),
        (instruct, r#"{"hold":{"mode":"Stream","channels":[]}}"#),
        (instruct, r#"{"hold":{"channels":[{}]}}"#),
        (instruct, r#"{"response":{"headers":[["X","a\r\nY: b"]]}}"#),
    ] {
        let error = read(&[header], body).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn every_hold_that_gripware_writes_is_read_back() {
    let holds = [
        Hold::response("a")
            .timeout(Duration::from_secs(25))
            .meta("user", "an\"na"),
        Hold::stream("a,b").next("/n").gone("/g").meta("k", "v"),
        Hold::stream(Channel::new("a").unwrap().with_filter(Filter::SkipSelf))
            .keep_alive(CoreKeepAlive::text("x").mode(KeepAliveMode::Interval)),
        Hold::next_page("/page/2"),
    ];
    for hold in holds {
        let read = Instruction::of(&hold).unwrap();
        assert_eq!(read.mode(), hold.mode());
        assert_eq!(read.channels(), hold.channels());
    }
}
