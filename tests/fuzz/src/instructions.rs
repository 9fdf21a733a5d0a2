//! Whatever a hold is made of, what is written has no line end, holds to the limits, and names the
//! channels that were meant, also to the proxy that reads it.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use gripware_core::{Hold, KeepAlive, LastIds, Limits, proxy::Instruction};
use http::{HeaderMap, HeaderValue, StatusCode};

#[derive(Arbitrary, Debug)]
struct Input {
    stream: bool,
    channels: Vec<String>,
    meta: Vec<(String, String)>,
    keep_alive: Option<Vec<u8>>,
    timeout: Option<Duration>,
    reason: Option<String>,
    next: Option<String>,
    exposed: Vec<String>,
    prefix: String,
    body: Vec<u8>,
    last: Vec<Vec<u8>>,
}

/// The target. Whether the input is a good one.
pub fn instructions(input: &[u8]) -> bool {
    let Ok(input) = <Input>::arbitrary_take_rest(Unstructured::new(input)) else {
        return false;
    };
    let mut hold = if input.stream {
        Hold::stream("a")
    } else {
        Hold::response("a")
    };
    for name in &input.channels {
        hold = hold.channel(name.as_str());
    }
    for (name, value) in &input.meta {
        hold = hold.meta(name.as_str(), value.as_str());
    }
    if let Some(content) = input.keep_alive {
        hold = hold.keep_alive(KeepAlive::bytes(content));
    }
    if let Some(timeout) = input.timeout {
        hold = hold.timeout(timeout);
    }
    if let Some(reason) = input.reason {
        hold = hold.status_with_reason(StatusCode::OK, reason);
    }
    if let Some(next) = input.next {
        hold = hold.next(next);
    }
    if !input.exposed.is_empty() {
        hold = hold.expose_headers(&input.exposed);
    }
    let limits = Limits::default();
    let mut headers = HeaderMap::new();
    if hold
        .write_headers("", &limits, StatusCode::OK, &mut headers)
        .is_ok()
    {
        assert!(hold.check(&limits).is_ok());
        for value in headers.values() {
            assert!(
                !value
                    .as_bytes()
                    .iter()
                    .any(|byte| matches!(byte, b'\r' | b'\n' | 0))
            );
        }
    }
    let mut headers = HeaderMap::new();
    if hold.is_header_safe(&input.prefix, &limits)
        && hold
            .write_headers(&input.prefix, &limits, StatusCode::OK, &mut headers)
            .is_ok()
    {
        // As a proxy reads it: elements between commas, names before semicolons, spaces cut off.
        let value = headers
            .get("grip-channel")
            .map_or(&b""[..], HeaderValue::as_bytes);
        let read: Vec<_> = value
            .split(|byte| *byte == b',')
            .map(|element| {
                element
                    .split(|byte| *byte == b';')
                    .next()
                    .unwrap()
                    .trim_ascii()
            })
            .filter(|name| !name.is_empty())
            .collect();
        let meant = hold
            .channels()
            .iter()
            .map(|channel| format!("{}{}", input.prefix, channel.name()));
        assert!(
            read.iter()
                .copied()
                .eq(meant.map(String::into_bytes).collect::<Vec<_>>())
        );
    }
    if let Ok((_, json)) = hold.to_instruct(
        &input.prefix,
        &limits,
        StatusCode::OK,
        &HeaderMap::new(),
        &input.body,
    ) {
        assert!(json.len() <= limits.instruct_body);
    }

    // What was written is read as it was meant, in whichever form it travels.
    if let Ok(read) = Instruction::of(&hold) {
        assert_eq!(read.mode(), hold.mode());
        assert_eq!(read.channels(), hold.channels());
    }

    let mut headers = HeaderMap::new();
    for line in input.last {
        if let Ok(line) = HeaderValue::from_bytes(&line) {
            headers.append("grip-last", line);
        }
    }
    let _ = LastIds::parse(&headers, &input.prefix);
    true
}
