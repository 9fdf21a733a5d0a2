//! Subscriptions in memory, so that those of a topic are found without looking at all.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
};

use gripware_topics::{Address, Glob, Pattern, SubscriptionList, Topic};

use super::{StoreError, StoreLimits};

/// Who is subscribed, and where each is told of missed messages.
type Subscribers<K> = BTreeMap<K, Option<Address>>;

/// Topics by name, and patterns by the characters before their first wildcard: for a topic only those
/// patterns are tried whose beginning it has. Subscribers are URLs, or connections.
#[derive(Debug)]
pub(crate) struct Index<K = Address> {
    exact: HashMap<Topic, Subscribers<K>>,
    globs: HashMap<Box<str>, BTreeMap<Glob, Subscribers<K>>>,
    /// How many beginnings there are of each length in bytes.
    lengths: BTreeMap<usize, usize>,
    lists: HashMap<K, SubscriptionList>,
    len: usize,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            globs: HashMap::new(),
            lengths: BTreeMap::new(),
            lists: HashMap::new(),
            len: 0,
        }
    }
}

impl<K: Clone + Hash + Ord> Index<K> {
    /// Returns who is to get messages of a topic, each once, and where each is told of missed ones.
    pub(crate) fn matching(&self, topic: &Topic) -> Vec<(K, Option<Address>)> {
        let mut found = Vec::new();
        if let Some(subscribers) = self.exact.get(topic) {
            found.extend(subscribers.iter().map(to_match));
        }
        let Some(text) = topic.as_str().filter(|_| !self.globs.is_empty()) else {
            return found;
        };
        let mut at: HashMap<K, usize> = (0..)
            .zip(&found)
            .map(|(at, (key, _))| (key.clone(), at))
            .collect();
        let beginnings = self
            .lengths
            .range(..=text.len())
            .filter_map(|(&length, _)| text.get(..length));
        for (glob, subscribers) in beginnings.filter_map(|one| self.globs.get(one)).flatten() {
            if !glob.matches(topic) {
                continue;
            }
            for subscriber in subscribers {
                let next = found.len();
                let at = *at.entry(subscriber.0.clone()).or_insert(next);
                match found.get_mut(at) {
                    Some((_, recovery)) if recovery.is_none() => recovery.clone_from(subscriber.1),
                    Some(_) => (),
                    None => found.push(to_match(subscriber)),
                }
            }
        }
        found
    }

    pub(crate) fn list(&self, key: &K) -> SubscriptionList {
        self.lists.get(key).cloned().unwrap_or_default()
    }

    /// Returns all that are subscribed to something.
    #[cfg(feature = "records")]
    pub(crate) fn keys(&self) -> Vec<K> {
        self.lists.keys().cloned().collect()
    }

    /// Whether anybody is subscribed to it.
    pub(crate) fn has(&self, pattern: &Pattern) -> bool {
        self.of(pattern).is_some()
    }

    /// Returns who is subscribed to a pattern, as it is written.
    pub(crate) fn subscribers(&self, pattern: &Pattern) -> Vec<K> {
        let subscribers = self.of(pattern).into_iter();
        subscribers.flat_map(BTreeMap::keys).cloned().collect()
    }

    fn of(&self, pattern: &Pattern) -> Option<&Subscribers<K>> {
        match pattern {
            Pattern::Exact(topic) => self.exact.get(topic),
            Pattern::Glob(glob) => self.globs.get(glob.literal_prefix())?.get(glob),
        }
    }

    pub(crate) fn contains(&self, key: &K, pattern: &Pattern) -> bool {
        self.lists.get(key).is_some_and(|list| match pattern {
            Pattern::Exact(topic) => list.topics.contains_key(topic),
            Pattern::Glob(glob) => list.globs.contains_key(glob),
        })
    }

