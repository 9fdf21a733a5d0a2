use proptest::prelude::*;
use serde_json::{Value, json};

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
        ("grip-status", "404 Nope"),
    ];
    let hold = read(&headers, &body.to_string()).unwrap().unwrap();
    assert_eq!(hold.mode(), Some(HoldMode::Stream));
    let names: Vec<_> = hold.channels().iter().map(Channel::name).collect();
    assert_eq!(names, ["a,b", "c"]);
    assert_eq!(hold.keep_alive().unwrap().content, ":");
    assert_eq!(hold.meta("user"), Some("anna"));
    assert_eq!(hold.next(), Some("/n"));
    // The code inside counts before the one beside, and takes its reason with it.
    assert_eq!(hold.response().status(), 201);
    assert_eq!(hold.reason(), None);
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

const INSTRUCT: (&str, &str) = ("content-type", "application/grip-instruct");

fn held(headers: &[(&str, &str)], body: &Value) -> Instruction {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    read(headers, &body).unwrap().unwrap()
}

#[test]
fn a_status_may_have_a_reason() {
    let hold = held(&[("grip-status", "404 Not Here")], &Value::Null);
    assert_eq!(hold.response().status(), 404);
    assert_eq!(hold.reason(), Some("Not Here"));
    let hold = held(&[INSTRUCT, ("grip-status", "404 Not Here")], &json!({}));
    assert_eq!(hold.response().status(), 404);
    assert_eq!(hold.reason(), Some("Not Here"));
    let response = json!({"response": {"code": "410", "reason": "Moved on"}});
    let hold = held(&[INSTRUCT, ("grip-status", "404 Not Here")], &response);
    assert_eq!(hold.response().status(), 410);
    assert_eq!(hold.reason(), Some("Moved on"));
    for status in [
        "100",
        "101 Switching Protocols",
        "103",
        "199",
        "99",
        "0",
        "1000",
        "-1",
        "x",
        "200x",
    ] {
        assert!(read(&[("grip-status", status)], "").is_err(), "{status}");
    }
}

#[test]
fn the_first_of_headers_that_count_once_is_read() {
    let hold = held(
        &[
            ("grip-hold", "stream"),
            ("grip-hold", "response"),
            ("grip-timeout", "10"),
            ("grip-timeout", "x"),
            ("grip-keep-alive", "a"),
            ("grip-keep-alive", "b; timeout=1"),
            ("grip-status", "201"),
            ("grip-status", "202"),
        ],
        &Value::Null,
    );
    assert_eq!(hold.mode(), Some(HoldMode::Stream));
    assert_eq!(hold.timeout(), Duration::from_secs(10));
    assert_eq!(hold.keep_alive().unwrap().content, "a");
    assert_eq!(hold.keep_alive().unwrap().timeout, Duration::from_secs(55));
    assert_eq!(hold.response().status(), 201);
}

#[test]
fn numbers_in_a_body_may_be_texts() {
    let hold = json!({"hold": {
        "channels": [], "timeout": "30", "keep-alive": {"content": "x", "timeout": "0"},
    }});
    let hold = held(&[INSTRUCT], &hold);
    assert_eq!(hold.mode(), Some(HoldMode::Response));
    assert_eq!(hold.timeout(), Duration::from_secs(30));
    assert_eq!(hold.keep_alive().unwrap().timeout, Duration::from_secs(1));
}

#[test]
fn a_keep_alive_in_a_body_has_the_mode_of_the_header_beside_it() {
    let body = json!({"hold": {"channels": [], "keep-alive": {"content": "x", "timeout": 9}}});
    let keep_alive = |header: Option<(&'static str, &'static str)>| {
        let headers: Vec<_> = [INSTRUCT].into_iter().chain(header).collect();
        held(&headers, &body).keep_alive().unwrap().clone()
    };
    let alone = keep_alive(None);
    assert!(alone.is_interval);
    let beside = keep_alive(Some(("grip-keep-alive", "y; timeout=3")));
    assert!(!beside.is_interval);
    for read in [alone, beside] {
        assert_eq!(read.content, "x");
        assert_eq!(read.timeout, Duration::from_secs(9));
    }
    let interval = keep_alive(Some(("grip-keep-alive", "y; mode=interval")));
    assert!(interval.is_interval);
}

