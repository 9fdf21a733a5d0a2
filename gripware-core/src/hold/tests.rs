//! How holds are written, and which are refused.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Channel, ChannelError, Filter, Limits, header::trim_ows};

const SECOND: Duration = Duration::from_secs(1);

fn write(hold: &Hold) -> Result<(StatusCode, Vec<String>), HoldError> {
    let mut headers = HeaderMap::new();
    let status = hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers)?;
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    Ok((status, lines))
}

fn lines(hold: &Hold) -> Vec<String> {
    write(hold).unwrap().1
}

fn check(hold: &Hold) -> Result<(), HoldError> {
    hold.check(&Limits::default())
}

fn instruct(
    hold: &Hold,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(HeaderMap, Value), HoldError> {
    let (outer, body) = hold.to_instruct("", &Limits::default(), StatusCode::OK, headers, body)?;
    Ok((outer, serde_json::from_slice(&body).unwrap()))
}

#[test]
fn a_long_poll_says_channel_timeout_and_status() {
    let channel = Channel::new("orders/7")
        .unwrap()
        .with_prev_id("41")
        .unwrap();
    let hold = Hold::response(channel)
        .timeout(25 * SECOND)
        .status(StatusCode::NOT_MODIFIED);
    assert_eq!(
        lines(&hold),
        [
            "grip-channel: orders/7; prev-id=41",
            "grip-hold: response",
            "grip-status: 304 Not Modified",
            "grip-timeout: 25",
        ]
    );
}

#[test]
fn a_stream_says_channels_filters_meta_and_keep_alive() {
    let a = Channel::new("room-a")
        .unwrap()
        .with_filter(Filter::SkipSelf);
    let hold = Hold::stream(a)
        .channel(Channel::new("room-b").unwrap().with_prev_id("b9").unwrap())
        .meta("user", "anna, b; c")
        .keep_alive(KeepAlive::sse(30 * SECOND))
        .next("/feed")
        .next_timeout(90 * SECOND)
        .gone("/bye")
        .expose_headers(["Content-Type", "X-One"]);
    assert_eq!(
        lines(&hold),
        [
            "grip-channel: room-a; filter=skip-self, room-b; prev-id=b9",
            "grip-expose-headers: content-type, x-one",
            "grip-hold: stream",
            r"grip-keep-alive: :\n\n; format=cstring; timeout=30",
            "grip-link: </feed>; rel=next; timeout=90, </bye>; rel=gone",
            "grip-set-meta: user=\"anna, b; c\"",
        ]
    );
}

#[test]
fn a_page_that_goes_on_elsewhere_holds_nothing() {
    assert_eq!(
        lines(&Hold::next_page("/feed/2")),
        ["grip-link: </feed/2>; rel=next"]
    );
}

#[test]
fn a_status_that_servers_strip_travels_in_a_200() {
    let hold = Hold::response("a");
    let mut headers = HeaderMap::new();
    let mut write = |real: u16| {
        headers.clear();
        let real = StatusCode::from_u16(real).unwrap();
        let status = hold
            .write_headers("", &Limits::default(), real, &mut headers)
            .unwrap();
        let carried = headers.get("grip-status").cloned();
        (
            status.as_u16(),
            carried.map(|value| value.to_str().unwrap().to_owned()),
        )
    };
    assert_eq!(write(304), (200, Some("304 Not Modified".to_owned())));
    assert_eq!(write(204), (200, Some("204 No Content".to_owned())));
    assert_eq!(write(404), (404, None));
    assert_eq!(write(200), (200, None));
}

#[test]
fn a_reason_of_its_own_replaces_the_usual_one() {
    let hold = Hold::response("a").status_with_reason(StatusCode::IM_A_TEAPOT, "Short, stout");
    assert!(lines(&hold).contains(&"grip-status: 418 Short, stout".to_owned()));
    let hold = Hold::response("a").status_with_reason(StatusCode::OK, "a\r\nSet-Cookie: b");
    assert_eq!(
        check(&hold),
        Err(HoldError::ControlCharacter {
            of: "reason",
            position: 1
        })
    );
}

#[test]
fn the_prefix_stands_before_every_channel() {
    let hold = Hold::stream("a").channel("b");
    let mut headers = HeaderMap::new();
    hold.write_headers("app-", &Limits::default(), StatusCode::OK, &mut headers)
        .unwrap();
    assert_eq!(headers["grip-channel"], "app-a, app-b");
    let (_, body) = hold
        .to_instruct("app-", &Limits::default(), StatusCode::OK, &headers, b"")
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body["hold"]["channels"],
        json!([{"name": "app-a"}, {"name": "app-b"}])
    );
    assert!(!hold.is_header_safe("a,b", &Limits::default()));
}

