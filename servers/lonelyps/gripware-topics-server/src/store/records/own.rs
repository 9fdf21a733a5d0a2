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

    /// Whether there are as many as may be, and a name is not among them.
    pub(super) fn is_full(&self, name: &str, limit: usize) -> bool {
        self.names.len() >= limit && !self.names.contains(name)
    }

    /// Returns one to look at, each in turn, or `None` if there is none.
    pub(super) fn next(&mut self) -> Option<String> {
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
        assert_eq!(own.next(), None);
        assert!(own.is_full("d", 0));
        assert!(!own.is_full("d", 3));
        for name in ["a", "b", "c"] {
            own.insert(name.to_owned());
        }
        assert!(!own.is_full("b", 3), "it is there");
        for next in ["a", "b", "c", "a"] {
            assert!(own.is_full("d", 3));
            assert_eq!(own.next().as_deref(), Some(next));
        }
        own.remove("b");
        assert!(!own.is_full("d", 3));
    }
}
