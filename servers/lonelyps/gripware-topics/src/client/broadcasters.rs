//! The broadcasters, and the order in which they are tried.

use crate::{Address, auth::random_bytes};

/// The broadcasters with their priorities.
#[derive(Clone, Debug, Default)]
pub(super) struct Broadcasters(Vec<(u32, Address)>);

impl Broadcasters {
    pub(super) fn push(&mut self, priority: u32, url: Address) {
        self.0.push((priority, url));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Those of the lowest priority first, and those of one in random order.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = &Address> + use<'_> {
        let mut order: Vec<_> = self
            .0
            .iter()
            .map(|(priority, url)| (*priority, random_bytes::<8>(), url))
            .collect();
        order.sort_unstable_by_key(|(priority, random, _)| (*priority, *random));
        order.into_iter().map(|(_, _, url)| url)
    }
}
