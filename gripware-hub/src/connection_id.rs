use std::fmt;

/// A connection's id: 122 random bits, which nobody can guess, written as a UUID (GRIP 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u128);

impl Id {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 16];
        // It fails where the system has no randomness, which no process of ours gets to see: the
        // key of the process is drawn from the same source before.
        let _ = getrandom::fill(&mut bytes);
        let bits = u128::from_be_bytes(bytes);
        let version = bits & !(0xf << 76) | 4 << 76;
        Self(version & !(0b11 << 62) | 0b10 << 62)
    }

    /// Reads the form that `Display` writes, in either case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut bits = 0_u128;
        for digits in [8, 4, 4, 4, 12] {
            let part = parts.next().filter(|part| part.len() == digits)?;
            if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            bits = bits << (4 * digits) | u128::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bits))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |shift: u32, digits: u32| (self.0 >> shift) & ((1 << (4 * digits)) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 8),
            part(80, 4),
            part(64, 4),
            part(48, 4),
            part(0, 12)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_random_uuid_that_can_be_read_back() {
        let id = Id::random();
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(text.as_bytes().get(14), Some(&b'4'), "{text}");
        assert!(
            matches!(text.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b')),
            "{text}"
        );
        assert_eq!(Id::parse(&text), Some(id));
        assert_eq!(Id::parse(&text.to_uppercase()), Some(id));
        assert_ne!(Id::random(), id);
        for wrong in [
            "",
            "x",
            &text[1..],
            &text.replace('-', ""),
            &text.replace('4', "+"),
            &format!("{text}-"),
        ] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }
}
