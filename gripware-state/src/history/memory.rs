use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::{AppendedAt, HistoryBackend, NewEntry, StoredPage, Template, log::Log};
use crate::{EntryId, Position, StateError, StateErrorKind, Task, task::ready};

/// The bytes that a [`MemoryHistory`] keeps where nothing else is set: 64 MiB.
pub const DEFAULT_MEMORY: usize = 64 << 20;

/// The idempotency keys that a channel in memory remembers, beside the entries that it keeps.
pub const MAX_REMEMBERED_KEYS: usize = 1_024;

/// What a channel costs beside its name and its entries.
const CHANNEL: usize = 400;

/// A history in the memory of this process. Clones share it.
///
/// It is bounded by bytes, [`DEFAULT_MEMORY`] by default: over it, the channels that nothing was
/// appended to for longest are evicted, and their readers are told
/// [`OtherEpoch`](super::Continuity::OtherEpoch). A single channel over it loses its oldest entries.
#[derive(Clone, Debug)]
pub struct MemoryHistory {
    store: Arc<Mutex<Store>>,
}

impl Default for MemoryHistory {
    fn default() -> Self {
        Self::new(DEFAULT_MEMORY)
    }
}

impl MemoryHistory {
    /// A history that keeps at most so many bytes, what it costs to keep them included.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            store: Arc::new(Mutex::new(Store {
                max_bytes,
                ..Store::default()
            })),
        }
    }

    pub(crate) fn append_now(
        &self,
        channel: &str,
        entry: &NewEntry<'_>,
    ) -> Result<AppendedAt, StateError> {
        let now = Instant::now();
        let mut store = self.store();
        let appended = store.change(channel, now, |log| log.append(entry, now));
        appended.ok_or(StateErrorKind::Full.into())
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
    channels: HashMap<Arc<str>, Held>,
    /// The channels by their last append, oldest first.
    order: BTreeMap<u64, Arc<str>>,
    appends: u64,
}

#[derive(Debug)]
struct Held {
    log: Log,
    /// Its place in the order.
    place: u64,
}

impl Store {
    /// Changes a channel's log, which is made where there is none, and then keeps the bound.
    fn change<T>(&mut self, channel: &str, now: Instant, change: impl FnOnce(&mut Log) -> T) -> T {
        self.forget_outdated(now);
        let name = match self.channels.get_key_value(channel) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(channel),
        };
        self.appends += 1;
        let place = self.appends;
        let held = self.channels.entry(Arc::clone(&name)).or_insert_with(|| {
            self.bytes += CHANNEL + channel.len();
            Held {
                log: Log::new(now),
                place,
            }
        });
        self.order.remove(&held.place);
        self.order.insert(place, name);
        held.place = place;
        self.bytes -= held.log.bytes;
        let changed = change(&mut held.log);
        self.bytes += held.log.bytes;
        self.keep_bound(channel);
        changed
    }

    /// Looks at a channel's log, which may drop what has expired.
    fn look<T>(
        &mut self,
        channel: &str,
        now: Instant,
        look: impl FnOnce(&mut Log) -> T,
    ) -> Option<T> {
        self.forget_outdated(now);
        let held = self.channels.get_mut(channel)?;
        self.bytes -= held.log.bytes;
        let seen = look(&mut held.log);
        self.bytes += held.log.bytes;
        Some(seen)
    }

    fn keep_bound(&mut self, newest: &str) {
        while self.bytes > self.max_bytes {
            match self.order.first_key_value() {
                Some((_, channel)) if **channel != *newest => {
                    let channel = Arc::clone(channel);
                    self.forget(&channel);
                }
                _ => break,
            }
        }
        let Some(held) = self.channels.get_mut(newest) else {
            return;
        };
        let mut is_larger = true;
        while self.bytes > self.max_bytes && is_larger {
            self.bytes -= held.log.bytes;
            is_larger = held.log.drop_oldest();
            self.bytes += held.log.bytes;
        }
    }

    /// Forgets the channels whose numbers have ended: those of the oldest appends.
    fn forget_outdated(&mut self, now: Instant) {
        while let Some((_, channel)) = self.order.first_key_value() {
            let channel = Arc::clone(channel);
            let ended = |held: &Held| held.log.numbers_end <= now;
            if !self.channels.get(&channel).is_none_or(ended) {
                break;
            }
            self.forget(&channel);
        }
    }

    fn forget(&mut self, channel: &str) {
        if let Some(held) = self.channels.remove(channel) {
            self.order.remove(&held.place);
            self.bytes -= CHANNEL + channel.len() + held.log.bytes;
        }
    }
}

