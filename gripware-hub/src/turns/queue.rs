//! Who is next, where many want the same few places.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// For how many clients there is room while there are none.
const KEPT: usize = 64;

/// Hands out a bounded number of places, to one client after the other (round robin), and to each
/// client only a bounded number at a time.
///
/// A client that waits and has fewer places than it may have is in the rotation once. So it is passed
/// over by each other client at most once before it gets a place, however much the others want.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    limit: usize,
    limit_each: usize,
    taken: usize,
    /// Whoever has a place or waits for one.
    clients: HashMap<K, Client<T>>,
    rotation: VecDeque<K>,
}

#[derive(Debug)]
struct Client<T> {
    taken: usize,
    waiting: VecDeque<T>,
    is_in_rotation: bool,
}

impl<T> Default for Client<T> {
    fn default() -> Self {
        Self {
            taken: 0,
            waiting: VecDeque::new(),
            is_in_rotation: false,
        }
    }
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// `limit` places in all, of which one client has up to `limit_each`. At least one each.
    pub(crate) fn new(limit: usize, limit_each: usize) -> Self {
        Self {
            limit: limit.max(1),
            limit_each: limit_each.max(1),
            taken: 0,
            clients: HashMap::new(),
            rotation: VecDeque::new(),
        }
    }

    /// Takes a place at once. `false` if somebody is to have the next one before, or there is none for
    /// this client.
    pub(crate) fn take(&mut self, key: &K) -> bool {
        if self.taken >= self.limit || !self.rotation.is_empty() {
            return false;
        }
        let limit_each = self.limit_each;
        let client = self.client(key);
        if client.taken >= limit_each {
            return false;
        }
        client.taken += 1;
        self.taken += 1;
        true
    }

    fn client(&mut self, key: &K) -> &mut Client<T> {
        self.clients.entry(key.clone()).or_default()
    }

    /// Lets something of a client wait for a place.
    pub(crate) fn push(&mut self, key: K, value: T) {
        let limit_each = self.limit_each;
        let client = self.client(&key);
        client.waiting.push_back(value);
        if client.taken < limit_each && !client.is_in_rotation {
            client.is_in_rotation = true;
            self.rotation.push_back(key);
        }
    }

    /// Takes a place for whoever is next; `None` if no place is free, or nobody may have one.
    pub(crate) fn next(&mut self) -> Option<(K, T)> {
        if self.taken >= self.limit {
            return None;
        }
        let key = self.rotation.pop_front()?;
        // Whoever is in the rotation is known and waits.
        let client = self.clients.get_mut(&key)?;
        let value = client.waiting.pop_front()?;
        client.taken += 1;
        self.taken += 1;
        client.is_in_rotation = !client.waiting.is_empty() && client.taken < self.limit_each;
        if client.is_in_rotation {
            self.rotation.push_back(key.clone());
        }
        Some((key, value))
    }

