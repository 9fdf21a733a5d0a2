//! Which entries of missed messages this broadcaster has added.

use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Unbounded},
};

/// Names of entries. Some may be gone, which other broadcasters have told.
#[derive(Debug, Default)]
pub(super) struct Own {
    names: BTreeSet<String>,
    /// The one that was looked at last.
    last: String,
}

impl Own {
    pub(super) fn insert(&mut self, name: String) {
        self.names.insert(name);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// Returns one to look at, each in turn, if there are as many as may be and a name is not among
    /// them.
    pub(super) fn next_if_full(&mut self, name: &str, limit: usize) -> Option<String> {
        if self.names.len() < limit || self.names.contains(name) {
            return None;
        }
        let behind = (Excluded(self.last.as_str()), Unbounded);
        let next = self.names.range::<str, _>(behind).next();
        self.last = next.or_else(|| self.names.first())?.clone();
        Some(self.last.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_looked_at_in_turn_once_they_are_too_many() {
        let mut own = Own::default();
        assert_eq!(own.next_if_full("d", 3), None);
        for name in ["a", "b", "c"] {
            own.insert(name.to_owned());
        }
        assert_eq!(own.next_if_full("b", 3), None, "it is there");
        for next in ["a", "b", "c", "a"] {
            assert_eq!(own.next_if_full("d", 3).as_deref(), Some(next));
        }
        own.remove("b");
        assert_eq!(own.next_if_full("d", 3), None);
    }
}
