//! Between `http` 0.2, which actix-web speaks, and `http` 1, which the rest of gripware speaks.
//! Only what GRIP needs is converted.

use actix_web::{dev::RequestHead, http as actix};
use gripware_core::{
    RequestMarks,
    header::{
        self, CONNECTION_ID, CONTENT_BYTES_REPLAYED, GRIP_FEATURE, GRIP_LAST, GRIP_OFFER,
        GRIP_PREFIX, GRIP_SIG, GUARDED, META_PREFIX,
    },
    ws::ORIGIN_HEADERS,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        CONTENT_LENGTH, CONTENT_TYPE, HOST, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
    },
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a policy looks at in a request.
const OF_A_REQUEST: [HeaderName; 7] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    GRIP_SIG,
    GRIP_FEATURE,
    GRIP_LAST,
    GRIP_OFFER,
    GUARDED,
];

/// What a conversation looks at in a request, beside its meta.
const OF_A_SOCKET: [HeaderName; 5] = [
    CONNECTION_ID,
    CONTENT_BYTES_REPLAYED,
    GRIP_OFFER,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL,
];

/// What is looked at in every request. A look-up costs less here than to pass over a few headers.
pub(crate) fn marks(headers: &actix::header::HeaderMap) -> RequestMarks<'_> {
    use actix::header::{CONTENT_TYPE, HeaderName as Name};

    const SIG: Name = Name::from_static("grip-sig");
    const FEATURE: Name = Name::from_static("grip-feature");
    const OFFER: Name = Name::from_static("grip-offer");

    let signatures = headers.get_all(SIG).map(|value| ("grip-sig", value));
    let first = |name: Name, as_name| headers.get(name).map(|value| (as_name, value));
    let features = first(FEATURE, "grip-feature");
    // A proxy says one of those too.
    let may_be_proxied = features.is_some() || signatures.len() > 0;
    let offer = may_be_proxied.then(|| first(OFFER, "grip-offer")).flatten();
    let content_type = first(CONTENT_TYPE, "content-type");
    let rest = [features, offer, content_type].into_iter().flatten();
    signatures
        .chain(rest)
        .map(|(name, value)| (name, value.as_bytes()))
        .collect()
}

/// Whether a request is a turn of a conversation over a WebSocket; see
/// [`is_conversation`](gripware_core::header::is_conversation).
pub(crate) fn is_conversation(method: &actix::Method, marks: &RequestMarks<'_>) -> bool {
    match *method {
        actix::Method::POST => marks.is_websocket_events(),
        actix::Method::GET => marks.offers_events(),
        _ => false,
    }
}

/// Whether a response instructs a proxy.
pub(crate) fn has_instructions(headers: &actix::header::HeaderMap) -> bool {
    let headers = headers.iter();
    header::has_instructions(headers.map(|(name, value)| (name.as_str(), value.as_bytes())))
}

pub(crate) fn request_headers(headers: &actix::header::HeaderMap) -> HeaderMap {
    select(headers, |name| one_of(&OF_A_REQUEST, name))
}

/// What says where a client of server-sent events stands.
pub(crate) fn cursor_headers(headers: &actix::header::HeaderMap) -> HeaderMap {
    select(headers, |name| one_of(&[LAST_EVENT_ID], name))
}

pub(crate) fn socket_headers(head: &RequestHead) -> HeaderMap {
    let mut headers = select(&head.headers, |name| {
        if name.starts_with(META_PREFIX) {
            HeaderName::try_from(name).ok()
        } else {
            one_of(&OF_A_SOCKET, name).or_else(|| one_of(&ORIGIN_HEADERS, name))
        }
    });
    // HTTP/2 names the host here alone.
    if let Some(Ok(host)) = head.uri.authority().map(|host| host.as_str().try_into()) {
        headers.entry(HOST).or_insert(host);
    }
    headers
}

/// What makes a response an instruction, or an answer about a WebSocket.
pub(crate) fn response_headers(headers: &actix::header::HeaderMap) -> HeaderMap {
    select(headers, |name| {
        is_of_a_response(name)
            .then(|| HeaderName::try_from(name).ok())
            .flatten()
    })
}

/// Takes out of a response what is no longer among its [`response_headers`].
pub(crate) fn retain_headers(headers: &HeaderMap, of: &mut actix::header::HeaderMap) {
    of.retain(|name, _| !is_of_a_response(name.as_str()) || headers.contains_key(name.as_str()));
}

/// Every header of a response but instructions, which a hold takes the place of. They come in the
/// order of the names: actix-web keeps none, and the same response is to become the same
/// instruction.
pub(crate) fn held_headers(headers: &actix::header::HeaderMap) -> HeaderMap {
    let mut names: Vec<_> = headers
        .keys()
        .filter(|name| !name.as_str().starts_with(GRIP_PREFIX))
        .collect();
    names.sort_unstable_by_key(|name| name.as_str());
    let mut converted = HeaderMap::with_capacity(names.len());
    for name in names {
        let Ok(new) = HeaderName::try_from(name.as_str()) else {
            continue;
        };
        for value in headers.get_all(name) {
            append(&mut converted, &new, value);
        }
    }
    converted
}

