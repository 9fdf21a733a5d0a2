//! The ids of connections, by which the application and the control API name them.

use std::fmt;

use uuid::{Builder, Uuid};

/// A connection's id: 122 random bits, which nobody can guess, written as a UUID (GRIP 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(Uuid);

impl Id {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 16];
        // It fails where the system has no randomness, which no process of ours gets to see: the
        // key of the process is drawn from the same source before. `Uuid::new_v4` would panic.
        let _ = getrandom::fill(&mut bytes);
        Self(Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads the form that `Display` writes, in either case, and none of the others that a UUID may
    /// have.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        let id = Uuid::try_parse(text).ok().filter(|_| is_hyphenated)?;
        Some(Self(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