    /// Gives a place back that a client had.
    pub(crate) fn give_back(&mut self, key: &K) {
        let Some(client) = self.clients.get_mut(key).filter(|it| it.taken > 0) else {
            return;
        };
        client.taken -= 1;
        self.taken -= 1;
        if client.taken == 0 && client.waiting.is_empty() {
            self.clients.remove(key);
            if self.clients.is_empty() && self.clients.capacity() > KEPT {
                // What a crowd needed.
                self.clients = HashMap::new();
                self.rotation = VecDeque::new();
            }
        } else if !client.waiting.is_empty() && !client.is_in_rotation {
            client.is_in_rotation = true;
            self.rotation.push_back(key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn clients_take_turns_whatever_one_of_them_wants() {
        let mut queue = FairQueue::new(1, 1);
        for n in 0..5 {
            queue.push("greedy", n);
        }
        queue.push("modest", 0);
        let mut served = Vec::new();
        while let Some((key, n)) = queue.next() {
            served.push(format!("{key} {n}"));
            queue.give_back(&key);
        }
        assert_eq!(
            served,
            [
                "greedy 0", "modest 0", "greedy 1", "greedy 2", "greedy 3", "greedy 4"
            ]
        );
        assert!(queue.clients.is_empty());
    }

    #[test]
    fn one_client_leaves_places_to_others() {
        let mut queue = FairQueue::new(4, 3);
        for n in 0..10 {
            queue.push("greedy", n);
        }
        let taken = std::iter::from_fn(|| queue.next()).count();
        assert_eq!(taken, 3);
        queue.push("modest", 0);
        assert_eq!(queue.next(), Some(("modest", 0)));
        assert_eq!(queue.next(), None);
        queue.give_back(&"modest");
        assert_eq!(queue.next(), None);
        queue.give_back(&"greedy");
        assert_eq!(queue.next(), Some(("greedy", 3)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take(u8),
        Push(u8),
        Next,
        GiveBack(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (0..5_u8).prop_map(Step::Take),
            4 => (0..5_u8).prop_map(Step::Push),
            3 => Just(Step::Next),
            2 => any::<usize>().prop_map(Step::GiveBack),
        ]
    }

    proptest! {
        #[test]
        fn bounds_hold_and_nobody_is_passed_over_twice_by_another(
            steps in vec(step(), 0..300),
            limit in 1..6_usize,
            limit_each in 1..4_usize,
        ) {
            let mut queue = FairQueue::new(limit, limit_each);
            let mut waiting: HashMap<u8, VecDeque<usize>> = HashMap::new();
            let mut taken: Vec<u8> = Vec::new();
            // How often each one was passed over by which other while it waited and had room.
            let mut passed: HashMap<(u8, u8), usize> = HashMap::new();
            for (n, step) in steps.into_iter().enumerate() {
                let has = |taken: &[u8], key| taken.iter().filter(|it| **it == key).count();
                match step {
                    Step::Take(key) => {
                        let may = |key: &u8| has(&taken, *key) < limit_each;
                        let is_first = !waiting.keys().any(may);
                        let is_free = taken.len() < limit && may(&key);
                        prop_assert_eq!(queue.take(&key), is_free && is_first);
                        if is_free && is_first {
                            taken.push(key);
                        }
                    }
                    Step::Push(key) => {
                        queue.push(key, n);
                        waiting.entry(key).or_default().push_back(n);
                    }
                    Step::Next => {
                        let next = queue.next();
                        let may = |key: &u8| has(&taken, *key) < limit_each;
                        let eligible: Vec<u8> = waiting.keys().copied().filter(may).collect();
                        let Some((key, value)) = next else {
                            prop_assert!(taken.len() == limit || eligible.is_empty());
                            continue;
                        };
                        prop_assert!(eligible.contains(&key));
                        let own = waiting.get_mut(&key).unwrap();
                        prop_assert_eq!(own.pop_front(), Some(value), "in its own order");
                        if own.is_empty() {
                            waiting.remove(&key);
                        }
                        taken.push(key);
                        passed.retain(|(over, _), _| *over != key);
                        for over in eligible.into_iter().filter(|over| *over != key) {
                            let count = passed.entry((over, key)).or_default();
                            *count += 1;
                            prop_assert!(*count <= 1, "{over} is passed over twice by {key}");
                        }
                    }
                    Step::GiveBack(index) if !taken.is_empty() => {
                        let key = taken.swap_remove(index % taken.len());
                        queue.give_back(&key);
                    }
                    Step::GiveBack(_) => {}
                }
            }
            // All end, and nothing is left.
            while !taken.is_empty() || !waiting.is_empty() {
                while let Some((key, _)) = queue.next() {
                    let own = waiting.get_mut(&key).unwrap();
                    own.pop_front();
                    if own.is_empty() {
                        waiting.remove(&key);
                    }
                    taken.push(key);
                }
                let key = taken.pop();
                prop_assert!(key.is_some(), "somebody waits although there is room");
                queue.give_back(&key.unwrap());
            }
            prop_assert!(queue.clients.is_empty() && queue.rotation.is_empty());
        }
    }
}
