//! The ids of entries, and where a reader stands among them.
//!
//! An id is `epoch.number`. It travels as the id of an item, as `Last-Event-ID`, in `Grip-Last` and
//! as a previous id, so that each of them is a cursor.
//!
//! ```
//! use gripware_state::{EntryId, Position};
//!
//! let id: EntryId = "k3x9qf0a.41".parse()?;
//! assert_eq!((id.epoch().as_str(), id.number()), ("k3x9qf0a", 41));
//! assert_eq!(Position::parse("k3x9qf0a.41"), Some(Position::At(id)));
//! assert_eq!(Position::parse("0"), Some(Position::Start));
//!
//! // What a foreign client remembers is no position of ours.
//! assert_eq!(Position::parse("41"), None);
//! # Ok::<(), gripware_state::EntryIdError>(())
//! ```

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
};

use thiserror::Error;

/// The position before the first entry, as text.
const START: &str = "0";

/// Names one life of a channel's numbers: 8 random characters, `a-z` and `0-9`.
///
/// Where the numbers are lost, because Redis was emptied, the channel was evicted or cleared, they
/// start again at 1 in a new epoch, and no id of the old one is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch([u8; Self::LEN]);

impl Epoch {
    /// The number of characters.
    pub const LEN: usize = 8;

    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

    /// A new one, from the seeds that the standard library draws for its maps.
    #[must_use]
    pub fn random() -> Self {
        let mut rest = RandomState::new().hash_one(0_u8);
        Self(std::array::from_fn(|_| {
            let digit = usize::try_from(rest % 36).unwrap_or_default();
            rest /= 36;
            Self::ALPHABET.get(digit).copied().unwrap_or(b'0')
        }))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // All of them are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl TryFrom<&str> for Epoch {
    type Error = EntryIdError;

    fn try_from(text: &str) -> Result<Self, EntryIdError> {
        let characters = <[u8; Self::LEN]>::try_from(text.as_bytes()).map_err(|_| EntryIdError)?;
        if !characters.iter().all(|c| Self::ALPHABET.contains(c)) {
            return Err(EntryIdError);
        }
        Ok(Self(characters))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of one entry: `epoch.number`. Numbers count from 1 without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId {
    epoch: Epoch,
    number: u64,
}

impl EntryId {
    /// An id by its parts; `None` for the number 0, which no entry has.
    #[must_use]
    pub fn new(epoch: Epoch, number: u64) -> Option<Self> {
        (number > 0).then_some(Self { epoch, number })
    }

    /// The life of the channel's numbers that it belongs to.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The number, from 1 on.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The position of the entry before this one, which is the previous id of its item.
    #[must_use]
    pub fn previous(&self) -> Position {
        match Self::new(self.epoch, self.number - 1) {
            Some(id) => Position::At(id),
            None => Position::Start,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

impl FromStr for EntryId {
    type Err = EntryIdError;

    fn from_str(text: &str) -> Result<Self, EntryIdError> {
        let (epoch, number) = text.split_once('.').ok_or(EntryIdError)?;
        // One number has one text: ids are compared as texts by proxies.
        if number.starts_with(['0', '+']) {
            return Err(EntryIdError);
        }
        let number = number.parse().map_err(|_| EntryIdError)?;
        Self::new(Epoch::try_from(epoch)?, number).ok_or(EntryIdError)
    }
}

/// A text is not the id of an entry: `epoch.number`, with 8 characters and a number from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the text is not the id of an entry")]
pub struct EntryIdError;

/// Where a channel, or a reader of it, stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Position {
    /// Before the first entry: `0`, which the first entry of an epoch has as its previous id.
    #[default]
    Start,
    /// At this entry.
    At(EntryId),
}

impl Position {
    /// Reads a cursor; `None` if it is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == START {
            return Some(Self::Start);
        }
        text.parse().ok().map(Self::At)
    }

    /// The number; 0 at the start.
    #[must_use]
    pub const fn number(&self) -> u64 {
        match self {
            Self::Start => 0,
            Self::At(id) => id.number,
        }
    }

    /// The epoch; `None` at the start, which is the same in each.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Start => None,
            Self::At(id) => Some(id.epoch),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str(START),
            Self::At(id) => id.fmt(f),
        }
    }
}

/// A position as a previous id.
impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_entry_has_one_text() {
        for text in [
            "abcdefgh.01",
            "abcdefgh.+1",
            "abcdefgh.0",
            "abcdefgh.",
            "abcdefgh.1 ",
        ] {
            assert_eq!(text.parse::<EntryId>(), Err(EntryIdError), "{text}");
        }
        for text in [
            "ABCDEFGH.1",
            "abcdefg.1",
            "abcdefghi.1",
            "abcdéfg.1",
            ".1",
            "1",
        ] {
            assert_eq!(text.parse::<EntryId>(), Err(EntryIdError), "{text}");
        }
    }

    #[test]
    fn the_first_entry_comes_after_the_start_of_any_epoch() {
        let first = EntryId::new(Epoch::random(), 1).unwrap();
        assert_eq!(first.previous().to_string(), "0");
        let second = EntryId::new(first.epoch(), 2).unwrap();
        assert_eq!(second.previous(), Position::At(first));
    }

    #[test]
    fn epochs_differ() {
        let epochs: std::collections::HashSet<_> = (0..1000).map(|_| Epoch::random()).collect();
        assert_eq!(epochs.len(), 1000);
    }

    proptest! {
        #[test]
        fn an_id_is_read_back_as_it_was(number in 1..=u64::MAX) {
            let id = EntryId::new(Epoch::random(), number).unwrap();
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-zA-Zé.+]{0,20}") {
            if let Some(position) = Position::parse(&text) {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }
}