    /// Whether there is room for one more of a URL.
    pub(crate) fn check_room(&self, key: &K, limits: &StoreLimits) -> Result<(), StoreError> {
        let own = self.lists.get(key).map_or(0, SubscriptionList::len);
        check(own, 1, limits.per_url, "subscriptions of this URL")?;
        check(self.len, 1, limits.subscriptions, "subscriptions")
    }

    /// Whether there is room for a list in place of what a URL has.
    pub(crate) fn check_replace(
        &self,
        key: &K,
        list: &SubscriptionList,
        limits: &StoreLimits,
    ) -> Result<(), StoreError> {
        let own = self.lists.get(key).map_or(0, SubscriptionList::len);
        check(0, list.len(), limits.per_url, "subscriptions of this URL")?;
        let others = self.len.saturating_sub(own);
        check(others, list.len(), limits.subscriptions, "subscriptions")
    }

    pub(crate) fn insert(&mut self, key: &K, pattern: &Pattern, recovery: Option<&Address>) {
        let subscribers = match pattern {
            Pattern::Exact(topic) => self.exact.entry(topic.clone()).or_default(),
            Pattern::Glob(glob) => {
                let beginning = glob.literal_prefix();
                if !self.globs.contains_key(beginning) {
                    *self.lengths.entry(beginning.len()).or_default() += 1;
                }
                let globs = self.globs.entry(beginning.into()).or_default();
                globs.entry(glob.clone()).or_default()
            }
        };
        if subscribers.insert(key.clone(), recovery.cloned()).is_none() {
            self.len += 1;
        }
        let list = self.lists.entry(key.clone()).or_default();
        list.insert(pattern.clone(), recovery.cloned());
    }

    pub(crate) fn remove(&mut self, key: &K, pattern: &Pattern) -> bool {
        if !self.contains(key, pattern) {
            return false;
        }
        self.len -= 1;
        match pattern {
            Pattern::Exact(topic) => remove_from(&mut self.exact, topic, key),
            Pattern::Glob(glob) => {
                let beginning = glob.literal_prefix();
                let globs = self.globs.get_mut(beginning);
                let empty = globs.is_some_and(|globs| {
                    if let Some(subscribers) = globs.get_mut(glob) {
                        subscribers.remove(key);
                        if subscribers.is_empty() {
                            globs.remove(glob);
                        }
                    }
                    globs.is_empty()
                });
                if empty {
                    self.globs.remove(beginning);
                    if let Some(count) = self.lengths.get_mut(&beginning.len()) {
                        *count -= 1;
                        if *count == 0 {
                            self.lengths.remove(&beginning.len());
                        }
                    }
                }
            }
        }
        if let Some(list) = self.lists.get_mut(key) {
            match pattern {
                Pattern::Exact(topic) => drop(list.topics.remove(topic)),
                Pattern::Glob(glob) => drop(list.globs.remove(glob)),
            }
            if list.is_empty() {
                self.lists.remove(key);
            }
        }
        true
    }

    pub(crate) fn replace(&mut self, key: &K, list: &SubscriptionList) {
        let kept: HashSet<_> = list.iter().map(|(pattern, _)| pattern).collect();
        for (pattern, _) in self.list(key).iter() {
            if !kept.contains(&pattern) {
                self.remove(key, &pattern);
            }
        }
        for (pattern, recovery) in list.iter() {
            self.insert(key, &pattern, recovery);
        }
    }
}

fn to_match<K: Clone>((key, recovery): (&K, &Option<Address>)) -> (K, Option<Address>) {
    (key.clone(), recovery.clone())
}

fn check(there: usize, more: usize, limit: usize, what: &'static str) -> Result<(), StoreError> {
    match there.saturating_add(more) > limit {
        true => Err(StoreError::Full { what, limit }),
        false => Ok(()),
    }
}

fn remove_from<K: Ord>(exact: &mut HashMap<Topic, Subscribers<K>>, topic: &Topic, key: &K) {
    if let Some(subscribers) = exact.get_mut(topic) {
        subscribers.remove(key);
        if subscribers.is_empty() {
            exact.remove(topic);
        }
    }
}
