//! Plays a handler that does anything; a proxy must understand the answer.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{
        CloseCode, ControlMessage, Event, EventKind, Frame, Reply, WebSocketContext,
        WebSocketError, WsKeepAlive, decode, encode,
    },
};
use http::{HeaderMap, HeaderValue, StatusCode};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    opening: bool,
    protocols: Option<&'a [u8]>,
    meta: Option<&'a [u8]>,
    replayed: Option<&'a [u8]>,
    request: Request<'a>,
    operations: Vec<Operation<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Request<'a> {
    Events(Vec<InEvent<'a>>),
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum InEvent<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close(u16),
    Disconnect,
}

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    Accept,
    Refuse(u16, &'a str),
    SelectProtocol(&'a str),
    HandshakeHeader(&'a str, &'a [u8]),
    Receive,
    SendText(&'a str),
    SendBinary(&'a [u8]),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close,
    CloseWith(u16, &'a str),
    Disconnect,
    Subscribe(&'a str),
    Unsubscribe(&'a str),
    Detach,
    SetFilterMeta(&'a str, &'a str),
    InsertMeta(&'a str, &'a str),
    RemoveMeta(&'a str),
    KeepAlive(&'a [u8], Duration),
    SendDelayed(&'a str, Duration),
    KeepAliveInterval(Duration),
    AcceptBytes(u16),
}

/// The target. Whether the input is a good one.
pub fn ws_context(input: &[u8]) -> bool {
    let Ok(input) = <Input<'_>>::arbitrary_take_rest(Unstructured::new(input)) else {
        return false;
    };
    let Ok(mut ws) = read(&input) else {
        return false;
    };
    let mut is_ended = false;
    for operation in &input.operations {
        let is_done = perform(&mut ws, operation).is_ok();
        match operation {
            Operation::Close | Operation::CloseWith(..) | Operation::Disconnect => {
                is_ended |= is_done;
            }
            // A refusal takes back what was sent.
            Operation::Refuse(..) if !ws.is_accepted() => is_ended = false,
            _ => {}
        }
        let _ = format!("{ws:?}");
    }
    let opening = ws.is_opening();
    let accepted = ws.is_accepted();
    let disconnected = ws.is_disconnected();
    check(ws.into_reply(), opening, accepted, disconnected, is_ended);
    true
}

fn read(input: &Input<'_>) -> Result<WebSocketContext, WebSocketError> {
    let mut headers = HeaderMap::new();
    headers.insert("connection-id", HeaderValue::from_static("c1"));
    headers.insert("sec-websocket-extensions", HeaderValue::from_static("grip"));
    for (name, value) in [
        ("sec-websocket-protocol", input.protocols),
        ("meta-user", input.meta),
        ("content-bytes-replayed", input.replayed),
    ] {
        if let Some(Ok(value)) = value.map(HeaderValue::from_bytes) {
            headers.insert(name, value);
        }
    }
    let body = match &input.request {
        Request::Events(events) => {
            let open = input.opening.then(Event::open);
            let events = events.iter().map(to_event);
            encode(&open.into_iter().chain(events).collect::<Vec<_>>())
        }
        Request::Bytes(bytes) => Bytes::copy_from_slice(bytes),
    };
    WebSocketContext::from_request(&headers, body, "app-", &Limits::default())
}

fn to_event(event: &InEvent<'_>) -> Event {
    match event {
        InEvent::Text(content) => Event::text(*content),
        InEvent::Binary(content) => Event::binary(content.to_vec()),
        InEvent::Ping(content) => Event::ping(content.to_vec()),
        InEvent::Pong(content) => Event::pong(content.to_vec()),
        InEvent::Close(code) => {
            let close = gripware_core::ws::Close::parse(&code.to_be_bytes());
            Event::close(&close)
        }
        InEvent::Disconnect => Event::disconnect(),
    }
}

fn perform(ws: &mut WebSocketContext, operation: &Operation<'_>) -> Result<(), WebSocketError> {
    match operation {
        Operation::Accept => ws.accept(),
        Operation::Refuse(status, body) => {
            if let Ok(status) = StatusCode::from_u16(*status) {
                ws.refuse(status, body.to_string())?;
            }
        }
        Operation::SelectProtocol(name) => {
            if let Some(protocol) = ws.select_protocol(&[name]) {
                assert!(ws.offered_protocols().any(|offer| offer == protocol));
            }
        }
        Operation::HandshakeHeader(name, value) => {
            if let (Ok(name), Ok(value)) = (
                http::HeaderName::try_from(*name),
                HeaderValue::from_bytes(value),
            ) {
                ws.handshake_headers_mut().insert(name, value);
            }
        }
        Operation::Receive => {
            let before = ws.unread();
            if let Some(message) = ws.receive()? {
                assert_eq!(ws.unread() + 1, before);
                ws.send(message)?;
            } else {
                assert_eq!(before, 0);
            }
        }
        Operation::SendText(content) => ws.send_text(content)?,
        Operation::SendBinary(content) => ws.send_binary(content)?,
        Operation::Ping(content) => ws.ping(content)?,
        Operation::Pong(content) => ws.pong(content)?,
        Operation::Close => ws.close()?,
        Operation::CloseWith(code, reason) => ws.close_with(*code, reason)?,
        Operation::Disconnect => ws.disconnect()?,
        Operation::Subscribe(name) => ws.subscribe(*name)?,
        Operation::Unsubscribe(name) => ws.unsubscribe(*name)?,
        Operation::Detach => ws.detach()?,
        Operation::SetFilterMeta(name, value) => ws.set_filter_meta(*name, *value)?,
        Operation::InsertMeta(name, value) => {
            ws.insert_meta(name, value)?;
            assert_eq!(ws.meta(name).unwrap_or_default(), *value);
        }
        Operation::RemoveMeta(name) => {
            ws.remove_meta(name)?;
            assert_eq!(ws.meta(name), None);
        }
        Operation::KeepAlive(content, time) => {
            ws.keep_alive(WsKeepAlive::new(Frame::binary(content.to_vec())).every(*time))?;
        }
        Operation::SendDelayed(content, time) => ws.send_delayed(Frame::text(*content), *time)?,
        Operation::KeepAliveInterval(time) => ws.keep_alive_interval(*time)?,
        Operation::AcceptBytes(count) => ws.accept_bytes(usize::from(*count))?,
    }
    Ok(())
}

fn check(reply: Reply, opening: bool, accepted: bool, disconnected: bool, is_ended: bool) {
    if !accepted {
        assert!(opening && reply.status.as_u16() >= 300);
        assert!(reply.body.len() <= 100_000);
        return;
    }
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(
        reply.headers["content-type"],
        "application/websocket-events"
    );
    assert!(opening || !reply.headers.contains_key("sec-websocket-extensions"));
    assert!(reply.body.len() <= 1_000_000);

    let events = decode(reply.body, &Limits::default()).unwrap();
    if disconnected {
        assert!(events.is_empty());
        return;
    }
    let is_end = |event: &&Event| matches!(event.kind(), EventKind::Close | EventKind::Disconnect);
    let ends = events.iter().filter(is_end).count();
    assert!(ends <= 1);
    assert_eq!(
        ends,
        usize::from(events.last().as_ref().is_some_and(is_end))
    );
    assert!(!is_ended || ends == 1);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.kind() == EventKind::Open, opening && index == 0);
        let content = event.content();
        if event.kind() == EventKind::Text {
            assert!(std::str::from_utf8(content).is_ok());
        }
        if event.kind() == EventKind::Text && content.starts_with(b"c:") {
            match ControlMessage::decode(content).unwrap() {
                ControlMessage::Subscribe { channel } | ControlMessage::Unsubscribe { channel } => {
                    assert!(channel.name().starts_with("app-"));
                }
                _ => {}
            }
        } else if matches!(event.kind(), EventKind::Text | EventKind::Binary) {
            assert!(content.starts_with(b"m:"));
        }
        if let Some(code) = event.to_close().and_then(|close| close.code()) {
            assert!(CloseCode::new(code).is_ok());
        }
    }
}
