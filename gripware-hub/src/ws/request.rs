//! What is the same in all requests to the origin about one WebSocket (GRIP 2.2).

use gripware_core::header::{CONNECTION_ID, WEBSOCKET_EVENTS};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, SEC_WEBSOCKET_EXTENSIONS,
        TRAILER,
    },
};

use crate::http::{
    hop_by_hop::{retain, strip_hop_by_hop},
    reserved::is_reserved,
};

/// Headers that are about the client's own request, and not about the WebSocket.
const OF_THE_HANDSHAKE: [HeaderName; 4] = [ACCEPT_ENCODING, CONTENT_LENGTH, EXPECT, TRAILER];

/// The headers of every request about a WebSocket: the client's own, but for those about its
/// connection and those that a proxy alone may set, and the proxy's, but for `Grip-Sig` and
/// `Grip-Feature`.
pub(crate) fn headers(client: &HeaderMap, id: &str) -> HeaderMap {
    let mut headers = client.clone();
    strip_hop_by_hop(&mut headers);
    retain(&mut headers, |name| {
        !is_reserved(name) && !OF_THE_HANDSHAKE.contains(name)
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
            ("accept-encoding", "gzip"),
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