#[test]
fn channels_over_the_limit_are_dropped_and_counted() {
    let channels: Vec<_> = (0..22).map(|n| json!({"name": n.to_string()})).collect();
    let body = json!({"hold": {"channels": channels}});
    let hold = held(&[INSTRUCT, ("grip-channel", "more")], &body);
    assert_eq!(hold.channels().len(), 20);
    assert_eq!(hold.dropped_channels(), 3);
    assert!(hold.channel("19").is_some());

    let wider = Limits {
        channels: 30,
        ..Limits::default()
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    response
        .headers_mut()
        .insert("content-type", GRIP_INSTRUCT.parse().unwrap());
    let hold = Instruction::read_within(&response, &wider)
        .unwrap()
        .unwrap();
    assert_eq!((hold.channels().len(), hold.dropped_channels()), (22, 0));
}

#[test]
fn filters_over_the_limit_are_an_error() {
    let channel = |count| format!("a{}", "; filter=x".repeat(count));
    assert!(
        read(
            &[("grip-hold", "stream"), ("grip-channel", &channel(5))],
            ""
        )
        .is_ok()
    );
    assert!(
        read(
            &[("grip-hold", "stream"), ("grip-channel", &channel(6))],
            ""
        )
        .is_err()
    );
}

#[test]
fn what_belongs_to_a_connection_does_not_reach_the_client() {
    let names = |hold: &Instruction| {
        let names = hold.response().headers().keys();
        names
            .map(|name| name.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let headers = [
        ("grip-hold", "response"),
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "timeout=5"),
        ("etag", "1"),
    ];
    assert_eq!(names(&held(&headers, &Value::Null)), ["etag"]);
    let body = json!({"response": {"headers": {
        "Content-Length": "3", "Connection": "close", "Grip-Hold": "stream", "ETag": "1",
    }}});
    assert_eq!(names(&held(&[INSTRUCT, ("x-outer", "1")], &body)), ["etag"]);
}

#[test]
fn a_head_says_whether_the_body_is_the_instruction() {
    let head = |status: u16, headers: &[(&'static str, &str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Instruction::read_head(StatusCode::from_u16(status).unwrap(), &map)
    };
    assert!(matches!(head(404, &[("etag", "1")]), Ok(Head::Plain)));
    assert!(matches!(head(200, &[INSTRUCT]), Ok(Head::InBody)));
    assert!(head(201, &[INSTRUCT]).is_err());
    let upper = ("content-type", "Application/grip-instruct");
    assert!(matches!(head(200, &[upper]), Ok(Head::Plain)));
    let Ok(Head::Held(hold)) = head(404, &[("grip-hold", "stream"), ("etag", "1")]) else {
        panic!("it holds");
    };
    assert_eq!(hold.response().status(), 404);
    assert_eq!(hold.response().body(), "");
    assert_eq!(hold.into_response().headers().len(), 1);
}

#[test]
fn an_error_says_in_one_line_what_is_wrong() {
    for (headers, body, words) in [
        (
            ("grip-hold", "Stream"),
            "",
            "Grip-Hold cannot be \"Stream\": it is response or stream",
        ),
        (
            INSTRUCT,
            "[]",
            "application/grip-instruct: the body is not an object",
        ),
        (
            INSTRUCT,
            r#"{"hold":{"channels":[],"timeout":"soon"}}"#,
            "application/grip-instruct: hold contains 'timeout' with wrong type",
        ),
        (
            INSTRUCT,
            r#"{"hold":{"channels":[],"meta":{"a\nb":1}}}"#,
            "application/grip-instruct: meta contains 'a�b' with wrong type",
        ),
        (
            INSTRUCT,
            r#"{"hold":null}"#,
            "application/grip-instruct: instruct contains 'hold' with wrong type",
        ),
    ] {
        assert_eq!(read(&[headers], body).unwrap_err().to_string(), words);
    }
}

#[test]
fn headers_without_end_are_refused() {
    let headers: Vec<_> = (0..40_000)
        .map(|n| [format!("x-{n}"), String::new()])
        .collect();
    let body = json!({"response": {"headers": headers}});
    assert!(read(&[INSTRUCT], &body.to_string()).is_err());
}

/// In every way in which a status is told: a client would take the next answer on its connection for
/// the one that ends its request.
#[test]
fn a_status_that_ends_no_request_is_refused() {
    let hold = ("grip-hold", "stream");
    for code in [100, 101, 102, 103, 199] {
        let status = code.to_string();
        assert!(
            read(&[hold, ("grip-status", &status)], "").is_err(),
            "{code}"
        );
        for code in [json!(code), json!(status)] {
            let body = json!({"response": {"code": code}}).to_string();
            let error = read(&[INSTRUCT], &body).unwrap_err().to_string();
            let words = "application/grip-instruct: response contains 'code' with invalid value";
            assert_eq!(error, words);
        }
        for headers in [&[][..], &[hold], &[hold, ("grip-status", "200")]] {
            let mut response = Response::builder().status(code);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            let error = Instruction::read(&response.body(Bytes::new()).unwrap()).unwrap_err();
            let words = format!("the status cannot be \"{code}\": it does not end a request");
            assert_eq!(error.to_string(), words);
        }
    }
}

#[test]
fn half_an_emoji_is_no_reason_to_refuse_a_hold() {
    let body = concat!(
        "\u{feff}",
        r#"{"hold": {"channels": [{"name": "a\ud83d"}], "meta": {"x": "\ude00"}},
            "response": {"body": "cut \ud83d"}}"#
    );
    let hold = read(&[INSTRUCT], body).unwrap().unwrap();
    assert_eq!(hold.channels()[0].name(), "a\u{fffd}");
    assert_eq!(hold.meta("x"), Some("\u{fffd}"));
    assert_eq!(hold.response().body(), "cut \u{fffd}");
}

/// Unicode calls all three white space (`char::is_whitespace`), HTTP and GRIP none of them.
#[test]
fn names_and_ids_keep_their_wide_blanks() {
    for edge in ["\u{a0}", "\u{2003}", "\u{3000}"] {
        let name = format!("{edge}news{edge}");
        for name in [name.as_str(), edge] {
            let channel = Channel::new(name).unwrap().with_prev_id(name).unwrap();
            let hold = Hold::stream(channel.with_filter(Filter::custom(name).unwrap()))
                .meta("user", name)
                .status_with_reason(StatusCode::OK, name)
                .keep_alive(CoreKeepAlive::text(name))
                .next("/next");
            for hold in [hold.clone(), hold.in_body()] {
                let read = Instruction::of(&hold).unwrap();
                assert_eq!(read.channels(), hold.channels());
                assert_eq!(read.meta("user"), Some(name));
                assert_eq!(read.reason(), Some(name));
                assert_eq!(read.keep_alive().unwrap().content, name.as_bytes());
            }
        }
    }
}

proptest! {
    #[test]
    fn a_hold_is_read_as_it_was_written(
        is_stream in any::<bool>(),
        names in prop::collection::btree_set("[^\\pC]{1,12}", 0..5),
        meta in prop::collection::btree_map("[a-z]{1,6}", "[^\\pC]{0,9}", 0..3),
        keep_alive in prop::option::of(prop::collection::vec(any::<u8>(), 1..40)),
        seconds in 5..1000_u64,
        status in 200..600_u16,
    ) {
        let mode = if is_stream { HoldMode::Stream } else { HoldMode::Response };
        let mut hold = Hold::with_mode(mode);
        for name in names {
            hold = hold.channel(Channel::new(name).unwrap().with_filter(Filter::VarSubst));
        }
        for (name, value) in &meta {
            hold = hold.meta(name, value);
        }
        let timeout = Duration::from_secs(seconds);
        let keep_alive = keep_alive.filter(|_| is_stream);
        match &keep_alive {
            Some(content) => {
                hold = hold.keep_alive(CoreKeepAlive::bytes(content.clone()).timeout(timeout));
            }
            None if !is_stream => hold = hold.timeout(timeout),
            None => {}
        }
        hold = hold.status(StatusCode::from_u16(status).unwrap());
        for hold in [hold.clone(), hold.in_body()] {
            let read = Instruction::of(&hold).unwrap();
            prop_assert_eq!(read.mode(), Some(mode));
            prop_assert_eq!(read.channels(), hold.channels());
            prop_assert_eq!(read.metas(), &meta);
            prop_assert_eq!(read.response().status().as_u16(), status);
            let content = read.keep_alive().map(|it| it.content.to_vec());
            prop_assert_eq!(&content, &keep_alive);
            if !is_stream {
                prop_assert_eq!(read.timeout(), timeout);
            }
        }
    }

    #[test]
    fn nothing_panics(
        lines in prop::collection::vec((0..9_usize, "[ -~]{0,30}"), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        const NAMES: [&str; 9] = [
            "grip-hold", "grip-channel", "grip-timeout", "grip-keep-alive", "grip-set-meta",
            "grip-status", "grip-link", "grip-expose-headers", "content-type",
        ];
        let mut response = Response::new(Bytes::from(body));
        for (name, value) in lines {
            response.headers_mut().append(NAMES[name], value.parse().unwrap());
        }
        let _ = Instruction::read(&response);
    }
}
