use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Name, link::Link, slot::Slot};

/// The clients that a server knows, connected or not.
#[derive(Debug)]
pub(crate) struct Registry {
    clients: Mutex<HashMap<Name, Arc<Slot>>>,
    max_clients: usize,
}

impl Registry {
    pub(crate) fn new(max_clients: usize) -> Self {
        Self {
            clients: Mutex::default(),
            max_clients,
        }
    }

    pub(crate) fn slot(&self, name: &Name) -> Option<Arc<Slot>> {
        self.lock().get(name).cloned()
    }

    /// Makes a name known, so that it can be waited for. It is not forgotten while it is used.
    pub(crate) fn know(&self, name: &Name) -> Arc<Slot> {
        let mut clients = self.lock();
        let slot = clients.entry(name.clone());
        Arc::clone(slot.or_insert_with(|| Arc::new(Slot::new())))
    }

    /// Gives a client its place under all of its names, and returns those whose places it takes.
    /// `None` if there are too many clients.
    pub(crate) fn enter(&self, names: &[Name], link: &Arc<Link>) -> Option<Vec<Arc<Link>>> {
        let mut clients = self.lock();
        let new = names.iter().filter(|name| !clients.contains_key(name));
        let room = self.max_clients.saturating_sub(clients.len());
        let missing = new.count().saturating_sub(room);
        if missing > 0 {
            // Whoever waits for a client, or has a handle to it, has its slot too.
            let is_absent =
                |slot: &Arc<Slot>| slot.current().is_none() && Arc::strong_count(slot) == 1;
            let absent = clients.iter().filter(|(_, slot)| is_absent(slot));
            let absent: Vec<_> = absent.map(|it| it.0.clone()).take(missing).collect();
            if absent.len() < missing {
                return None;
            }
            for name in absent {
                clients.remove(&name);
            }
        }
        let replaced = names.iter().filter_map(|name| {
            let slot = clients.entry(name.clone());
            let slot = slot.or_insert_with(|| Arc::new(Slot::new()));
            slot.put(Arc::clone(link))
        });
        Some(replaced.collect())
    }

    /// Takes a client out of its places, as far as it still has them.
    pub(crate) fn leave(&self, names: &[Name], generation: u64) {
        let clients = self.lock();
        for slot in names.iter().filter_map(|name| clients.get(name)) {
            slot.remove(generation);
        }
    }

    /// The names, with their connections, in alphabetical order.
    pub(crate) fn list(&self) -> Vec<(Name, Option<Arc<Link>>)> {
        let clients = self.lock();
        let mut all: Vec<_> = clients
            .iter()
            .map(|(name, slot)| (name.clone(), slot.current()))
            .collect();
        drop(clients);
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Slot>>> {
        // Nothing is left half done where a thread panics.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
