//! Long lists are handed out in pages, each of which names the next one by a cursor.
//!
//! The order of a list is one that its entries never change, and a cursor is the place of an entry
//! in it. So whoever is there from the first page to the last is seen exactly once, whoever comes
//! and goes meanwhile.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;

use crate::connection_id::Id;

/// The most entries of a page: enough that few hubs need a second one, and few enough that a page
/// of connections, each on some channels, is some hundred kilobytes.
pub(crate) const MAX_PAGE: usize = 1_000;

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// Up to 1 000 entries, in the order of the list.
    pub entries: Vec<T>,
    /// The cursor of the next page; `None` if this is the last one.
    pub next: Option<String>,
}

/// A cursor is none that a page has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the cursor is none of this hub")]
#[non_exhaustive]
pub struct CursorError;

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            next: None,
        }
    }
}

impl<T> Page<T> {
    /// Makes a page of entries in order, of which there are more than [`MAX_PAGE`] if another page
    /// follows.
    pub(crate) fn new(mut entries: Vec<T>, cursor: impl FnOnce(&T) -> String) -> Self {
        let has_more = entries.len() > MAX_PAGE;
        entries.truncate(MAX_PAGE);
        let next = entries.last().filter(|_| has_more).map(cursor);
        Self { entries, next }
    }
}

/// The place of a connection: the oldest come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seniority {
    pub(crate) since: Instant,
    pub(crate) id: Id,
}

impl Seniority {
    /// Writes a cursor, for a hub that was started at that time.
    pub(crate) fn to_cursor(self, started: Instant) -> String {
        let nanos = self.since.saturating_duration_since(started).as_nanos();
        format!("{nanos}.{}", self.id)
    }

    /// Reads what [`to_cursor`](Self::to_cursor) has written.
    pub(crate) fn read(cursor: &str, started: Instant) -> Result<Self, CursorError> {
        let (nanos, id) = cursor.split_once('.').ok_or(CursorError)?;
        let nanos = nanos.parse().map_err(|_| CursorError)?;
        let since = started.checked_add(Duration::from_nanos(nanos));
        Ok(Self {
            since: since.ok_or(CursorError)?,
            id: Id::parse(id).ok_or(CursorError)?,
        })
    }
}

/// Writes the cursor of a channel, whose place is its name, in characters that need no escape in a
/// query.
pub(crate) fn channel_cursor(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// Reads what [`channel_cursor`] has written.
pub(crate) fn read_channel_cursor(cursor: &str) -> Result<String, CursorError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError)?;
    String::from_utf8(bytes).map_err(|_| CursorError)
}

/// Returns the first `limit` entries behind a place, in order.
///
/// Every entry is looked at, but no more than `2 * limit` are kept at a time, and only the result is
/// sorted.
pub(crate) fn first_behind<K: Ord, T>(
    entries: impl Iterator<Item = (K, T)>,
    after: Option<&K>,
    limit: usize,
) -> Vec<(K, T)> {
    let by_key = |one: &(K, T), other: &(K, T)| one.0.cmp(&other.0);
    let mut first = Vec::new();
    for entry in entries.filter(|(key, _)| after.is_none_or(|after| key > after)) {
        first.push(entry);
        if first.len() / 2 >= limit.max(1) {
            first.select_nth_unstable_by(limit, by_key);
            first.truncate(limit);
        }
    }
    first.sort_unstable_by(by_key);
    first.truncate(limit);
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_have_each_entry_once_and_in_order() {
        let all: Vec<_> = (0..=2 * MAX_PAGE)
            .rev()
            .map(|n| format!("room \u{e9} {n:04}"))
            .collect();
        let (mut seen, mut sizes, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let entries = all.iter().map(|name| (name.clone(), ()));
            let first = first_behind(entries, after.as_ref(), MAX_PAGE + 1);
            let page = Page::new(first, |(name, ())| channel_cursor(name));
            sizes.push(page.entries.len());
            seen.extend(page.entries.into_iter().map(|(name, ())| name));
            let Some(next) = page.next else {
                break;
            };
            after = Some(read_channel_cursor(&next).unwrap());
        }
        assert_eq!(sizes, [MAX_PAGE, MAX_PAGE, 1]);
        assert!(seen.iter().eq(all.iter().rev()));
    }

    #[test]
    fn a_cursor_can_be_read_back_and_nothing_else() {
        let started = Instant::now();
        let place = Seniority {
            since: started + Duration::from_nanos(1_234_567_890_123),
            id: Id::random(),
        };
        let cursor = place.to_cursor(started);
        assert_eq!(Seniority::read(&cursor, started), Ok(place));
        for wrong in [
            "",
            ".",
            "1",
            "1.x",
            &cursor[1..5],
            "-1.x",
            &format!("{cursor}0"),
        ] {
            let read = Seniority::read(wrong, started);
            assert_eq!(read, Err(CursorError), "{wrong}");
        }
        assert_eq!(read_channel_cursor("?"), Err(CursorError));
    }

    proptest! {
        #[test]
        fn the_first_behind_a_place_are_those_that_sorting_gives(
            entries in proptest::collection::vec(0..50_u8, 0..100),
            after in proptest::option::of(0..50_u8),
            limit in 0..20_usize,
        ) {
            let found = first_behind(entries.iter().map(|it| (*it, ())), after.as_ref(), limit);
            let mut sorted = entries;
            sorted.retain(|it| after.is_none_or(|after| *it > after));
            sorted.sort_unstable();
            sorted.truncate(limit);
            prop_assert!(found.into_iter().map(|it| it.0).eq(sorted));
        }
    }
}
