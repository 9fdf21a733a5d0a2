//! Writing WebSocket-over-HTTP bodies (GRIP 2.1).
//!
//! ```
//! use gripware_core::ws::{Event, encode};
//!
//! let body = encode(&[Event::open(), Event::text("m:hello")]);
//! assert_eq!(body, "OPEN\r\nTEXT 7\r\nm:hello\r\n");
//!
//! // An event without content has no length either.
//! assert_eq!(encode(&[Event::text("")]), "TEXT\r\n");
//! ```

use bytes::Bytes;

use super::{Event, EventKind};

/// A body of these events. It is allocated once, at its exact size.
#[must_use]
pub fn encode(events: &[Event]) -> Bytes {
    let mut body = Vec::with_capacity(events.iter().map(encoded_len).sum());
    for event in events {
        put(&mut body, event.kind(), b"", event.content());
    }
    body.into()
}

/// Writes one event behind what `body` has already.
pub fn encode_into(event: &Event, body: &mut Vec<u8>) {
    put(body, event.kind(), b"", event.content());
}

/// How many bytes an event takes.
#[must_use]
pub fn encoded_len(event: &Event) -> usize {
    framed_len(event.kind(), event.content().len())
}

/// How many bytes an event of this kind with a content of `length` takes.
pub(super) const fn framed_len(kind: EventKind, length: usize) -> usize {
    let head = kind.as_str().len() + 2;
    if length == 0 {
        head
    } else {
        head + 1 + hex_digits(length) + length + 2
    }
}

/// Writes an event whose content is `prefix` and `content`, which are never put together first.
pub(super) fn put(body: &mut Vec<u8>, kind: EventKind, prefix: &[u8], content: &[u8]) {
    let length = prefix.len() + content.len();
    body.reserve(framed_len(kind, length));
    body.extend_from_slice(kind.as_str().as_bytes());
    if length > 0 {
        body.push(b' ');
        for digit in (0..hex_digits(length)).rev() {
            body.push(hex_digit(length >> (4 * digit)));
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(prefix);
        body.extend_from_slice(content);
    }
    body.extend_from_slice(b"\r\n");
}

const fn hex_digits(length: usize) -> usize {
    (length.ilog2() / 4 + 1) as usize
}

/// The lowest four bits, as a lower-case digit.
const fn hex_digit(value: usize) -> u8 {
    let digit = (value & 0xf) as u8;
    if digit < 10 {
        b'0' + digit
    } else {
        b'a' - 10 + digit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_lower_case_without_leading_zeros() {
        for (length, head) in [
            (1, "BINARY 1\r\n"),
            (15, "BINARY f\r\n"),
            (16, "BINARY 10\r\n"),
            (0x25, "BINARY 25\r\n"),
            (0xabc, "BINARY abc\r\n"),
            (1_000_000, "BINARY f4240\r\n"),
        ] {
            let event = Event::binary(vec![b'x'; length]);
            let body = encode(std::slice::from_ref(&event));
            assert!(body.starts_with(head.as_bytes()), "{head}");
            assert!(body.ends_with(b"x\r\n"));
            assert_eq!(body.len(), head.len() + length + 2);
            assert_eq!(body.len(), encoded_len(&event));
        }
    }

    #[test]
    fn an_event_is_written_behind_what_is_there() {
        let mut body = Vec::new();
        encode_into(&Event::open(), &mut body);
        encode_into(&Event::pong("x"), &mut body);
        encode_into(&Event::disconnect(), &mut body);
        assert_eq!(body, b"OPEN\r\nPONG 1\r\nx\r\nDISCONNECT\r\n");
    }
}
