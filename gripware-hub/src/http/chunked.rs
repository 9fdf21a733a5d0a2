//! The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), in which streams go to clients.

use bytes::{BufMut as _, Bytes, BytesMut};

/// The end of a body in chunks.
pub(crate) const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");

/// Returns bytes as a chunk. No bytes are no chunk, since an empty one is the end.
pub(crate) fn chunk(content: &[u8]) -> Bytes {
    const LONGEST_FRAME: usize = 16 + 4;
    if content.is_empty() {
        return Bytes::new();
    }
    let mut out = BytesMut::with_capacity(content.len() + LONGEST_FRAME);
    out.put_slice(format!("{:x}\r\n", content.len()).as_bytes());
    out.put_slice(content);
    out.put_slice(b"\r\n");
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_its_length_before_it() {
        assert_eq!(chunk(b"hello, chunked\n"), "f\r\nhello, chunked\n\r\n");
        assert_eq!(chunk(b""), "");
    }
}
