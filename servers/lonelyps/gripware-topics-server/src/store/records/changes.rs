//! How a broadcaster learns which lists the others have changed.

use std::collections::BTreeSet;

use gripware_state::Expect;
use serde::{Deserialize, Serialize};

use super::{RecordsStore, StoreError, lists::ListName, unavailable};

const KEY: &str = "topics-changes";

/// Most changes whose lists are named. Who has missed more reads everything.
const REMEMBERED: usize = 128;

/// Most names of the lists of one change. Who has missed one of more reads everything.
const NAMES: usize = 64;

/// What `topics-changes` has.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Changes {
    /// How many there were.
    pub(super) count: u64,
    /// The lists that the last ones were of, the newest last.
    last: Vec<Vec<ListName>>,
}

impl Changes {
    /// Returns the lists that have changed since there were `seen` changes, or `None` if they are not
    /// remembered.
    pub(super) fn since(&self, seen: u64) -> Option<BTreeSet<ListName>> {
        let missed = usize::try_from(self.count.checked_sub(seen)?).ok()?;
        let first = self.last.len().checked_sub(missed)?;
        let missed = self.last.get(first..)?;
        // Nothing stands for everything.
        match missed.iter().any(Vec::is_empty) {
            true => None,
            false => Some(missed.iter().flatten().cloned().collect()),
        }
    }

    fn push(&mut self, names: &[ListName]) {
        self.count += 1;
        let names = if names.len() > NAMES { &[] } else { names };
        self.last.push(names.to_vec());
        let mut named: usize = self.last.iter().map(Vec::len).sum();
        while self.last.len() > REMEMBERED || named > 2 * REMEMBERED {
            named -= self.last.remove(0).len();
        }
    }
}

impl RecordsStore {
    pub(super) async fn changes(&self) -> Result<Changes, StoreError> {
        let record = self.records.get(KEY).await.map_err(unavailable)?;
        Ok(record.map(|record| record.value).unwrap_or_default())
    }

    /// Adds a change, and returns how many there are now.
    pub(super) async fn note_changes(&self, names: &[ListName]) -> Result<u64, StoreError> {
        loop {
            let record = self
                .records
                .get::<Changes>(KEY)
                .await
                .map_err(unavailable)?;
            let (mut changes, expect) = match record {
                Some(record) => (record.value, Expect::Version(record.version)),
                None => (Changes::default(), Expect::Absent),
            };
            changes.push(names);
            let put = self.records.put(KEY, &changes, expect, None).await;
            // Where another broadcaster was first, it is done anew.
            if put.map_err(unavailable)?.is_some() {
                return Ok(changes.count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gripware_topics::Address;

    use super::*;

    #[test]
    fn what_is_not_remembered_is_everything() {
        let url = Address::new("http://a/").unwrap();
        let name = |part| ListName::new(&url, part);
        let mut changes = Changes::default();
        assert_eq!(changes.since(0), Some(BTreeSet::new()));
        changes.push(&[name(1)]);
        changes.push(&[name(1), name(2)]);
        assert_eq!(changes.since(0), Some([name(1), name(2)].into()));
        assert_eq!(changes.since(2), Some(BTreeSet::new()));
        assert_eq!(changes.since(3), None, "the store was wiped");
        for _ in 0..REMEMBERED {
            changes.push(&[name(3)]);
        }
        assert_eq!(changes.since(1), None);
        assert_eq!(changes.since(2), Some([name(3)].into()));
        changes.push(&vec![name(4); NAMES + 1]);
        assert_eq!(changes.since(129), None);
    }
}
