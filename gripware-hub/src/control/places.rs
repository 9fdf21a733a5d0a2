//! Places for connections to the control API, which slow or silent ones cannot exhaust (slowloris).

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// How many clients are connected at a time: publishers are few, and keep their connections.
pub(super) const MAX_CONNECTIONS: usize = 256;

/// How many of them may be unknown. The other half is out of reach for whoever has no key.
pub(super) const MAX_UNKNOWN: usize = MAX_CONNECTIONS / 2;

/// The places for connections.
///
/// A connection is *unknown* until it has made a request that only a publisher makes. Unknown
/// connections never keep anybody out (connection exhaustion, as with slowloris): where there is no
/// place for a new one, the oldest unknown one loses its own. A publisher sends its key in the first
/// round trip, so that it is known before silent connections can have pushed it out.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: usize,
    /// From the oldest. Those that lost their place are no longer in it.
    unknown: VecDeque<(u64, Arc<Notify>)>,
    next: u64,
}

impl Places {
    /// Returns a place for an unknown connection; `None` if all are taken by known ones.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        let unknown = state.unknown.len();
        if unknown >= MAX_UNKNOWN || state.known.saturating_add(unknown) >= MAX_CONNECTIONS {
            let (_, lost) = state.unknown.pop_front()?;
            lost.notify_one();
        }
        let number = state.next;
        state.next = state.next.wrapping_add(1);
        let lost = Arc::new(Notify::new());
        state.unknown.push_back((number, Arc::clone(&lost)));
        drop(state);
        Some(Place {
            places: Arc::clone(self),
            number,
            is_known: Mutex::new(false),
            lost,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes an unknown connection out of the list; `false` if it lost its place before.
    fn remove(&mut self, number: u64) -> bool {
        let at = self.unknown.iter().position(|(known, _)| *known == number);
        at.and_then(|at| self.unknown.remove(at)).is_some()
    }
}

/// The place of one connection, which is free again when this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    is_known: Mutex<bool>,
    lost: Arc<Notify>,
}

impl Place {
    /// Makes the connection a known one, which keeps its place; `false` if it has lost it already.
    pub(super) fn keep(&self) -> bool {
        let mut is_known = self.known();
        if !*is_known {
            let mut state = self.places.state();
            if !state.remove(self.number) {
                return false;
            }
            state.known = state.known.saturating_add(1);
            *is_known = true;
        }
        true
    }

    pub(super) fn is_known(&self) -> bool {
        *self.known()
    }

    /// Waits until the place goes to another connection.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
    }

    fn known(&self) -> MutexGuard<'_, bool> {
        self.is_known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let is_known = self.is_known();
        let mut state = self.places.state();
        if is_known {
            state.known = state.known.saturating_sub(1);
        } else {
            state.remove(self.number);
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("number", &self.number)
            .field("is_known", &self.is_known())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, count: usize) -> Vec<Place> {
        (0..count).map(|_| places.take().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_oldest_unknown_connection_makes_room() {
        let places = Arc::new(Places::default());
        let unknown = take(&places, MAX_UNKNOWN);
        assert!(unknown[0].keep());

        let _new = take(&places, 2);
        unknown[1].lost().await;
        assert!(!unknown[1].keep());
        assert!(unknown[0].keep() && unknown[2].keep());
    }

    #[test]
    fn known_connections_may_take_every_place_and_keep_it() {
        let places = Arc::new(Places::default());
        let mut known = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let place = places.take().unwrap();
            assert!(place.keep());
            known.push(place);
        }
        assert!(places.take().is_none());

        known.pop();
        let unknown = places.take().unwrap();
        let next = places.take().unwrap();
        assert!(!unknown.keep() && next.keep());
        drop(unknown);
        assert!(places.take().is_none());
        drop((next, known));
        let state = places.state();
        assert_eq!((state.known, state.unknown.len()), (0, 0));
    }
}
