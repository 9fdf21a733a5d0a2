//! Finding the frames of HTTP/2 in bytes that pass by, for the [frame meter](super::frame_meter).

/// The words that a client of HTTP/2 begins with (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of a frame of HTTP/2 (RFC 9113, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

/// Finds the heads of frames in bytes that pass by, however they are cut, and keeps nothing else.
#[derive(Debug)]
pub(super) struct FrameScanner {
    /// What comes before the next head, in bytes: the preface, or a payload.
    skip: usize,
    head: [u8; FrameHead::LENGTH],
    /// How much of the next head is there.
    have: usize,
}

impl FrameHead {
    const LENGTH: usize = 9;

    fn read(bytes: &[u8; Self::LENGTH]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes;
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]) as usize,
            kind,
            flags,
            // The first bit means nothing.
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff,
        }
    }
}

impl FrameScanner {
    /// What a client sends.
    pub(super) fn of_client() -> Self {
        Self {
            skip: PREFACE.len(),
            ..Self::of_server()
        }
    }

    /// What a server sends, which has no preface but a frame.
    pub(super) fn of_server() -> Self {
        Self {
            skip: 0,
            head: [0; FrameHead::LENGTH],
            have: 0,
        }
    }

    /// Calls `found` for each head that ends within these bytes.
    pub(super) fn scan(&mut self, mut bytes: &[u8], mut found: impl FnMut(FrameHead)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let missing = self.head.get_mut(self.have..).unwrap_or_default();
            let more = missing.len().min(bytes.len());
            let (head, rest) = bytes.split_at(more);
            missing
                .iter_mut()
                .zip(head)
                .for_each(|(to, from)| *to = *from);
            self.have += more;
            bytes = rest;
            if self.have < FrameHead::LENGTH {
                return;
            }
            let head = FrameHead::read(&self.head);
            self.have = 0;
            self.skip = head.length;
            found(head);
        }
    }

    /// Returns `true` if the last frame that began has ended.
    pub(super) fn is_between_frames(&self) -> bool {
        self.skip == 0 && self.have == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, 0]);
        bytes.extend((stream | 1 << 31).to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    proptest! {
        #[test]
        fn heads_are_found_however_the_bytes_are_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
            cuts in prop::collection::vec(0_usize..400, 0..20),
        ) {
            let mut bytes = PREFACE.to_vec();
            for (kind, payload) in (0..).zip(&payloads) {
                bytes.extend(frame(kind, 7, payload));
            }
            let mut scanner = FrameScanner::of_client();
            let mut found = Vec::new();
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= bytes.len()).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                scanner.scan(&bytes[pair[0]..pair[1]], |head| found.push(head));
            }
            prop_assert!(scanner.is_between_frames());
            prop_assert_eq!(found.len(), payloads.len());
            for ((kind, payload), head) in (0..).zip(&payloads).zip(found) {
                let expected = FrameHead { length: payload.len(), kind, flags: 0, stream: 7 };
                prop_assert_eq!(head, expected);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            FrameScanner::of_server().scan(&bytes, |_| {});
        }
    }
}
