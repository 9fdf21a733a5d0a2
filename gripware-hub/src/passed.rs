//! Sockets that are passed through: the application speaks the protocol itself, and the hub has
//! nothing to say. They are in the lists and counts, and end with the hub.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    connection_id::Id,
    inspect::{ConnectionInfo, ConnectionKind},
    page::Seniority,
};

/// All sockets that are passed through.
#[derive(Debug, Default)]
pub(crate) struct PassedSockets {
    by_id: Mutex<HashMap<Id, Entry>>,
    /// Cancelled when the hub ends.
    end: CancellationToken,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    peer: Option<SocketAddr>,
    end: CancellationToken,
}

/// One of them, in the lists until it is dropped.
#[derive(Debug)]
pub(crate) struct PassedSocket {
    id: Id,
    end: CancellationToken,
    all: Arc<PassedSockets>,
}

impl PassedSockets {
    pub(crate) fn enter(
        self: &Arc<Self>,
        id: Id,
        since: Instant,
        peer: Option<SocketAddr>,
    ) -> PassedSocket {
        let end = self.end.child_token();
        let entry = Entry {
            since,
            peer,
            end: end.clone(),
        };
        self.lock().insert(id, entry);
        let all = Arc::clone(self);
        PassedSocket { id, end, all }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns those behind a place, in no order.
    pub(crate) fn list(&self, after: Option<Seniority>) -> Vec<(Seniority, ConnectionInfo)> {
        let now = clock::now();
        let by_id = self.lock();
        let all = by_id.iter().map(|(id, entry)| {
            let since = entry.since;
            let info = ConnectionInfo {
                id: id.to_string(),
                kind: ConnectionKind::Passed,
                channels: Vec::new(),
                age: now.saturating_duration_since(since),
                peer: entry.peer,
                queued: 0,
                node: None,
            };
            (Seniority { since, id: *id }, info)
        });
        all.filter(|(place, _)| after.is_none_or(|after| *place > after))
            .collect()
    }

    /// Ends one of them. Returns whether there was one.
    pub(crate) fn close(&self, id: Id) -> bool {
        let by_id = self.lock();
        let entry = by_id.get(&id);
        entry.inspect(|entry| entry.end.cancel()).is_some()
    }

    /// Ends all of them, and those that are to come.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PassedSocket {
    /// Waits until it has to end.
    pub(crate) async fn ended(&self) {
        self.end.cancelled().await;
    }
}

impl Drop for PassedSocket {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_listed_until_it_is_dropped_and_ends_when_it_is_closed() {
        let all = Arc::new(PassedSockets::default());
        let (one, other) = (Id::random(), Id::random());
        let first = all.enter(one, clock::now(), None);
        let second = all.enter(other, clock::now(), None);
        let mut places: Vec<_> = all.list(None).into_iter().map(|(place, _)| place).collect();
        places.sort_unstable();
        assert_eq!(places.len(), 2);
        assert_eq!(all.list(Some(places[0])).len(), 1);
        assert!(all.close(one));
        first.ended().await;
        drop(first);
        assert!(!all.close(one));
        assert_eq!(all.len(), 1);
        all.end();
        second.ended().await;
        // Whoever comes late has ended before it begins.
        all.enter(one, clock::now(), None).ended().await;
    }
}
