//! Subscriptions as records.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_state::{Expect, StateError, StateErrorKind};
use gripware_topics::{Address, Digest, Glob, Pattern, SubscriptionList, Topic};
use serde::{Deserialize, Serialize};

use super::{RecordsStore, unavailable};
use crate::store::{Store, StoreError};

/// How many records the subscriptions of a URL are divided into.
const PARTS: u8 = 64;

/// Most names in an index: each takes at most 38 bytes of its 16 KiB. There is an index for each value of
/// a byte.
const NAMES: usize = 430;

/// The name of a list: a digest of its URL, and the number of its part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct ListName(String);

/// A list.
#[derive(Debug, Default, Deserialize, Serialize)]
struct List {
    url: String,
    patterns: Vec<Entry>,
}

/// A subscription.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    is_glob: bool,
    /// In base64.
    pattern: String,
    recovery: Option<String>,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl ListName {
    pub(super) fn new(url: &Address, part: u8) -> Self {
        Self(format!("{}-{part}", digest(url.as_str().as_bytes())))
    }

    pub(super) fn key(&self) -> String {
        format!("topics-list:{}", self.0)
    }

    fn index(&self) -> String {
        let Self(name) = self;
        index(byte(name.as_bytes()))
    }
}

fn index(number: u8) -> String {
    format!("topics-index:{number}")
}

/// 16 of the bytes of a SHA-512, in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = Digest::of(bytes);
    let first = digest.as_bytes().iter().take(16);
    first.map(|byte| format!("{byte:02x}")).collect()
}

/// One of the bytes of a digest.
fn byte(bytes: &[u8]) -> u8 {
    Digest::of(bytes).as_bytes().first().copied().unwrap_or(0)
}

fn part(pattern: &Pattern) -> u8 {
    byte(pattern.as_bytes()) % PARTS
}

/// A subscription and its recovery URL, or `None` where it is taken back.
type Change = (Pattern, Option<Option<Address>>);

/// What makes one list of another, by the parts that it is of.
fn difference(from: &SubscriptionList, to: &SubscriptionList) -> BTreeMap<u8, Vec<Change>> {
    let mut changes: BTreeMap<u8, Vec<Change>> = BTreeMap::new();
    for (pattern, recovery) in to.iter() {
        if recovery_of(from, &pattern) != Some(&recovery.cloned()) {
            let change = (pattern.clone(), Some(recovery.cloned()));
            changes.entry(part(&pattern)).or_default().push(change);
        }
    }
    for (pattern, _) in from.iter() {
        if recovery_of(to, &pattern).is_none() {
            changes
                .entry(part(&pattern))
                .or_default()
                .push((pattern, None));
        }
    }
    changes
}

fn recovery_of<'a>(list: &'a SubscriptionList, pattern: &Pattern) -> Option<&'a Option<Address>> {
    match pattern {
        Pattern::Exact(topic) => list.topics.get(topic),
        Pattern::Glob(glob) => list.globs.get(glob),
    }
}

impl List {
    fn new(url: &Address) -> Self {
        Self {
            url: url.as_str().to_owned(),
            patterns: Vec::new(),
        }
    }

    /// Applies changes to whatever is there, which another broadcaster may just have written.
    fn apply(&mut self, changes: &[Change]) {
        for (pattern, recovery) in changes {
            let encoded = STANDARD.encode(pattern.as_bytes());
            let is_glob = matches!(pattern, Pattern::Glob(_));
            self.patterns
                .retain(|entry| entry.is_glob != is_glob || entry.pattern != encoded);
            if let Some(recovery) = recovery {
                self.patterns.push(Entry {
                    is_glob,
                    pattern: encoded,
                    recovery: recovery.as_ref().map(|url| url.as_str().to_owned()),
                });
            }
        }
    }

    fn read(&self) -> Result<(Address, SubscriptionList), AnyError> {
        let mut list = SubscriptionList::default();
        for entry in &self.patterns {
            let bytes = STANDARD.decode(&entry.pattern)?;
            let pattern = match entry.is_glob {
                true => Pattern::Glob(Glob::new(String::from_utf8(bytes)?)?),
                false => Pattern::Exact(Topic::new(bytes)?),
            };
            let recovery = entry.recovery.clone().map(Address::new).transpose()?;
            list.insert(pattern, recovery);
        }
        Ok((Address::new(self.url.clone())?, list))
    }
}

impl RecordsStore {
    /// Writes what differs of a URL's subscriptions, and tells the names of the lists that it has
    /// written, or may have.
    pub(super) async fn write_list(
        &self,
        url: &Address,
        from: &SubscriptionList,
        to: &SubscriptionList,
        names: &mut Vec<ListName>,
    ) -> Result<(), StoreError> {
        for (part, changes) in difference(from, to) {
            let name = ListName::new(url, part);
            names.push(name.clone());
            self.write_part(&name, url, &changes).await?;
        }
        Ok(())
    }

