//! Maps give back the memory of a crowd that has gone.

use std::{collections::HashMap, hash::Hash};

/// Shrinks a map to twice its entries if less than a quarter of its capacity is used.
///
/// Not to its exact size, so that the next entries do not make it grow at once.
pub(crate) fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.len() < map.capacity() / 4 {
        map.shrink_to(2 * map.len());
    }
}