#[test]
fn headers_are_refused_that_would_say_something_else() {
    let mut headers = HeaderMap::new();
    let mut write = |hold: Hold, prefix| {
        hold.write_headers(prefix, &Limits::default(), StatusCode::OK, &mut headers)
    };
    for (hold, prefix) in [
        (Hold::stream("mine, admin; filter=x"), "p-"),
        (Hold::stream("a").meta("user", "anna\", role=\"admin"), ""),
        (Hold::stream("mine"), "a, secret, "),
    ] {
        assert_eq!(write(hold, prefix), Err(HoldError::NotHeaderSafe));
    }
    let hold = Hold::stream("b");
    let inner = HeaderMap::new();
    let limits = Limits::default();
    let written = hold.to_instruct("a\r\n", &limits, StatusCode::OK, &inner, b"");
    assert!(matches!(written, Err(HoldError::Channel(_))));
}

#[test]
fn a_name_that_is_too_long_with_its_prefix_is_refused() {
    let hold = Hold::stream("x".repeat(1020));
    let mut headers = HeaderMap::new();
    let write = |prefix, headers: &mut HeaderMap| {
        hold.write_headers(prefix, &Limits::default(), StatusCode::OK, headers)
    };
    assert!(write("app-", &mut headers).is_ok());
    assert_eq!(
        write("apps-", &mut headers),
        Err(HoldError::Channel(ChannelError::TooLong {
            length: 1025,
            limit: 1024
        }))
    );
}

#[test]
fn what_a_header_would_lose_is_known() {
    for hold in [
        Hold::stream("a,b"),
        Hold::stream("\"q\""),
        Hold::response("a").meta("user", "al\"ice"),
        Hold::response("a").in_body(),
    ] {
        assert!(!hold.is_header_safe("", &Limits::default()), "{hold:?}");
        assert_eq!(check(&hold), Ok(()));
    }
    assert!(
        Hold::response("caf\u{e9}")
            .meta("user", "al; ice,")
            .is_header_safe("", &Limits::default())
    );
}

