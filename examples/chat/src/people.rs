//! Who is here: everybody whose socket was heard of lately.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gripware_core::{HttpStream, Item, SseEvent};

/// The most visitors that are listed.
const MAX_PEOPLE: usize = 1000;

/// The visitors by their sockets. A socket that is lost without a word is forgotten after
/// [`People::STAY`], when the next one gives a sign.
pub(crate) struct People(Mutex<Inner>);

struct Inner {
    /// Counts on from the time of the start: a proxy drops ids that it saw a minute ago, so they
    /// must not come again after a restart.
    version: u128,
    sockets: BTreeMap<String, (String, Instant)>,
}

/// The list as it was at one moment. Its version grows with every change.
pub(crate) struct Snapshot {
    version: u128,
    names: Vec<String>,
}

impl People {
    /// How long a visitor is listed without a sign.
    pub(crate) const STAY: Duration = Duration::from_secs(60);

    /// A socket gave a sign. The new list, where that changes it.
    pub(crate) fn seen(&self, socket: &str, name: &str) -> Option<Snapshot> {
        self.change(|sockets| {
            if sockets.len() < MAX_PEOPLE || sockets.contains_key(socket) {
                sockets.insert(socket.to_owned(), (name.to_owned(), Instant::now()));
            }
        })
    }

    /// A socket ended. The new list, where that changes it.
    pub(crate) fn left(&self, socket: &str) -> Option<Snapshot> {
        self.change(|sockets| {
            sockets.remove(socket);
        })
    }

    /// The list as it is.
    pub(crate) fn now(&self) -> Snapshot {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .snapshot()
    }

    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, (String, Instant)>),
    ) -> Option<Snapshot> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.snapshot().names;
        change(&mut inner.sockets);
        inner
            .sockets
            .retain(|_, (_, seen)| seen.elapsed() < Self::STAY);
        if inner.snapshot().names == before {
            return None;
        }
        inner.version += 1;
        Some(inner.snapshot())
    }
}

impl Default for People {
    fn default() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(Mutex::new(Inner {
            version: since_1970.unwrap_or_default().as_millis(),
            sockets: BTreeMap::new(),
        }))
    }
}

impl Inner {
    fn snapshot(&self) -> Snapshot {
        let mut names: Vec<_> = self
            .sockets
            .values()
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names.dedup();
        Snapshot {
            version: self.version,
            names,
        }
    }
}

impl Snapshot {
    pub(crate) fn version(&self) -> String {
        self.version.to_string()
    }

    fn event(&self) -> SseEvent {
        SseEvent::new().event("people").json(&self.names)
    }

    /// The list as the first event of a page.
    pub(crate) fn to_event(&self) -> String {
        // Names are strings, which JSON can always write, and the event has no other text.
        self.event().encode().unwrap_or_default()
    }

    /// The list as an item that follows the one before it.
    pub(crate) fn to_item(&self) -> Item {
        Item::from(HttpStream::from(self.event()))
            .id(self.version.to_string())
            .prev_id((self.version - 1).to_string())
    }
}
