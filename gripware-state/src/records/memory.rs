use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{EXPIRED_TTL, Expect, Expired, NewRecord, RecordsBackend, StoredRecord, kind_of};
use crate::{StateError, StateErrorKind, Task, task::ready};

/// The bytes that [`MemoryRecords`] keep where nothing else is set: 64 MiB.
pub const DEFAULT_MEMORY: usize = 64 << 20;

/// What a record costs beside its key and its value.
const OVERHEAD: usize = 300;

/// Records in the memory of this process. Clones share them.
///
/// They are bounded by bytes, [`DEFAULT_MEMORY`] by default. A record over the bound is refused
/// with [`StateErrorKind::Full`]: none is evicted, since nobody could tell.
#[derive(Clone, Debug)]
pub struct MemoryRecords {
    store: Arc<Mutex<Store>>,
}

impl Default for MemoryRecords {
    fn default() -> Self {
        Self::new(DEFAULT_MEMORY)
    }
}

impl MemoryRecords {
    /// Records of at most so many bytes, keys and what they cost included.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            store: Arc::new(Mutex::new(Store {
                max_bytes,
                ..Store::default()
            })),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Nothing panics while it is locked.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Store {
    max_bytes: usize,
    bytes: usize,
    records: HashMap<Arc<str>, Held>,
    due: BTreeMap<Due, Arc<str>>,
    /// The same by kind. None of them is empty.
    due_of: HashMap<Box<str>, BTreeSet<Due>>,
    versions: u64,
}

/// When a record expires, and its version for those that expire at one time.
type Due = (Instant, u64);

#[derive(Debug)]
struct Held {
    value: Bytes,
    version: u64,
    end: Option<Instant>,
}

impl Store {
    fn live(&self, key: &str, now: Instant) -> Option<&Held> {
        let held = self.records.get(key)?;
        held.end.is_none_or(|end| now < end).then_some(held)
    }

    fn put(
        &mut self,
        key: &str,
        record: &NewRecord<'_>,
        now: Instant,
    ) -> Result<Option<u64>, StateError> {
        self.forget_outdated(now);
        if !record
            .expect
            .matches(self.live(key, now).map(|held| held.version))
        {
            return Ok(None);
        }
        let old = self
            .records
            .get(key)
            .map_or(0, |held| cost(key, &held.value));
        let bytes = self.bytes - old + cost(key, record.value);
        if bytes > self.max_bytes {
            return Err(StateErrorKind::Full.into());
        }
        self.take(key);
        self.bytes = bytes;
        self.versions += 1;
        let (key, version) = (Arc::from(key), self.versions);
        let end = record.ttl.and_then(|ttl| now.checked_add(ttl));
        if let Some(end) = end {
            self.note_due(Arc::clone(&key), (end, version));
        }
        let value = Bytes::copy_from_slice(record.value);
        self.records.insert(
            key,
            Held {
                value,
                version,
                end,
            },
        );
        Ok(Some(version))
    }

    fn touch(&mut self, key: &str, ttl: Duration, now: Instant) -> bool {
        if self.live(key, now).is_none() {
            return false;
        }
        let end = now.checked_add(ttl);
        if let Some((name, _)) = self.records.get_key_value(key)
            && let name = Arc::clone(name)
            && let Some(held) = self.records.get_mut(key)
        {
            let (before, version) = (mem::replace(&mut held.end, end), held.version);
            if let Some(before) = before {
                self.forget_due(key, (before, version));
            }
            if let Some(end) = end {
                self.note_due(name, (end, version));
            }
        }
        true
    }

    fn note_due(&mut self, key: Arc<str>, due: Due) {
        match self.due_of.get_mut(kind_of(&key)) {
            Some(of_kind) => drop(of_kind.insert(due)),
            None => drop(self.due_of.insert(kind_of(&key).into(), [due].into())),
        }
        self.due.insert(due, key);
    }

    fn forget_due(&mut self, key: &str, due: Due) {
        self.due.remove(&due);
        if let Some(of_kind) = self.due_of.get_mut(kind_of(key)) {
            of_kind.remove(&due);
            if of_kind.is_empty() {
                self.due_of.remove(kind_of(key));
            }
        }
    }

