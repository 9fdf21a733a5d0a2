//! As much DER as private and public keys are written in.

/// Tags of the values that occur in keys.
pub(super) mod tag {
    pub(in crate::sig) const INTEGER: u8 = 0x02;
    pub(in crate::sig) const BIT_STRING: u8 = 0x03;
    pub(in crate::sig) const OCTET_STRING: u8 = 0x04;
    pub(in crate::sig) const OID: u8 = 0x06;
    pub(in crate::sig) const SEQUENCE: u8 = 0x30;
    pub(in crate::sig) const CONTEXT_0: u8 = 0xa0;
    pub(in crate::sig) const CONTEXT_1: u8 = 0xa1;
}

/// Reads values one after the other. Everything is `None` where the bytes are not strict DER.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the one SEQUENCE that `bytes` are.
    pub(super) fn sequence(bytes: &'a [u8]) -> Option<Self> {
        let mut outer = Self(bytes);
        let inner = outer.nested()?;
        outer.end()?;
        Some(inner)
    }

    /// The content of the next value, which has this tag.
    pub(super) fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&length, rest) = rest.split_first()?;
                (length >= 0x80).then_some((usize::from(length), rest))?
            }
            0x82 => {
                let (&length, rest) = rest.split_first_chunk::<2>()?;
                let length = u16::from_be_bytes(length);
                (length >= 0x100).then_some((usize::from(length), rest))?
            }
            // Keys are bounded far below 64 KiB.
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next value, where it has this tag; nothing is read where it has another.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) {
            self.value(tag).map(Some)
        } else {
            Some(None)
        }
    }

    /// The next value, a SEQUENCE.
    pub(super) fn nested(&mut self) -> Option<Self> {
        self.value(tag::SEQUENCE).map(Self)
    }

    /// The next value, a number that is not negative, without leading zeros.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.value(tag::INTEGER)? {
            [] => None,
            [0] => Some(&[]),
            [0, next, ..] if *next < 0x80 => None,
            [0, number @ ..] => Some(number),
            [first, ..] if *first >= 0x80 => None,
            number => Some(number),
        }
    }

    /// The next value, a BIT STRING of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        self.value(tag::BIT_STRING)?.strip_prefix(&[0])
    }

    /// What is left is nothing.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// Reads the content of a constructed value.
    pub(super) fn within(content: &'a [u8]) -> Self {
        Self(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_come_without_their_sign_byte() {
        let mut numbers =
            Der::sequence(b"\x30\x0a\x02\x01\x00\x02\x01\x7f\x02\x02\x00\x80").unwrap();
        assert_eq!(numbers.unsigned(), Some(&b""[..]));
        assert_eq!(numbers.unsigned(), Some(&b"\x7f"[..]));
        assert_eq!(numbers.unsigned(), Some(&b"\x80"[..]));
        assert_eq!(numbers.end(), Some(()));
    }

    #[test]
    fn a_value_written_in_another_way_than_the_shortest_is_refused() {
        for bytes in [
            &b"\x30\x80\x00\x00"[..],
            b"\x30\x81\x01\x05",
            b"\x30\x82\x00\x01\x05",
            b"\x30\x02\x05",
            b"\x30\x00\x00",
            b"\x30",
            b"",
        ] {
            assert!(Der::sequence(bytes).is_none(), "{bytes:?}");
        }
        for bytes in [&b"\x02\x00"[..], b"\x02\x01\x80", b"\x02\x02\x00\x01"] {
            assert_eq!(Der(bytes).unsigned(), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, tags: Vec<u8>) {
            let mut der = Der(&bytes);
            for tag in tags {
                let _ = der.optional(tag);
                let _ = der.unsigned();
                let _ = der.nested();
            }
        }
    }
}