#[test]
fn a_body_carries_hostile_names_and_the_whole_response() {
    let channel = Channel::new("room,with;odd\"chars")
        .unwrap()
        .with_prev_id("7")
        .unwrap();
    let hold = Hold::stream(
        channel
            .with_filter(Filter::SkipSelf)
            .with_filter(Filter::VarSubst),
    )
    .next("/next")
    .keep_alive(KeepAlive::sse(25 * SECOND))
    .meta("user", "al\"ice");
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("vary", "Cookie"),
        ("vary", "Accept"),
        ("content-length", "5"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let (outer, body) = instruct(&hold, &headers, b"hello").unwrap();
    assert_eq!(
        body,
        json!({
            "hold": {
                "mode": "stream",
                "channels": [{
                    "name": "room,with;odd\"chars",
                    "prev-id": "7",
                    "filters": ["skip-self", "var-subst"],
                }],
                "meta": {"user": "al\"ice"},
            },
            "response": {
                "code": 200,
                "headers": [["vary", "Cookie"], ["vary", "Accept"]],
                "body": "hello",
            },
        })
    );
    assert_eq!(outer["content-type"], "application/grip-instruct");
    assert_eq!(outer["grip-link"], "</next>; rel=next");
    assert_eq!(
        outer["grip-keep-alive"],
        r":\n\n; format=cstring; timeout=25"
    );
    assert_eq!(outer.len(), 3);
}

#[test]
fn a_body_carries_status_timeout_and_bytes() {
    let hold = Hold::response("a")
        .timeout(9 * SECOND)
        .status_with_reason(StatusCode::NOT_MODIFIED, "Same");
    let (_, body) = instruct(&hold, &HeaderMap::new(), b"\xff\0").unwrap();
    assert_eq!(body["hold"]["timeout"], 9);
    assert_eq!(
        body["response"],
        json!({"code": 304, "reason": "Same", "headers": [], "body-bin": "/wA="})
    );
}

#[test]
fn what_is_too_long_for_headers_travels_in_a_body() {
    let many = (0..5).fold(Hold::stream("a"), |hold, n| {
        hold.channel(format!("{n}{}", "x".repeat(1000)))
    });
    assert!(!many.is_header_safe("", &Limits::default()));
    let (_, body) = instruct(&many, &HeaderMap::new(), b"").unwrap();
    assert_eq!(body["hold"]["channels"].as_array().unwrap().len(), 6);
}

#[test]
fn a_body_has_only_the_headers_that_are_exposed() {
    let mut headers = HeaderMap::new();
    headers.insert("x-one", HeaderValue::from_static("1"));
    headers.insert("x-two", HeaderValue::from_static("2"));
    let hold = Hold::response("a").expose_headers(["X-Two"]);
    let (_, body) = instruct(&hold, &headers, b"").unwrap();
    assert_eq!(body["response"]["headers"], json!([["x-two", "2"]]));
}

#[test]
fn a_response_that_json_cannot_carry_is_refused() {
    let hold = Hold::stream("a,b");
    let mut headers = HeaderMap::new();
    headers.insert("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    assert_eq!(
        instruct(&hold, &headers, b"").unwrap_err(),
        HoldError::HeaderValue {
            name: "x-latin".to_owned()
        }
    );
    headers.clear();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    assert_eq!(
        instruct(&hold, &headers, b"").unwrap_err(),
        HoldError::Compressed
    );
    assert!(matches!(
        instruct(&hold, &HeaderMap::new(), &[b'x'; 100_000]),
        Err(HoldError::BodyTooLarge { limit: 100_000, .. })
    ));
}

#[test]
fn limits_of_proxies_are_errors_with_the_value_and_the_limit() {
    let many =
        |count: usize| (0..count).fold(Hold::stream("c"), |hold, n| hold.channel(n.to_string()));
    assert_eq!(check(&many(19)), Ok(()));
    assert_eq!(
        check(&many(20)),
        Err(HoldError::TooManyChannels {
            count: 21,
            limit: 20
        })
    );

    let filters = |count| {
        Hold::stream((0..count).fold(Channel::new("a").unwrap(), |channel, n| {
            channel.with_filter(Filter::custom(format!("f{n}")).unwrap())
        }))
    };
    assert_eq!(check(&filters(5)), Ok(()));
    assert_eq!(
        check(&filters(6)),
        Err(HoldError::TooManyFilters { count: 6, limit: 5 })
    );

    let meta = (0..65).fold(Hold::stream("a"), |hold, n| hold.meta(n.to_string(), "x"));
    assert_eq!(
        check(&meta),
        Err(HoldError::TooMuchMeta {
            count: 65,
            limit: 64
        })
    );

    let large = (0..9).fold(Hold::stream("a"), |hold, n| {
        hold.channel(format!("{n}{}", "x".repeat(1000)))
    });
    assert!(matches!(
        write(&large).unwrap_err(),
        HoldError::HeadersTooLarge {
            length: 8000..,
            limit: 8000
        }
    ));

    let wider = Limits {
        channels: 21,
        ..Limits::default()
    };
    assert_eq!(many(20).check(&wider), Ok(()));
}

#[test]
fn what_a_proxy_would_refuse_or_misread_is_refused() {
    let channel = |error| Err(HoldError::Channel(error));
    assert_eq!(check(&Hold::stream("")), channel(ChannelError::Empty));
    assert_eq!(
        check(&Hold::stream("a\rb")),
        channel(ChannelError::ControlCharacter { position: 1 })
    );
    assert_eq!(
        check(&Hold::stream("a").channel("a")),
        Err(HoldError::DuplicateChannel {
            name: "a".to_owned()
        })
    );
    assert_eq!(
        check(&Hold::response("a").keep_alive(KeepAlive::text("x"))),
        Err(HoldError::Misplaced {
            mode: "response",
            setting: "keep-alive"
        })
    );
    assert_eq!(
        check(&Hold::stream("a").timeout(SECOND)),
        Err(HoldError::Misplaced {
            mode: "stream",
            setting: "timeout"
        })
    );
    assert_eq!(
        check(&Hold::next_page("/").channel("a")),
        Err(HoldError::Misplaced {
            mode: "next-page",
            setting: "channel"
        })
    );
    assert_eq!(
        check(&Hold::stream("a").next_timeout(SECOND)),
        Err(HoldError::Misplaced {
            mode: "linkless",
            setting: "next timeout"
        })
    );
    assert_eq!(
        check(&Hold::response("a").next("/")),
        Err(HoldError::Misplaced {
            mode: "response",
            setting: "next link"
        })
    );
    assert_eq!(
        check(&Hold::stream("a").expose_headers([""; 0])),
        Err(HoldError::NothingExposed)
    );
    let half = Duration::from_millis(1500);
    assert_eq!(
        check(&Hold::response("a").timeout(half)),
        Err(HoldError::BadTimeout {
            of: "hold",
            timeout: half
        })
    );
    assert_eq!(
        check(&Hold::stream(
            Channel::new("a").unwrap().with_prev_id("1").unwrap()
        )),
        Err(HoldError::PrevIdWithoutNext)
    );
    for timeout in [Duration::ZERO, 2_147_484 * SECOND] {
        assert_eq!(
            check(&Hold::stream("a").next("/").next_timeout(timeout)),
            Err(HoldError::BadTimeout {
                of: "next link",
                timeout
            })
        );
    }
    assert_eq!(
        check(&Hold::stream("a").next("/a,b")),
        Err(HoldError::LinkCharacter {
            character: ',',
            position: 2
        })
    );
    assert_eq!(
        check(&Hold::stream("a").meta("user", "x").meta("user", "y")),
        Err(HoldError::DuplicateMeta {
            name: "user".to_owned()
        })
    );
    assert_eq!(
        check(&Hold::stream("a").meta("user name", "x")),
        Err(HoldError::MetaName {
            name: "user name".to_owned()
        })
    );
    assert_eq!(
        check(&Hold::stream("a").meta("user", "x\ny")),
        Err(HoldError::ControlCharacter {
            of: "meta value",
            position: 1
        })
    );
    assert_eq!(
        check(&Hold::stream("a").expose_headers(["ok", "not ok"])),
        Err(HoldError::HeaderName {
            name: "not ok".to_owned()
        })
    );
    assert_eq!(
        check(&Hold::stream("a").status(StatusCode::CONTINUE)),
        Err(HoldError::BadStatus { status: 100 })
    );
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::PROCESSING] {
        let refused = HoldError::BadStatus {
            status: status.as_u16(),
        };
        let (hold, limits, headers) = (Hold::stream("a"), Limits::default(), HeaderMap::new());
        let written = hold.write_headers("", &limits, status, &mut headers.clone());
        assert_eq!(written, Err(refused.clone()));
        let written = hold.to_instruct("", &limits, status, &headers, b"");
        assert_eq!(written, Err(refused));
    }
    assert_eq!(
        check(&Hold::stream("a").keep_alive(KeepAlive::text(""))),
        Err(HoldError::EmptyKeepAlive)
    );
}