impl HistoryBackend for MemoryHistory {
    fn append<'a>(
        &'a self,
        channel: &'a str,
        entry: NewEntry<'a>,
    ) -> Task<'a, Result<AppendedAt, StateError>> {
        ready(self.append_now(channel, &entry))
    }

    fn read<'a>(
        &'a self,
        channel: &'a str,
        after: Position,
        limit: usize,
    ) -> Task<'a, Result<StoredPage, StateError>> {
        let now = Instant::now();
        let page = self
            .store()
            .look(channel, now, |log| log.read(after, limit, now));
        ready(Ok(page.unwrap_or(StoredPage {
            entries: Vec::new(),
            first: 1,
            reached: 0,
            last: Position::Start,
        })))
    }

    fn last<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Position, StateError>> {
        let position = self
            .store()
            .look(channel, Instant::now(), |log| log.position());
        ready(Ok(position.unwrap_or_default()))
    }

    fn clear<'a>(&'a self, channel: &'a str) -> Task<'a, Result<EntryId, StateError>> {
        let now = Instant::now();
        let marker = self.store().change(channel, now, |log| log.clear(now));
        ready(marker.ok_or(StateErrorKind::Full.into()))
    }

    fn replace<'a>(
        &'a self,
        channel: &'a str,
        name: &'a str,
        entry: Option<&'a Template>,
    ) -> Task<'a, Result<Option<EntryId>, StateError>> {
        let now = Instant::now();
        let replaced = self
            .store()
            .look(channel, now, |log| log.replace(name, entry, now));
        ready(Ok(replaced.flatten()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gripware_core::WsMessage;

    use super::*;
    use crate::history::{Continuity, Draft, EPOCH_TTL, History};

    fn text(text: &str) -> Draft {
        Draft::from(WsMessage::text(text))
    }

    #[tokio::test(start_paused = true)]
    async fn entries_end_before_their_numbers_do() {
        let history = History::new(Arc::new(MemoryHistory::default())).ttl(Duration::from_secs(60));
        let id = history
            .append("a", text("1"))
            .await
            .unwrap()
            .id()
            .to_string();

        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(
            history
                .read_after("a", None, 10)
                .await
                .unwrap()
                .entries
                .len(),
            1
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        let page = history.read_after("a", Some("0"), 10).await.unwrap();
        assert_eq!(
            (page.entries.len(), page.continuity),
            (0, Continuity::Trimmed)
        );
        let page = history.read_after("a", Some(&id), 10).await.unwrap();
        assert_eq!(page.continuity, Continuity::Complete);

        tokio::time::advance(EPOCH_TTL).await;
        let page = history.read_after("a", Some(&id), 10).await.unwrap();
        assert_eq!(page.continuity, Continuity::OtherEpoch);
    }

    #[tokio::test]
    async fn the_channels_of_the_oldest_appends_make_room() {
        let backend = MemoryHistory::new(20_000);
        let history = History::new(Arc::new(backend.clone()));
        let mut ids = Vec::new();
        for n in 0..100 {
            let appended = history.append(format!("c{n}"), text("x")).await.unwrap();
            ids.push(appended.id().to_string());
        }
        assert!(backend.store().bytes <= 20_000);
        let told = async |n: usize| {
            let page = history
                .read_after(format!("c{n}"), Some(&ids[n]), 10)
                .await
                .unwrap();
            page.continuity
        };
        assert_eq!(told(0).await, Continuity::OtherEpoch);
        assert_eq!(told(99).await, Continuity::Complete);
    }

    #[tokio::test]
    async fn a_channel_over_the_bound_loses_its_oldest_entries() {
        let backend = MemoryHistory::new(20_000);
        let history = History::new(Arc::new(backend.clone()));
        for n in 0..50 {
            let _ = history
                .append("a", text(&format!("{n}{}", "x".repeat(1000))))
                .await
                .unwrap();
        }
        let page = history.read_after("a", Some("0"), 100).await.unwrap();
        assert_eq!(page.continuity, Continuity::Trimmed);
        assert!(
            (10..20).contains(&page.entries.len()),
            "{}",
            page.entries.len()
        );
        assert_eq!(page.position.number(), 50);
        assert!(backend.store().bytes <= 20_000);
    }

    #[tokio::test]
    async fn what_is_forgotten_costs_nothing() {
        let backend = MemoryHistory::new(20_000);
        let history = History::new(Arc::new(backend.clone())).size(2);
        for n in 0..2000 {
            let draft = text("x").key(format!("key-{n}"));
            let _ = history.append("a", draft).await.unwrap();
            let _ = history.clear(format!("b{}", n % 3)).await.unwrap();
        }
        let mut store = backend.store();
        for channel in ["a", "b0", "b1", "b2"] {
            store.forget(channel);
        }
        assert_eq!((store.bytes, store.order.len()), (0, 0));
    }
}