    async fn write_part(
        &self,
        name: &ListName,
        url: &Address,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let key = name.key();
        loop {
            let record = self.records.get::<List>(&key).await.map_err(unavailable)?;
            let (mut list, expect) = match record {
                Some(record) => (record.value, Expect::Version(record.version)),
                None => (List::new(url), Expect::Absent),
            };
            list.apply(changes);
            if !list.patterns.is_empty() {
                // A list that no index names would be found by nobody.
                self.write_index(name, true).await?;
            }
            // Where another broadcaster was first, it is done anew.
            let is_done = match (list.patterns.is_empty(), expect) {
                (true, Expect::Absent) => Ok(true),
                (true, expect) => self.records.remove(&key, expect).await,
                (false, expect) => {
                    let put = self.records.put(&key, &list, expect, None).await;
                    put.map(|version| version.is_some())
                }
            };
            let failed = match is_done {
                Ok(false) => continue,
                Ok(true) => None,
                Err(error) => Some(error),
            };
            // Another broadcaster may have removed the list and its name meanwhile, and one that was
            // refused has no name.
            let indexed = self.write_index(name, false).await;
            return failed.map_or(indexed, |error| Err(refused(error)));
        }
    }

    /// Makes the index have a name where there is its list, or is to be, and not where there is none.
    async fn write_index(&self, name: &ListName, is_to_be: bool) -> Result<(), StoreError> {
        let index = name.index();
        loop {
            let is_there = is_to_be || {
                let list = self.records.get::<List>(&name.key()).await;
                list.map_err(unavailable)?.is_some()
            };
            let record = self.records.get::<BTreeSet<ListName>>(&index).await;
            let (mut names, expect) = match record.map_err(unavailable)? {
                Some(record) => (record.value, Expect::Version(record.version)),
                None => (BTreeSet::new(), Expect::Absent),
            };
            let is_changed = match is_there {
                true => names.insert(name.clone()),
                false => names.remove(name),
            };
            if !is_changed {
                return Ok(());
            }
            if is_there && names.len() > NAMES {
                let (what, limit) = ("lists of subscriptions in one index", NAMES);
                return Err(StoreError::Full { what, limit });
            }
            let put = self.records.put(&index, &names, expect, None).await;
            // It is looked again, in case that another one has made or removed the list meanwhile.
            put.map_err(unavailable)?;
        }
    }

    /// Reads lists into the memory.
    pub(super) async fn read_lists(&self, names: &BTreeSet<ListName>) -> Result<(), StoreError> {
        for name in names {
            let list = self.records.get::<List>(&name.key()).await;
            let list = list.map_err(unavailable)?.map(|record| record.value);
            self.take_over(name, list.as_ref())?;
        }
        Ok(())
    }

    /// Reads all lists into the memory.
    pub(super) async fn read_all(&self) -> Result<(), StoreError> {
        let mut names = BTreeSet::new();
        for number in 0..=u8::MAX {
            let record = self.records.get::<BTreeSet<ListName>>(&index(number)).await;
            names.extend(
                record
                    .map_err(unavailable)?
                    .map(|one| one.value)
                    .unwrap_or_default(),
            );
        }
        // What is in the memory and has no list any more goes.
        for url in self.memory.urls() {
            let list = self.memory.list(&url);
            names.extend(
                list.iter()
                    .map(|(pattern, _)| ListName::new(&url, part(&pattern))),
            );
        }
        self.read_lists(&names).await
    }

    /// Puts one part of a URL's subscriptions in place of what the memory has of it.
    fn take_over(&self, name: &ListName, list: Option<&List>) -> Result<(), StoreError> {
        let read = list.map(List::read).transpose();
        let (url, part) = match read.map_err(StoreError::Unavailable)? {
            Some(read) => read,
            None => match self.memory.urls().into_iter().find(|url| name.is_of(url)) {
                Some(url) => (url, SubscriptionList::default()),
                None => return Ok(()),
            },
        };
        let mut whole = part;
        for (pattern, recovery) in self.memory.list(&url).iter() {
            if ListName::new(&url, self::part(&pattern)) != *name {
                whole.insert(pattern, recovery.cloned());
            }
        }
        self.memory.replace(&url, &whole)
    }
}

/// A list that is too long is no fault of the state.
fn refused(error: StateError) -> StoreError {
    match error.kind() {
        StateErrorKind::TooLong { limit, .. } => StoreError::Full {
            what: "bytes in a list of subscriptions of this URL",
            limit,
        },
        _ => unavailable(error),
    }
}

impl ListName {
    fn is_of(&self, url: &Address) -> bool {
        let digest = digest(url.as_str().as_bytes());
        self.0.split('-').next() == Some(&digest)
    }
}