#[test]
fn the_first_mistake_is_the_one_that_is_told() {
    let hold = Hold::stream("").next("/a,b").expose_headers([" "]);
    assert_eq!(check(&hold), Err(HoldError::Channel(ChannelError::Empty)));
}

/// Reads a `Grip-Channel` header as proxies do: commas outside of quotes part the elements, the
/// first part of each is raw.
fn read_channels(value: &str) -> Vec<(String, Option<String>)> {
    let mut elements = vec![String::new()];
    let mut quoted = false;
    for character in value.chars() {
        match character {
            ',' if !quoted => elements.push(String::new()),
            other => {
                quoted ^= other == '"';
                elements.last_mut().unwrap().push(other);
            }
        }
    }
    let read = |element: &String| {
        let mut parts = element.split(';').map(trim_ows);
        let name = parts.next().unwrap().to_owned();
        let prev_id = parts
            .find_map(|part| part.strip_prefix("prev-id="))
            .map(str::to_owned);
        (name, prev_id)
    };
    elements
        .iter()
        .map(read)
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

proptest! {
    #[test]
    fn channels_in_headers_are_read_back_as_they_are(
        channels in prop::collection::hash_map("[^\\p{Cc}]{1,12}", prop::option::of("[^\\p{Cc}]{1,8}"), 1..5)
    ) {
        let mut hold = Hold::with_mode(HoldMode::Stream).next("/n");
        let mut expected = Vec::new();
        for (name, prev_id) in channels {
            let mut channel = Channel::new(name.clone()).unwrap();
            if let Some(id) = &prev_id {
                channel = channel.with_prev_id(id.clone()).unwrap();
            }
            expected.push((name, prev_id));
            hold = hold.channel(channel);
        }
        if hold.is_header_safe("", &Limits::default()) {
            let mut headers = HeaderMap::new();
            hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers).unwrap();
            let value = std::str::from_utf8(headers["grip-channel"].as_bytes()).unwrap();
            prop_assert_eq!(read_channels(value), expected);
        } else {
            let (_, body) = instruct(&hold, &HeaderMap::new(), b"").unwrap();
            let parts = body["hold"]["channels"].as_array().unwrap();
            let read: Vec<_> = parts
                .iter()
                .map(|part| {
                    let id = part.get("prev-id").map(|id| id.as_str().unwrap().to_owned());
                    (part["name"].as_str().unwrap().to_owned(), id)
                })
                .collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn no_text_brings_a_line_end_into_a_header(text in any::<String>()) {
        let hold = Hold::stream(text.as_str())
            .meta("user", text.as_str())
            .status_with_reason(StatusCode::OK, text.as_str())
            .next(text.as_str())
            .keep_alive(KeepAlive::text(text.as_str()));
        if let Ok((_, lines)) = write(&hold) {
            prop_assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])));
        }
    }
}
