//! What decodes survives being encoded and decoded again; nothing panics.

use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{WebSocketContext, decode, encode, encoded_len, scan},
};
use http::{HeaderMap, HeaderValue};

/// The target. Whether the input is a good one.
pub fn ws_decode(body: &[u8]) -> bool {
    let limits = Limits::default();
    read_by_a_handler(body, &limits);
    match decode(Bytes::copy_from_slice(body), &limits) {
        Ok(events) => {
            let again = encode(&events);
            assert_eq!(again.len(), events.iter().map(encoded_len).sum::<usize>());
            assert!(again.len() <= body.len());
            assert_eq!(scan(body, &limits).count(), events.len());
            for event in &events {
                assert!(event.kind().has_content() || event.content().is_empty());
                if let Some(close) = event.to_close() {
                    assert!(close.reason().len() <= 123);
                    assert!(close.to_bytes().len() <= 125);
                }
            }
            assert_eq!(decode(again, &limits), Ok(events));
            true
        }
        Err(error) => {
            assert!(error.position() <= body.len());
            assert!(scan(body, &limits).any(|event| event.is_err()));
            false
        }
    }
}

/// A handler that accepts has an answer that a proxy understands.
fn read_by_a_handler(body: &[u8], limits: &Limits) {
    let mut headers = HeaderMap::new();
    headers.insert("connection-id", HeaderValue::from_static("a"));
    let body = Bytes::copy_from_slice(body);
    if let Ok(mut ws) = WebSocketContext::from_request(&headers, body, "", limits) {
        ws.accept();
        assert!(decode(ws.into_reply().body, limits).is_ok());
    }
}
