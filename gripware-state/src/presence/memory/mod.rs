mod changes;
mod store;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use self::store::{Open, Store};
use super::{Change, Count, Joining, LeaseId, Members, PresenceBackend, SUFFIX, Swept};
use crate::{
    StateError, Task,
    history::{HistoryBackend, MemoryHistory},
    task::ready,
};

/// The connections, each in each channel, that a [`MemoryPresence`] keeps where nothing else is
/// set. One takes some 500 bytes, and what its user tells.
pub const DEFAULT_MEMBERS: usize = 200_000;

/// Presence in the memory of this process, which announces into a [`MemoryHistory`]. Clones share
/// it.
///
/// A connection over its bound, [`DEFAULT_MEMBERS`] by default, is refused with
/// [`StateErrorKind::Full`](crate::StateErrorKind::Full).
#[derive(Clone, Debug)]
pub struct MemoryPresence {
    history: MemoryHistory,
    max_members: usize,
    store: Arc<Mutex<Store>>,
}

impl MemoryPresence {
    /// Presence of at most so many connections, each in each channel.
    #[must_use]
    pub fn new(history: MemoryHistory, max_members: usize) -> Self {
        Self {
            history,
            max_members,
            store: Arc::default(),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Nothing panics while it is locked.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PresenceBackend for MemoryPresence {
    fn join<'a>(
        &'a self,
        channel: &'a str,
        joining: Joining<'a>,
    ) -> Task<'a, Result<Change, StateError>> {
        ready(self.join_now(channel, &joining))
    }

    fn leave<'a>(
        &'a self,
        channel: &'a str,
        connection: &'a str,
        grace: Duration,
    ) -> Task<'a, Result<Change, StateError>> {
        let mut store = self.store();
        ready(self.leave_now(&mut store, channel, connection, grace, Instant::now()))
    }

    fn touch<'a>(
        &'a self,
        connections: &'a [(&'a str, &'a str)],
        ttl: Duration,
    ) -> Task<'a, Result<Vec<usize>, StateError>> {
        let (now, mut store) = (Instant::now(), self.store());
        let unknown = connections
            .iter()
            .enumerate()
            .filter(|(_, (channel, connection))| !store.touch(channel, connection, ttl, now));
        ready(Ok(unknown.map(|(index, _)| index).collect()))
    }

    fn list<'a>(
        &'a self,
        channel: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Task<'a, Result<Members, StateError>> {
        Box::pin(async move {
            let mut members = Members {
                // Before the list, which may have more: an event that it has already changes
                // nothing.
                version: self.history.last(&format!("{channel}{SUFFIX}")).await?,
                ..Members::default()
            };
            if let Some(room) = self.store().rooms.get(channel) {
                members.users = room.users_after(after, limit);
            }
            if members.users.len() == limit {
                members.next = members.users.last().map(|last| last.user.clone());
            }
            Ok(members)
        })
    }

    fn count<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Count, StateError>> {
        ready(Ok(self.store().count(channel)))
    }

    fn open_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<(), StateError>> {
        let open = Open {
            end: Instant::now() + ttl,
            members: HashSet::new(),
        };
        self.store().leases.insert(lease.clone(), open);
        ready(Ok(()))
    }

    fn renew_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<bool, StateError>> {
        let mut store = self.store();
        let open = store
            .leases
            .get_mut(lease)
            .map(|open| open.end = Instant::now() + ttl);
        ready(Ok(open.is_some()))
    }

    fn end_lease<'a>(&'a self, lease: &'a LeaseId) -> Task<'a, Result<(), StateError>> {
        if let Some(open) = self.store().leases.get_mut(lease) {
            open.end = Instant::now();
        }
        ready(Ok(()))
    }

    fn sweep(&self, limit: usize, grace: Duration) -> Task<'_, Result<Swept, StateError>> {
        ready(self.sweep_now(limit, grace))
    }
}
