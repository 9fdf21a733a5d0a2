use std::str::FromStr;

use bytes::Bytes;
use gripware_core::{Item, proxy::decode_items};

use super::StoredPage;
use crate::{EntryId, Position};

/// The most entries of one page.
pub const MAX_PAGE_ENTRIES: usize = 1_000;

/// The most bytes of one page, as JSON. A proxy ends the answer to a next link at 1 MB.
pub const MAX_PAGE_LEN: usize = 500_000;

/// What came after a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The entries, in their order.
    pub entries: Vec<Entry>,
    /// How far this page goes: the cursor for the next one, and the previous id of a hold.
    pub position: Position,
    /// The position of the channel's last entry, whether it is in this page or not.
    pub last: Position,
    /// Whether there are more entries after it.
    pub has_more: bool,
    /// Whether these are all that came after the cursor.
    pub continuity: Continuity,
}

/// One entry of a channel's history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its id, which its item has as well.
    pub id: EntryId,
    /// The item, as it was appended or amended.
    pub item: Item,
}

/// Whether a reader knows everything once it has read on from its cursor.
///
/// With any other answer than [`Complete`](Self::Complete) the page begins at the oldest entry that
/// is kept, and whatever the reader has built from earlier ones is to be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Continuity {
    /// Nothing is missing. Also for a reader without a cursor.
    Complete,
    /// Entries after the cursor are no longer kept.
    Trimmed,
    /// The cursor is of another epoch: numbers were lost since, or the channel was cleared.
    OtherEpoch,
    /// The cursor is none of ours.
    Unknown,
}

impl Continuity {
    /// Returns `true` if nothing is missing.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }

    /// The name, as a `reset` event has it: `complete`, `trimmed`, `other-epoch`, `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Trimmed => "trimmed",
            Self::OtherEpoch => "other-epoch",
            Self::Unknown => "unknown",
        }
    }

    /// What a reader that stands at `after` is told by a channel that keeps the entries from number
    /// `first` to `last`.
    fn of(after: Cursor, first: u64, last: Position) -> Self {
        let after = match after {
            Cursor::None => return Self::Complete,
            Cursor::Unknown => return Self::Unknown,
            Cursor::At(position) => position,
        };
        if after.epoch().is_some() && after.epoch() != last.epoch()
            // An engine that came back from an older copy has forgotten numbers.
            || after.number() > last.number()
        {
            Self::OtherEpoch
        } else if after.number().saturating_add(1) < first {
            Self::Trimmed
        } else {
            Self::Complete
        }
    }
}

/// The cursor of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    None,
    At(Position),
    Unknown,
}

impl Cursor {
    pub(super) fn new(text: Option<&str>) -> Self {
        text.map_or(Self::None, |text| {
            Position::parse(text).map_or(Self::Unknown, Self::At)
        })
    }

    /// From where a backend reads.
    pub(super) fn position(self) -> Position {
        match self {
            Self::At(position) => position,
            Self::None | Self::Unknown => Position::Start,
        }
    }
}

impl Page {
    pub(super) fn new(cursor: Cursor, stored: &StoredPage) -> Self {
        let continuity = Continuity::of(cursor, stored.first, stored.last);
        let position = match stored.last {
            Position::At(last) => {
                EntryId::new(last.epoch(), stored.reached).map_or(Position::Start, Position::At)
            }
            Position::Start => Position::Start,
        };
        Self {
            entries: stored.entries.iter().filter_map(entry).collect(),
            position,
            last: stored.last,
            has_more: stored.reached < stored.last.number(),
            continuity,
        }
    }
}

/// An entry from its JSON. What an engine holds that is none was written by somebody else: it is
/// passed over, since it will not become readable.
fn entry(json: &Bytes) -> Option<Entry> {
    let read = decode(json);
    #[cfg(feature = "tracing")]
    if read.is_none() {
        tracing::warn!(target: "gripware", "an entry of the history cannot be read, and is passed over");
    }
    read
}

/// Reads the JSON of one entry.
pub(super) fn decode(json: &[u8]) -> Option<Entry> {
    let body = [b"{\"items\":[", json, b"]}"].concat();
    let (_, item) = decode_items(&body).ok()?.pop()?;
    let id = item.parts().ok()?.id.as_deref()?;
    Some(Entry {
        id: EntryId::from_str(id).ok()?,
        item,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_what_it_can_no_longer_learn() {
        let at = |text| Cursor::new(Some(text));
        let last = Position::parse("abcdefgh.10").unwrap();
        for (cursor, first, expected) in [
            (Cursor::None, 8, Continuity::Complete),
            (at("0"), 1, Continuity::Complete),
            (at("0"), 8, Continuity::Trimmed),
            (at("abcdefgh.6"), 8, Continuity::Trimmed),
            (at("abcdefgh.7"), 8, Continuity::Complete),
            (at("abcdefgh.10"), 11, Continuity::Complete),
            (at("abcdefgh.9"), 11, Continuity::Trimmed),
            (at("abcdefgh.11"), 8, Continuity::OtherEpoch),
            (at("zzzzzzzz.8"), 8, Continuity::OtherEpoch),
            (at("8"), 1, Continuity::Unknown),
            (at(""), 1, Continuity::Unknown),
        ] {
            let told = Continuity::of(cursor, first, last);
            assert_eq!(told, expected, "{cursor:?} {first}");
        }
        // A channel that nothing was appended to, or that has lost everything.
        let told = |cursor| Continuity::of(cursor, 1, Position::Start);
        assert_eq!(told(at("0")), Continuity::Complete);
        assert_eq!(told(at("abcdefgh.1")), Continuity::OtherEpoch);
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        for json in ["", "{}", "[]", r#"{"channel":"a","formats":{}}"#, "\u{0}"] {
            assert_eq!(decode(json.as_bytes()), None, "{json}");
        }
        let foreign = br#"{"channel":"a","id":"7","formats":{"ws-message":{"content":"x"}}}"#;
        assert_eq!(decode(foreign), None);
    }
}
