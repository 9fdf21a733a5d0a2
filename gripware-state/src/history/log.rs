//! One channel's entries in memory. Sans-IO: `now` is handed in.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    AppendedAt, EPOCH_TTL, MAX_PAGE_LEN, MAX_REMEMBERED_KEYS, NewEntry, StoredPage, Template,
};
use crate::{EntryId, Epoch, Position};

/// What an entry or a key costs beside its bytes.
const OVERHEAD: usize = 64;

/// The entries of one channel, with their numbers.
///
/// Entry number `n` stands at a fixed distance from the last one: a removed entry leaves its place.
#[derive(Debug)]
pub(super) struct Log {
    epoch: Epoch,
    last: u64,
    entries: VecDeque<Option<Bytes>>,
    keys: HashMap<String, u64>,
    key_order: VecDeque<String>,
    entries_end: Instant,
    pub(super) numbers_end: Instant,
    /// What all of it costs.
    pub(super) bytes: usize,
}

impl Log {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            epoch: Epoch::random(),
            last: 0,
            entries: VecDeque::new(),
            keys: HashMap::new(),
            key_order: VecDeque::new(),
            entries_end: now,
            numbers_end: now + EPOCH_TTL,
            bytes: 0,
        }
    }

    pub(super) fn append(&mut self, entry: &NewEntry<'_>, now: Instant) -> Option<AppendedAt> {
        self.expire(now);
        if let Some(number) = entry.key.and_then(|key| self.keys.get(key)) {
            let id = EntryId::new(self.epoch, *number)?;
            return Some(AppendedAt {
                id,
                is_duplicate: true,
            });
        }
        self.last += 1;
        let id = EntryId::new(self.epoch, self.last)?;
        self.push(Some(entry.template.fill(&id)));
        if let Some(key) = entry.key {
            self.remember(key);
        }
        while self.entries.len() > entry.size {
            self.drop_oldest();
        }
        self.entries_end = now + entry.ttl;
        self.numbers_end = now + EPOCH_TTL;
        Some(AppendedAt {
            id,
            is_duplicate: false,
        })
    }

    pub(super) fn read(&mut self, after: Position, limit: usize, now: Instant) -> StoredPage {
        self.expire(now);
        let is_ours = after.epoch() == Some(self.epoch) && after.number() <= self.last;
        let after = if is_ours { after.number() } else { 0 };
        let first = self.first();
        let skipped = usize::try_from((after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let mut reached = after.max(first - 1);
        let (mut entries, mut length) = (Vec::new(), 0);
        for entry in self.entries.iter().skip(skipped) {
            if let Some(json) = entry {
                length += json.len();
                if entries.len() == limit || (length > MAX_PAGE_LEN && !entries.is_empty()) {
                    break;
                }
                entries.push(json.clone());
            }
            reached += 1;
        }
        StoredPage {
            entries,
            first,
            reached,
            last: self.position(),
        }
    }

    pub(super) fn replace(
        &mut self,
        name: &str,
        template: Option<&Template>,
        now: Instant,
    ) -> Option<EntryId> {
        self.expire(now);
        let number = match name.parse::<EntryId>() {
            Ok(id) if id.epoch() == self.epoch => id.number(),
            _ => *self.keys.get(name)?,
        };
        let index = usize::try_from(number.checked_sub(self.first())?).ok()?;
        let id = EntryId::new(self.epoch, number)?;
        let entry = self.entries.get_mut(index)?;
        // A removed entry stays removed.
        let old = entry.take()?;
        *entry = template.map(|template| template.fill(&id));
        self.bytes = self.bytes - old.len() + entry.as_ref().map_or(0, Bytes::len);
        Some(id)
    }

    /// Begins a new epoch with an entry that is removed already.
    pub(super) fn clear(&mut self, now: Instant) -> Option<EntryId> {
        *self = Self::new(now);
        self.last = 1;
        self.push(None);
        self.entries_end = now + EPOCH_TTL;
        EntryId::new(self.epoch, 1)
    }

    pub(super) fn position(&self) -> Position {
        EntryId::new(self.epoch, self.last).map_or(Position::Start, Position::At)
    }

    /// Returns `false` if no entry was left to drop.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else {
            return false;
        };
        self.bytes -= OVERHEAD + entry.map_or(0, |json| json.len());
        true
    }

    fn push(&mut self, entry: Option<Bytes>) {
        self.bytes += OVERHEAD + entry.as_ref().map_or(0, Bytes::len);
        self.entries.push_back(entry);
    }

    fn remember(&mut self, key: &str) {
        if self.key_order.len() == MAX_REMEMBERED_KEYS
            && let Some(oldest) = self.key_order.pop_front()
        {
            self.keys.remove(&oldest);
            self.bytes -= OVERHEAD + 2 * oldest.len();
        }
        self.keys.insert(key.to_owned(), self.last);
        self.key_order.push_back(key.to_owned());
        self.bytes += OVERHEAD + 2 * key.len();
    }

    /// Drops the entries where their time is over; their numbers stay.
    fn expire(&mut self, now: Instant) {
        if now >= self.entries_end {
            self.entries.clear();
            self.keys.clear();
            self.key_order.clear();
            self.bytes = 0;
        }
    }

    /// The number of the oldest entry that is kept.
    fn first(&self) -> u64 {
        self.last + 1 - u64::try_from(self.entries.len()).unwrap_or_default()
    }
}
