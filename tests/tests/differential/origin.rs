use std::collections::HashMap;

use bytes::Bytes;
use gripware_interop::Recorded;
use http::{HeaderName, HeaderValue, Response, StatusCode};

/// Where what [`say`] says is said as well, in a folder that links lead out of.
pub(crate) const LINKING: &str = "/a/b/say";

/// How the path begins of an origin that speaks WebSocket itself.
const NATIVE: &str = "/native";

/// How the path ends of an answer that ends a stream.
const LINKED: &str = "/n";

/// The path of an answer of one's own: a status, headers and a body.
pub(crate) fn say(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    format!(
        "/say?status={status}&body={}{}",
        escaped(body),
        listed(headers)
    )
}

/// The path of a stream hold on a channel, with further headers.
pub(crate) fn stream(channel: &str, headers: &[(&str, &str)]) -> String {
    let all: Vec<_> = [("grip-hold", "stream"), ("grip-channel", channel)]
        .into_iter()
        .chain(headers.iter().copied())
        .chain([("content-type", "text/plain")])
        .collect();
    say(200, &all, "[open]\n")
}

/// The path of an `application/grip-instruct` body, with further headers.
pub(crate) fn instruct(body: &str, headers: &[(&str, &str)]) -> String {
    let all: Vec<_> = headers
        .iter()
        .copied()
        .chain([("content-type", "application/grip-instruct")])
        .collect();
    say(200, &all, body)
}

/// The path of a WebSocket that is accepted in GRIP mode with these headers, and whose requests are
/// answered with bodies by the first event in them, or with a `status`.
pub(crate) fn socket(headers: &[(&str, &str)], bodies: &[(&str, &str)]) -> String {
    let bodies: String = bodies
        .iter()
        .map(|(event, body)| format!("&{event}={}", escaped(body)))
        .collect();
    format!("/say-ws?x=1{bodies}{}", listed(headers))
}

/// The same of an origin that speaks WebSocket itself: a path that is routed to it. With 101 and these
/// headers it accepts.
pub(crate) fn native(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    format!("{NATIVE}{}", say(status, headers, body))
}

/// A text as it stands in a query. Nothing is escaped that need not be: Pushpin takes such escapes
/// away.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn listed(headers: &[(&str, &str)]) -> String {
    headers
        .iter()
        .map(|(name, value)| format!("&h={}", escaped(&format!("{name}:{value}"))))
        .collect()
}

/// Answers what the paths above ask for. The rest is the conformance server's.
pub(crate) fn answer(request: &Recorded) -> Option<Response<Bytes>> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let (mut fields, mut headers) = (HashMap::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        if name == "h" {
            let (name, value) = value.split_once(':').expect("a name and a value");
            headers.push((name.to_owned(), value.to_owned()));
        } else {
            fields.insert(name, value);
        }
    }
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let mut response = match path {
        "/say" | "/native/say" | LINKING => {
            let mut response = Response::new(Bytes::from(field("body")));
            let status = field("status").parse().unwrap_or(200);
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response
        }
        "/say-ws" => {
            let events = String::from_utf8_lossy(&request.body);
            let event = events.split([' ', '\r']).next().unwrap_or_default();
            if event != "OPEN" {
                headers.retain(|(name, _)| name.starts_with("set-meta"));
            } else {
                headers.push(("sec-websocket-extensions".to_owned(), "grip".to_owned()));
            }
            headers.push((
                "content-type".to_owned(),
                "application/websocket-events".to_owned(),
            ));
            let mut response = Response::new(Bytes::from(field(event)));
            if event != "OPEN"
                && let Ok(status) = field("status").parse()
            {
                *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            }
            response
        }
        _ if path.ends_with(LINKED) => Response::new(Bytes::from("[end]\n")),
        _ => return None,
    };
    for (name, value) in headers {
        response.headers_mut().append(
            HeaderName::try_from(name).expect("a header's name"),
            HeaderValue::try_from(value).expect("a header's value"),
        );
    }
    Some(response)
}

/// One event of a body.
pub(crate) fn event(kind: &str, content: &str) -> String {
    format!("{kind} {:x}\r\n{content}\r\n", content.len())
}