    /// Takes the record of a kind that expired first, where one has.
    fn take_expired(&mut self, kind: &str, now: Instant) -> Option<Expired> {
        let first = self.due_of.get(kind)?.first()?;
        let (_, key) = self.due.get_key_value(first)?;
        self.take_due(&Arc::clone(key), *first, now)
    }

    /// Takes a record that is due, if it is by now.
    fn take_due(&mut self, key: &str, (end, _): Due, now: Instant) -> Option<Expired> {
        if end > now {
            return None;
        }
        let held = self.take(key)?;
        Some(Expired {
            key: key.to_string(),
            value: held.value,
            version: held.version,
        })
    }

    fn take(&mut self, key: &str) -> Option<Held> {
        let held = self.records.remove(key)?;
        self.bytes -= cost(key, &held.value);
        if let Some(end) = held.end {
            self.forget_due(key, (end, held.version));
        }
        Some(held)
    }

    fn forget_outdated(&mut self, now: Instant) {
        let Some(past) = now.checked_sub(EXPIRED_TTL) else {
            return;
        };
        while let Some((first, key)) = self.due.first_key_value()
            && let (first, key) = (*first, Arc::clone(key))
            && self.take_due(&key, first, past).is_some()
        {}
    }
}

fn cost(key: &str, value: &[u8]) -> usize {
    OVERHEAD + 2 * key.len() + value.len()
}

impl RecordsBackend for MemoryRecords {
    fn get<'a>(&'a self, key: &'a str) -> Task<'a, Result<Option<StoredRecord>, StateError>> {
        let record = self
            .store()
            .live(key, Instant::now())
            .map(|held| StoredRecord {
                value: held.value.clone(),
                version: held.version,
            });
        ready(Ok(record))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        record: NewRecord<'a>,
    ) -> Task<'a, Result<Option<u64>, StateError>> {
        ready(self.store().put(key, &record, Instant::now()))
    }

    fn remove<'a>(&'a self, key: &'a str, expect: Expect) -> Task<'a, Result<bool, StateError>> {
        let mut store = self.store();
        let version = store.live(key, Instant::now()).map(|held| held.version);
        let is_removed = version.is_some() && expect.matches(version);
        if is_removed {
            store.take(key);
        }
        ready(Ok(is_removed))
    }

    fn touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Task<'a, Result<bool, StateError>> {
        ready(Ok(self.store().touch(key, ttl, Instant::now())))
    }

    fn take_expired<'a>(
        &'a self,
        kind: &'a str,
        limit: usize,
    ) -> Task<'a, Result<Vec<Expired>, StateError>> {
        let now = Instant::now();
        let mut store = self.store();
        store.forget_outdated(now);
        let mut expired = Vec::new();
        while expired.len() < limit
            && let Some(record) = store.take_expired(kind, now)
        {
            expired.push(record);
        }
        ready(Ok(expired))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::records::Records;

    #[tokio::test(start_paused = true)]
    async fn what_has_expired_waits_a_day_to_be_taken() {
        let backend = MemoryRecords::default();
        let records = Records::new(Arc::new(backend.clone()));
        let second = Some(Duration::from_secs(1));
        for key in ["a/1", "a/2", "b"] {
            records
                .put(key, &json!(key), Expect::Any, second)
                .await
                .unwrap();
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(records.take_expired("a", 1).await.unwrap()[0].key, "a/1");
        tokio::time::advance(EXPIRED_TTL).await;
        // One kind that is asked for forgets what is outdated of all.
        assert_eq!(records.take_expired("a", 10).await.unwrap(), []);
        let store = backend.store();
        assert_eq!(
            (store.bytes, store.due.len(), store.due_of.len()),
            (0, 0, 0)
        );
    }

    #[tokio::test]
    async fn a_record_over_the_bound_is_refused_and_the_old_one_stays() {
        let backend = MemoryRecords::new(1_000);
        let records = Records::new(Arc::new(backend.clone()));
        records.put("a", "short", Expect::Any, None).await.unwrap();
        let long = "x".repeat(2_000);
        let error = records
            .put("a", &long, Expect::Any, None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Full);
        assert_eq!(
            records.get::<String>("a").await.unwrap().unwrap().value,
            "short"
        );
        assert!(records.remove("a", Expect::Any).await.unwrap());
        assert_eq!(backend.store().bytes, 0);
    }
}
