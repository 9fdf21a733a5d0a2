//! Subscriptions in memory, so that those of a topic are found without looking at all.

use std::collections::{BTreeMap, HashMap, HashSet};

use gripware_topics::{Address, Glob, Pattern, SubscriptionList, Topic};

use super::{Match, StoreError, StoreLimits};

type Subscribers = BTreeMap<Address, Option<Address>>;

/// Topics by name, and patterns by the characters before their first wildcard: for a topic only those
/// patterns are tried whose beginning it has.
#[derive(Debug, Default)]
pub(super) struct Index {
    exact: HashMap<Topic, Subscribers>,
    globs: HashMap<Box<str>, BTreeMap<Glob, Subscribers>>,
    /// How many beginnings there are of each length in bytes.
    lengths: BTreeMap<usize, usize>,
    urls: HashMap<Address, SubscriptionList>,
    len: usize,
}

impl Index {
    pub(super) fn matching(&self, topic: &Topic) -> Vec<Match> {
        let mut found = Vec::new();
        if let Some(subscribers) = self.exact.get(topic) {
            found.extend(subscribers.iter().map(to_match));
        }
        let Some(text) = topic.as_str().filter(|_| !self.globs.is_empty()) else {
            return found;
        };
        let mut at: HashMap<Address, usize> = (0..)
            .zip(&found)
            .map(|(at, one)| (one.url.clone(), at))
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
                    Some(known) if known.recovery.is_none() => {
                        known.recovery.clone_from(subscriber.1);
                    }
                    Some(_) => (),
                    None => found.push(to_match(subscriber)),
                }
            }
        }
        found
    }

    pub(super) fn list(&self, url: &Address) -> SubscriptionList {
        self.urls.get(url).cloned().unwrap_or_default()
    }

    pub(super) fn contains(&self, url: &Address, pattern: &Pattern) -> bool {
        self.urls.get(url).is_some_and(|list| match pattern {
            Pattern::Exact(topic) => list.topics.contains_key(topic),
            Pattern::Glob(glob) => list.globs.contains_key(glob),
        })
    }

    /// Whether there is room for one more of a URL.
    pub(super) fn check_room(&self, url: &Address, limits: &StoreLimits) -> Result<(), StoreError> {
        let own = self.urls.get(url).map_or(0, SubscriptionList::len);
        check(own, 1, limits.per_url, "subscriptions of this URL")?;
        check(self.len, 1, limits.subscriptions, "subscriptions")
    }

    /// Whether there is room for a list in place of what a URL has.
    pub(super) fn check_replace(
        &self,
        url: &Address,
        list: &SubscriptionList,
        limits: &StoreLimits,
    ) -> Result<(), StoreError> {
        let own = self.urls.get(url).map_or(0, SubscriptionList::len);
        check(0, list.len(), limits.per_url, "subscriptions of this URL")?;
        let others = self.len.saturating_sub(own);
        check(others, list.len(), limits.subscriptions, "subscriptions")
    }

    pub(super) fn insert(&mut self, url: &Address, pattern: &Pattern, recovery: Option<&Address>) {
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
        if subscribers.insert(url.clone(), recovery.cloned()).is_none() {
            self.len += 1;
        }
        let list = self.urls.entry(url.clone()).or_default();
        list.insert(pattern.clone(), recovery.cloned());
    }

    pub(super) fn remove(&mut self, url: &Address, pattern: &Pattern) -> bool {
        if !self.contains(url, pattern) {
            return false;
        }
        self.len -= 1;
        match pattern {
            Pattern::Exact(topic) => remove_from(&mut self.exact, topic, url),
            Pattern::Glob(glob) => {
                let beginning = glob.literal_prefix();
                let globs = self.globs.get_mut(beginning);
                let empty = globs.is_some_and(|globs| {
                    if let Some(subscribers) = globs.get_mut(glob) {
                        subscribers.remove(url);
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
        if let Some(list) = self.urls.get_mut(url) {
            match pattern {
                Pattern::Exact(topic) => drop(list.topics.remove(topic)),
                Pattern::Glob(glob) => drop(list.globs.remove(glob)),
            }
            if list.is_empty() {
                self.urls.remove(url);
            }
        }
        true
    }

    pub(super) fn replace(&mut self, url: &Address, list: &SubscriptionList) {
        let kept: HashSet<_> = list.iter().map(|(pattern, _)| pattern).collect();
        for (pattern, _) in self.list(url).iter() {
            if !kept.contains(&pattern) {
                self.remove(url, &pattern);
            }
        }
        for (pattern, recovery) in list.iter() {
            self.insert(url, &pattern, recovery);
        }
    }
}

fn to_match((url, recovery): (&Address, &Option<Address>)) -> Match {
    Match::new(url.clone(), recovery.clone())
}

fn check(there: usize, more: usize, limit: usize, what: &'static str) -> Result<(), StoreError> {
    match there.saturating_add(more) > limit {
        true => Err(StoreError::Full { what, limit }),
        false => Ok(()),
    }
}

fn remove_from(exact: &mut HashMap<Topic, Subscribers>, topic: &Topic, url: &Address) {
    if let Some(subscribers) = exact.get_mut(topic) {
        subscribers.remove(url);
        if subscribers.is_empty() {
            exact.remove(topic);
        }
    }
}
