//! Reading and writing WebSocket-over-HTTP bodies.
//!
//! A content is lent and skipped, so reading a body is to take less time than copying it, and
//! writing one little more.

use std::hint::black_box;

use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{Event, Events, WebSocketContext, decode, encode, scan},
};
use http::{HeaderMap, HeaderValue};

use crate::{Case, Error, Operation, Target};

/// Events of most bodies here. Pushpin gathers up to 200 KB into one.
const EVENTS: u32 = 200;

/// Events of 16 KiB in a body, which is as large as it may be with them.
const LARGEST: u32 = 60;

/// The cases.
///
/// # Errors
/// Where a context refuses its own request.
pub fn cases() -> Result<Vec<Case>, Error> {
    let mut cases = reading();
    cases.extend(writing());
    cases.extend(conversations()?);
    Ok(cases)
}

fn events(count: u32, length: usize) -> Vec<Event> {
    let event = |_| Event::text("x".repeat(length));
    (0..count).map(event).collect()
}

fn reading() -> Vec<Case> {
    let limits = Limits::default();
    let small = encode(&events(EVENTS, 5));
    let four = encode(&events(4, 5));
    let large = encode(&events(EVENTS, 1024));
    let largest = encode(&events(LARGEST, 16 * 1024));
    let read = |body: &Bytes| {
        let (body, limits) = (body.clone(), limits.clone());
        move || {
            Events::new(body.clone(), &limits)
                .filter(Result::is_ok)
                .count()
        }
    };
    let look = |body: &Bytes| {
        let (body, limits) = (body.clone(), limits.clone());
        move || scan(&body, &limits).filter(Result::is_ok).count()
    };
    let list = |body: &Bytes| {
        let (body, limits) = (body.clone(), limits.clone());
        move || decode(body.clone(), &limits)
    };
    vec![
        Case::new("look at small events", Operation::new(look(&small)))
            .of(EVENTS)
            .target(Target::Within(15.0))
            .allocations(0),
        Case::new("read small events", Operation::new(read(&small)))
            .of(EVENTS)
            .target(Target::Within(15.0))
            .allocations(0),
        Case::new("list small events", Operation::new(list(&small))).of(EVENTS),
        Case::new("read four small events", Operation::new(read(&four)))
            .of(4)
            .allocations(0),
        Case::new("look at events of 1 KiB", Operation::new(look(&large)))
            .of(EVENTS)
            .beside("memcpy", Operation::new(copy(&large)))
            .target(Target::Ratio(0.75))
            .allocations(0),
        Case::new("read events of 1 KiB", Operation::new(read(&large)))
            .of(EVENTS)
            .beside("memcpy", Operation::new(copy(&large)))
            .target(Target::Ratio(0.75))
            .allocations(0),
        Case::new("read events of 16 KiB", Operation::new(read(&largest)))
            .of(LARGEST)
            .beside("memcpy", Operation::new(copy(&largest)))
            .target(Target::Ratio(0.75))
            .allocations(0),
        Case::new("read 1 KiB and check the text", {
            let limits = limits.clone();
            let large = large.clone();
            Operation::new(move || {
                let events = Events::new(large.clone(), &limits).filter_map(Result::ok);
                let is_text = |event: &Event| std::str::from_utf8(event.content()).is_ok();
                events.filter(is_text).count()
            })
        })
        .of(EVENTS)
        .beside("memcpy", Operation::new(copy(&large)))
        .allocations(0),
    ]
}

/// A copy into memory that is there already.
fn copy(body: &Bytes) -> impl FnMut() + 'static {
    let body = body.clone();
    let mut space = vec![0; body.len()];
    move || {
        space.copy_from_slice(black_box(&body));
        black_box(&mut space);
    }
}

fn writing() -> Vec<Case> {
    let small = events(EVENTS, 5);
    let large = |name, count, length| {
        let events = events(count, length);
        let body = encode(&events);
        Case::new(name, Operation::new(move || encode(&events)))
            .of(count)
            .beside("memcpy", Operation::new(move || body.to_vec()))
            .target(Target::Ratio(1.25))
            .allocations(1)
    };
    vec![
        Case::new("write small events", Operation::new(move || encode(&small)))
            .of(EVENTS)
            .target(Target::Within(15.0))
            .allocations(1),
        large("write events of 1 KiB", EVENTS, 1024),
        large("write events of 16 KiB", LARGEST, 16 * 1024),
    ]
}

/// A request of a proxy, and the answer of a handler that echoes.
fn conversations() -> Result<Vec<Case>, Error> {
    let one = Bytes::from_static(b"TEXT 5\r\nhello\r\n");
    let many = encode(&events(EVENTS, 5));
    let mut headers = HeaderMap::new();
    headers.insert("connection-id", HeaderValue::from_static("5c384ad4"));
    headers.insert("sec-websocket-extensions", HeaderValue::from_static("grip"));
    let echo = |body: Bytes| {
        let (headers, limits) = (headers.clone(), Limits::default());
        move || -> Result<_, Error> {
            let mut ws = WebSocketContext::from_request(&headers, body.clone(), "", &limits)?;
            while let Some(message) = ws.receive()? {
                ws.send_text(message.to_str()?)?;
            }
            Ok(ws.into_reply())
        }
    };
    echo(one.clone())()?;
    echo(many.clone())()?;
    Ok(vec![
        Case::new("echo one message", Operation::new(echo(one))),
        Case::new("echo 200 messages, each", Operation::new(echo(many))).of(EVENTS),
    ])
}
