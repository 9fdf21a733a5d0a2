/// Counts the data frames of a server (RFC 6455, 5.2), whatever is in them.
///
/// Compressed messages have no mark that could be counted.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The header of a frame that is not here whole.
    header: Vec<u8>,
    /// What is missing of a payload.
    missing: u64,
}

impl Frames {
    /// How many data frames end in these bytes.
    pub(crate) fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut ended = 0;
        loop {
            if self.missing > 0 {
                let skipped = bytes
                    .len()
                    .min(usize::try_from(self.missing).unwrap_or(usize::MAX));
                bytes = bytes.get(skipped..).unwrap_or_default();
                self.missing -= skipped as u64;
                if self.missing > 0 {
                    return ended;
                }
                ended += self.end();
            }
            let [first, rest @ ..] = bytes else {
                return ended;
            };
            self.header.push(*first);
            bytes = rest;
            if let Some(length) = length(&self.header) {
                self.missing = length;
                if length == 0 {
                    ended += self.end();
                }
            }
        }
    }

    /// A frame has ended: one if it is the last of a message.
    fn end(&mut self) -> u64 {
        let first = self.header.first().copied().unwrap_or_default();
        self.header.clear();
        u64::from(first & 0x80 != 0 && first & 0x0f < 8)
    }
}

/// The length of the payload, when the header is whole.
fn length(header: &[u8]) -> Option<u64> {
    let big_endian = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    match header {
        [_, short @ ..=125] => Some((*short).into()),
        [_, 126, length @ ..] if length.len() == 2 => Some(big_endian(length)),
        [_, 127, length @ ..] if length.len() == 8 => Some(big_endian(length)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_their_bytes_are_split() {
        let mut bytes = b"\x81\x02hi\x89\x00\x82\x7e\x01\x00".to_vec();
        bytes.extend([7; 256]);
        bytes.extend(b"\x01\x01a\x80\x01b");
        bytes.extend(b"\x82\x7f\0\0\0\0\0\x01\0\0");
        bytes.extend([8; 65_536]);
        bytes.extend(b"\x81\x00");
        for piece in [1, 2, 3, 7, 1_000, bytes.len()] {
            let mut frames = Frames::default();
            let counted: u64 = bytes.chunks(piece).map(|bytes| frames.count(bytes)).sum();
            assert_eq!(counted, 5, "in pieces of {piece}");
        }
    }
}
