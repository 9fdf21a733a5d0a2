//! The rooms that somebody is subscribed to, found by pattern without walking all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::room::Room;

/// Rooms by the names of their members, and among those by the values.
#[derive(Debug, Default)]
pub(crate) struct RoomIndex {
    tables: HashMap<Vec<String>, Table>,
}

/// Rooms with the same members.
#[derive(Debug, Default)]
struct Table {
    /// How many subscriptions each has.
    rooms: BTreeMap<Room, usize>,
    /// The rooms with a value, by the place of the member and the value; `None` is `"*"`.
    by_value: HashMap<(usize, Option<String>), BTreeSet<Room>>,
}

impl RoomIndex {
    pub(crate) fn insert(&mut self, room: &Room) {
        let table = self.tables.entry(key(room)).or_default();
        let subscriptions = table.rooms.entry(room.clone()).or_default();
        *subscriptions += 1;
        if *subscriptions == 1 {
            for (n, (_, value)) in room.constraints().enumerate() {
                let rooms = table.by_value.entry((n, value.map(str::to_owned)));
                rooms.or_default().insert(room.clone());
            }
        }
    }

    pub(crate) fn remove(&mut self, room: &Room) {
        let key = key(room);
        let Some(table) = self.tables.get_mut(&key) else {
            return;
        };
        let Some(subscriptions) = table.rooms.get_mut(room) else {
            return;
        };
        *subscriptions -= 1;
        if *subscriptions > 0 {
            return;
        }
        table.rooms.remove(room);
        for (n, (_, value)) in room.constraints().enumerate() {
            let place = (n, value.map(str::to_owned));
            if let Some(rooms) = table.by_value.get_mut(&place) {
                rooms.remove(room);
                if rooms.is_empty() {
                    table.by_value.remove(&place);
                }
            }
        }
        if table.rooms.is_empty() {
            self.tables.remove(&key);
        }
    }

    /// Adds the rooms that hear a trigger for `pattern`. Only those with the value that fewest have
    /// are looked at, so it takes no longer for rooms that have nothing to do with it.
    pub(crate) fn extend_with_matches(&self, pattern: &Room, matches: &mut BTreeSet<Room>) {
        let Some(table) = self.tables.get(&key(pattern)) else {
            return;
        };
        let candidates = pattern
            .constraints()
            .enumerate()
            .filter_map(|(n, (_, value))| {
                let with = |value| table.by_value.get(&(n, value));
                value.map(|value| [with(Some(value.to_owned())), with(None)])
            })
            .min_by_key(|sets| sets.iter().flatten().map(|set| set.len()).sum::<usize>());
        let mut consider = |room: &Room| {
            if pattern.meets(room) {
                matches.insert(room.clone());
            }
        };
        match candidates {
            Some(sets) => sets.into_iter().flatten().flatten().for_each(&mut consider),
            // Nothing but `"*"`: each room of these members hears it.
            None => table.rooms.keys().for_each(&mut consider),
        }
    }

    /// How many subscriptions a room has.
    pub(crate) fn subscriptions_of(&self, room: &Room) -> usize {
        let table = self.tables.get(&key(room));
        table
            .and_then(|table| table.rooms.get(room))
            .copied()
            .unwrap_or(0)
    }

    /// How many rooms there are.
    pub(crate) fn len(&self) -> usize {
        self.tables.values().map(|table| table.rooms.len()).sum()
    }
}

fn key(room: &Room) -> Vec<String> {
    room.names().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::RoomIndex;
    use crate::room::Room;

    fn rooms() -> impl Strategy<Value = Room> {
        let value = prop_oneof![Just("*"), Just("1"), Just("2"), Just("3")];
        proptest::collection::btree_map("[abc]", value, 0..4)
            .prop_map(|members| Room::try_from(json!(members)).unwrap())
    }

    proptest! {
        #[test]
        fn it_finds_what_a_walk_finds(
            operations in proptest::collection::vec((any::<bool>(), rooms()), 0..40),
            pattern in rooms(),
        ) {
            let (mut index, mut all) = (RoomIndex::default(), Vec::new());
            for (is_insert, room) in operations {
                if is_insert {
                    index.insert(&room);
                    all.push(room);
                } else {
                    index.remove(&room);
                    if let Some(at) = all.iter().position(|other| *other == room) {
                        all.swap_remove(at);
                    }
                }
            }
            let mut found = BTreeSet::new();
            index.extend_with_matches(&pattern, &mut found);
            let rooms: BTreeSet<_> = all.into_iter().collect();
            prop_assert_eq!(index.len(), rooms.len());
            let expected: BTreeSet<_> =
                rooms.into_iter().filter(|room| pattern.meets(room)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
