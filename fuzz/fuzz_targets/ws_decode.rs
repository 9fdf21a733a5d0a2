//! What decodes survives being encoded and decoded again; nothing panics.
#![no_main]

use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{decode, encode, encoded_len, scan},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
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
        }
        Err(error) => {
            assert!(error.position() <= body.len());
            assert!(scan(body, &limits).any(|event| event.is_err()));
        }
    }
});
