//! Compression with the standard dictionary, which is none: compressor 1.
//!
//! ```
//! use gripware_topics::ws::zstd;
//!
//! let message = [7; 10_000];
//! let compressed = zstd::compress(&message, 3).unwrap();
//! assert!(compressed.len() < 100);
//! assert_eq!(zstd::decompress(&compressed, 10_000)?, &message[..]);
//! assert!(zstd::decompress(&compressed, 9_999).is_err());
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, Read};

use ::zstd::stream::read::Decoder;
use bytes::Bytes;

/// The number of the compressor.
pub const STANDARD: u32 = 1;

/// The highest level that is compressed with, whatever the other end asks for: those above take many
/// times as long.
pub const MAX_LEVEL: i16 = 9;

/// Messages of fewer bytes are not worth compressing, says the original: 16 KiB.
pub const MIN_SIZE: u32 = 16 * 1024;

/// The largest window of what is decompressed, as a power of two: 8 MiB, as in the original.
const MAX_WINDOW: u32 = 23;

/// Compresses a message at a level from 1 to [`MAX_LEVEL`], or the nearest. Returns `None` if that
/// makes it no shorter.
#[must_use]
pub fn compress(message: &[u8], level: i16) -> Option<Bytes> {
    let level = i32::from(level.clamp(1, MAX_LEVEL));
    let compressed = ::zstd::bulk::compress(message, level).ok()?;
    (compressed.len() < message.len()).then(|| compressed.into())
}

/// Decompresses a message of `length` bytes, and no more than that (decompression bomb).
///
/// # Errors
/// Where it cannot be decompressed, needs a window of more than 8 MiB, or has another length.
pub fn decompress(compressed: &[u8], length: u64) -> io::Result<Bytes> {
    let mut decoder = Decoder::with_buffer(compressed)?;
    decoder.window_log_max(MAX_WINDOW)?;
    let mut message = Vec::new();
    // One byte more says that it is too long.
    let mut limited = decoder.take(length.saturating_add(1));
    limited.read_to_end(&mut message)?;
    match message.len() as u64 == length {
        true => Ok(message.into()),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_length_is_no_message() {
        let compressed = compress(&[0; 1 << 20], 3).unwrap();
        assert_eq!(decompress(&compressed, 1 << 20).unwrap().len(), 1 << 20);
        for length in [0, (1 << 20) - 1, (1 << 20) + 1] {
            assert!(decompress(&compressed, length).is_err(), "{length}");
        }
        assert!(decompress(&compressed[..10], 1 << 20).is_err());
        assert!(decompress(b"hello", 5).is_err());
    }

    #[test]
    fn what_becomes_no_shorter_stays_as_it_is() {
        assert_eq!(compress(b"hello", 3), None);
        assert_eq!(compress(b"", 3), None);
    }
}