pub(crate) fn status(status: actix::StatusCode) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn to_status(status: StatusCode) -> actix::StatusCode {
    actix::StatusCode::from_u16(status.as_u16()).unwrap_or(actix::StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn to_value(value: &HeaderValue) -> actix::header::HeaderValue {
    actix::header::HeaderValue::from_bytes(value.as_bytes())
        .unwrap_or(actix::header::HeaderValue::from_static(""))
}

/// Puts headers in place of all that there are.
pub(crate) fn write_headers(headers: &HeaderMap, to: &mut actix::header::HeaderMap) {
    to.clear();
    for (name, value) in headers {
        if let Ok(name) = actix::header::HeaderName::try_from(name.as_str()) {
            to.append(name, to_value(value));
        }
    }
}

fn select(
    headers: &actix::header::HeaderMap,
    wanted: impl Fn(&str) -> Option<HeaderName>,
) -> HeaderMap {
    let mut selected = HeaderMap::new();
    for (name, value) in headers {
        if let Some(name) = wanted(name.as_str()) {
            append(&mut selected, &name, value);
        }
    }
    selected
}

fn is_of_a_response(name: &str) -> bool {
    name == CONTENT_TYPE.as_str() || name.starts_with(GRIP_PREFIX)
}

fn one_of(names: &[HeaderName], name: &str) -> Option<HeaderName> {
    names.iter().find(|known| known.as_str() == name).cloned()
}

/// Both versions take the same bytes for a value, so none is lost.
fn append(headers: &mut HeaderMap, name: &HeaderName, value: &actix::header::HeaderValue) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use actix::header::{HeaderMap as ActixHeaders, HeaderName as ActixName};

    use super::*;

    fn actix_headers(headers: &[(&'static str, &'static [u8])]) -> ActixHeaders {
        let mut map = ActixHeaders::new();
        for (name, value) in headers {
            let value = actix::header::HeaderValue::from_bytes(value).unwrap();
            map.append(ActixName::from_static(name), value);
        }
        map
    }

    fn list(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
        let mut list: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        list.sort_by_key(|(name, _)| *name);
        list
    }

    #[test]
    fn of_a_request_only_what_grip_needs_is_converted() {
        let headers = actix_headers(&[
            ("content-length", b"6"),
            ("cookie", b"secret"),
            ("grip-last", b"b; last-id=1"),
            ("grip-last", b"a\xff; last-id=2"),
            ("content-type", b"text/plain"),
            ("connection-id", b"c1"),
            ("meta-user", "café".as_bytes()),
            ("metadata", b"x"),
            ("sec-websocket-protocol", b"p1"),
        ]);
        assert_eq!(
            list(&request_headers(&headers)),
            [
                ("content-length", &b"6"[..]),
                ("content-type", b"text/plain"),
                ("grip-last", b"b; last-id=1"),
                ("grip-last", b"a\xff; last-id=2"),
            ]
        );
        let mut head = RequestHead::default();
        head.headers = headers;
        head.uri = "https://app.example/room".parse().unwrap();
        assert_eq!(
            list(&socket_headers(&head)),
            [
                ("connection-id", &b"c1"[..]),
                ("host", b"app.example"),
                ("meta-user", "café".as_bytes()),
                ("sec-websocket-protocol", b"p1"),
            ]
        );
    }

    #[test]
    fn every_header_beside_a_hold_comes_back_as_it_was() {
        let headers = actix_headers(&[
            ("grip-hold", b"unwritten"),
            ("set-cookie", b"b=2"),
            ("set-cookie", b"a=1"),
            ("x-bytes", b"\x80\xff"),
            ("etag", b""),
        ]);
        let converted = held_headers(&headers);
        let names: Vec<_> = converted.keys().collect();
        assert_eq!(names, ["etag", "set-cookie", "x-bytes"]);
        let mut back = actix_headers(&[("etag", b"old"), ("etag", b"older"), ("vary", b"x")]);
        write_headers(&converted, &mut back);
        assert_eq!(list(&held_headers(&back)), list(&converted));
    }

    #[test]
    fn of_a_response_only_what_was_looked_at_is_taken_out() {
        let mut headers = actix_headers(&[
            ("content-type", b"text/plain"),
            ("etag", b"1"),
            ("grip-hold", b"stream"),
            ("grip-link", b"</a>; rel=next"),
        ]);
        let mut converted = response_headers(&headers);
        let names: Vec<_> = list(&converted).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["content-type", "grip-hold", "grip-link"]);
        converted.remove("grip-hold");
        retain_headers(&converted, &mut headers);
        let mut names: Vec<_> = headers.keys().map(ActixName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "etag", "grip-link"]);
    }

    #[test]
    fn statuses_of_ones_own_come_through() {
        for code in [200, 304, 418, 599, 999] {
            let own = StatusCode::from_u16(code).unwrap();
            assert_eq!(status(to_status(own)), own);
        }
    }
}
