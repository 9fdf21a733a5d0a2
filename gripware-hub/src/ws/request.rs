//! What is the same in all requests to the origin about one WebSocket (GRIP 2.2).

use gripware_core::header::{
    CONNECTION_ID, CONTENT_BYTES_REPLAYED, GRIP_PREFIX, META_PREFIX, WEBSOCKET_EVENTS,
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, SEC_WEBSOCKET_EXTENSIONS, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

/// Headers about one connection, in either direction.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The headers of every request about a WebSocket: the client's own, but for those about its
/// connection and those that a proxy alone may set, and the proxy's, but for `Grip-Sig` and
/// `Grip-Feature`.
pub(crate) fn headers(client: &HeaderMap, id: &str) -> HeaderMap {
    let mut headers = client.clone();
    remove_hop_by_hop(&mut headers);
    for name in [
        EXPECT,
        CONTENT_LENGTH,
        CONTENT_BYTES_REPLAYED,
        CONNECTION_ID,
    ] {
        headers.remove(name);
    }
    remove_where(&mut headers, |name| {
        name.starts_with(GRIP_PREFIX) || name.starts_with(META_PREFIX)
    });
    let events = HeaderValue::from_static(WEBSOCKET_EVENTS);
    headers.insert(ACCEPT, events.clone());
    headers.insert(CONTENT_TYPE, events);
    let grip = HeaderValue::from_static("grip");
    headers.insert(SEC_WEBSOCKET_EXTENSIONS, grip);
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(CONNECTION_ID, id);
    }
    headers
}

/// Removes what is about one connection, and what `Connection` says to be.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let named: Vec<_> = named
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

pub(super) fn remove_where(headers: &mut HeaderMap, is_removed: impl Fn(&str) -> bool) {
    let names = headers.keys().filter(|name| is_removed(name.as_str()));
    for name in names.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(items: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in items {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_origin_sees_the_clients_headers_and_the_proxys() {
        let client = map(&[
            ("host", "app.example"),
            ("connection", "Upgrade, X-Hop"),
            ("upgrade", "websocket"),
            ("x-hop", "1"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "p1"),
            ("sec-websocket-protocol", "p2"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("cookie", "k=v"),
            ("accept", "*/*"),
            ("meta-user", "root"),
            ("grip-sig", "forged"),
            ("connection-id", "another"),
            ("content-bytes-replayed", "7"),
        ]);
        let expected = map(&[
            ("host", "app.example"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "p1"),
            ("sec-websocket-protocol", "p2"),
            ("sec-websocket-extensions", "grip"),
            ("cookie", "k=v"),
            ("accept", "application/websocket-events"),
            ("content-type", "application/websocket-events"),
            ("connection-id", "5c384ad4"),
        ]);
        assert_eq!(headers(&client, "5c384ad4"), expected);
    }
}
