//! The ids of connections that this process has ended and heard nothing more of.

use std::collections::{HashSet, VecDeque};

/// How many ids are remembered, the latest: a proxy that answers a close at all does it at once.
const MAX_IDS: usize = 10_000;

/// A proxy tells once more of a connection that was closed from here, when its client has answered
/// the close. That is not the end of a connection that another process knew.
#[derive(Debug, Default)]
pub(crate) struct ClosedIds {
    ids: HashSet<String>,
    by_age: VecDeque<String>,
}

impl ClosedIds {
    /// Returns `false` if it is remembered already.
    pub(crate) fn insert(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.by_age.push_back(id.to_owned());
        if self.by_age.len() > MAX_IDS
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{ClosedIds, MAX_IDS};

    #[test]
    fn the_latest_are_remembered() {
        let mut closed = ClosedIds::default();
        for n in 0..=MAX_IDS {
            assert!(closed.insert(&n.to_string()));
        }
        assert!(!closed.insert("1"));
        assert!(closed.insert("0"), "the oldest was forgotten");
        assert_eq!(closed.ids.len(), MAX_IDS);
        assert_eq!(closed.by_age.len(), MAX_IDS);
    }
}
