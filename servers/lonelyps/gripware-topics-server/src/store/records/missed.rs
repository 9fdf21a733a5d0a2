//! Whom to tell of missed messages, as records.
//!
//! The entry itself never expires while it is of use, so that its attempts and its time survive. When it
//! is due is a record of its own, a timer: those that have expired are taken out of the state, each by
//! one broadcaster, which sets them anew before it leases the entry. A second timer expires a minute
//! after the first one: it is found where a broadcaster has taken the first, and ended.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_core::ErrorChain;
use gripware_state::Expect;
use gripware_topics::{Address, Topic};
use serde::{Deserialize, Serialize};

use super::{RecordsStore, lists::digest, unavailable};
use crate::store::{Missed, StoreError, missed::full};

/// The kind of timers that expire when an entry is due.
const DUE: &str = "topics-due";

/// The kind of those that expire where nobody has set the first one anew.
const OVERDUE: &str = "topics-overdue";

/// How many seconds there are between the two.
const LATE: u64 = 60;

/// For how many seconds an entry stays that nobody looks at. The timers of one that has no broadcaster
/// for a day are lost, and set again by the next message that is missed.
const KEEP: u64 = 3 * 24 * 60 * 60;

/// Most entries that are looked at to find room for another one.
const LOOKS: usize = 16;

/// Whom to tell of missed messages.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct MissedRecord {
    url: String,
    recovery: Option<String>,
    /// In base64.
    topic: String,
    attempts: u32,
    since: u64,
    due: u64,
    /// The version of the record that it was leased from, which no other record has; 0 if it is not
    /// leased.
    lease: u64,
    /// When something was missed while it is leased, and when that is due.
    again: Option<(u64, u64)>,
}

impl MissedRecord {
    fn new(missed: &Missed) -> Self {
        Self {
            url: missed.url.as_str().to_owned(),
            recovery: missed.recovery.as_ref().map(|url| url.as_str().to_owned()),
            topic: STANDARD.encode(missed.topic.as_bytes()),
            attempts: missed.attempts,
            since: missed.since,
            due: missed.due,
            lease: 0,
            again: None,
        }
    }

    /// Reads it; `None` if it is none.
    fn read(&self) -> Option<Missed> {
        let recovery = self.recovery.clone().map(Address::new);
        Some(Missed {
            url: Address::new(self.url.clone()).ok()?,
            recovery: recovery.transpose().ok()?,
            topic: Topic::new(STANDARD.decode(&self.topic).ok()?).ok()?,
            attempts: self.attempts,
            since: self.since,
            due: self.due,
            lease: self.lease,
        })
    }
}

/// The name of an entry: a digest of what it is about.
pub(super) fn name(missed: &Missed) -> String {
    let url = missed.url.as_str();
    let recovery = missed.recovery.as_ref().map_or("", Address::as_str);
    let mut bytes = format!("{}:{url}{}:{recovery}", url.len(), recovery.len()).into_bytes();
    bytes.extend_from_slice(missed.topic.as_bytes());
    digest(&bytes)
}

/// `topics-missed` has been taken by records of another shape, which are left to expire.
fn key(name: &str) -> String {
    format!("topics-gap:{name}")
}

impl RecordsStore {
    /// Adds an entry, or notes in the one that is there and leased that there is more. `false` if one is
    /// there.
    pub(super) async fn miss(&self, missed: &Missed) -> Result<bool, StoreError> {
        let (name, now) = (name(missed), missed.since);
        loop {
            let Some((mut value, version)) = self.entry(&name).await? else {
                self.make_room(&name).await?;
                // The timers come first: an entry without them would wait for ever.
                self.set_timers(&name, Expect::Any, now, missed.due).await?;
                let record = MissedRecord::new(missed);
                if self.put(&name, &record, Expect::Absent, now).await? {
                    self.own().insert(name);
                    return Ok(true);
                }
                continue;
            };
            if value.due.saturating_add(2 * LATE) < now {
                // Its timers may be lost. Its time is written first, so that they are restored at most
                // once in two minutes, however much is missed. Only the second one is set: the first
                // may have expired and wait to be taken, and setting it would put it off.
                value.due = now;
                let expect = Expect::Version(version);
                if self.put(&name, &value, expect, now).await? {
                    let expect = Expect::Absent;
                    self.set_timer(OVERDUE, &name, expect, now, now).await?;
                }
                continue;
            }
            if value.lease == 0 || value.again.is_some() {
                return Ok(false);
            }
            value.again = Some((missed.since, missed.due));
            let expect = Expect::Version(version);
            if self.put(&name, &value, expect, now).await? {
                return Ok(false);
            }
        }
    }

    /// Leases those that are due.
    pub(super) async fn lease(&self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        let mut leased = Vec::new();
        for kind in [DUE, OVERDUE] {
            let left = most - leased.len();
            if left == 0 {
                break;
            }
            let expired = match self.records.take_expired(kind, left).await {
                Ok(expired) => expired,
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::warn!(%error, "whom to tell cannot be read now");
                    break;
                }
            };
            for timer in expired {
                let Some((_, name)) = timer.key.split_once(':') else {
                    continue;
                };
                match self.lease_one(name, now, until).await {
                    Ok(missed) => leased.extend(missed),
                    Err(error) => {
                        let error = ErrorChain(&error);
                        tracing::warn!(%error, "one who is to be told has to wait");
                    }
                }
            }
        }
        leased
    }

    /// Leases one whose timer has expired, unless it is told, or not due any more.
    async fn lease_one(
        &self,
        name: &str,
        now: u64,
        until: u64,
    ) -> Result<Option<Missed>, StoreError> {
        loop {
            let Some((mut value, version)) = self.entry(name).await? else {
                return Ok(None);
            };
            if value.due > now {
                self.set_timers(name, Expect::Absent, now, value.due)
                    .await?;
                return Ok(None);
            }
            let expect = Expect::Version(version);
            if let Some(reached) = self.last_reached(&value.url).await? {
                if value.recovery.is_none() && reached >= value.since {
                    match self.remove(name, expect).await? {
                        true => return Ok(None),
                        false => continue,
                    }
                }
                value.since = value.since.max(reached);
            }
            value.attempts = value.attempts.saturating_add(1);
            value.due = until;
            value.lease = version;
            value.again = None;
            self.set_timers(name, Expect::Any, now, until).await?;
            if self.put(name, &value, expect, now).await? {
                return Ok(value.read());
            }
        }
    }

    /// Ends a lease, whose entry was not told.
    pub(super) async fn put_back(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        let name = name(missed);
        while let Some((mut value, version)) = self.leased(&name, missed).await? {
            value.attempts = missed.attempts;
            value.due = missed.due;
            value.lease = 0;
            value.again = None;
            self.set_timers(&name, Expect::Any, now, missed.due).await?;
            let expect = Expect::Version(version);
            if self.put(&name, &value, expect, now).await? {
                break;
            }
        }
        Ok(())
    }

    /// Ends a lease, whose entry was told. Its timers expire, and are found to be of nothing.
    pub(super) async fn take_out(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        let name = name(missed);
        while let Some((mut value, version)) = self.leased(&name, missed).await? {
            let expect = Expect::Version(version);
            let is_done = match value.again {
                None => self.remove(&name, expect).await?,
                Some((since, due)) => {
                    value.attempts = 0;
                    value.since = since;
                    value.due = due;
                    value.lease = 0;
                    value.again = None;
                    self.set_timers(&name, Expect::Any, now, due).await?;
                    self.put(&name, &value, expect, now).await?
                }
            };
            if is_done {
                break;
            }
        }
        Ok(())
    }

    /// Returns an entry and its version.
    async fn entry(&self, name: &str) -> Result<Option<(MissedRecord, u64)>, StoreError> {
        let record = self.records.get(&key(name)).await.map_err(unavailable)?;
        Ok(record.map(|record| (record.value, record.version)))
    }

    /// Returns the entry of a lease that is not stale.
    async fn leased(
        &self,
        name: &str,
        missed: &Missed,
    ) -> Result<Option<(MissedRecord, u64)>, StoreError> {
        let entry = self.entry(name).await?;
        Ok(entry.filter(|(value, _)| value.lease == missed.lease && missed.lease != 0))
    }

    /// Puts an entry. `false` where another broadcaster was first.
    async fn put(
        &self,
        name: &str,
        record: &MissedRecord,
        expect: Expect,
        now: u64,
    ) -> Result<bool, StoreError> {
        let keep = Some(after(now, record.due.saturating_add(KEEP)));
        let put = self.records.put(&key(name), record, expect, keep).await;
        Ok(put.map_err(unavailable)?.is_some())
    }

    async fn remove(&self, name: &str, expect: Expect) -> Result<bool, StoreError> {
        let removed = self.records.remove(&key(name), expect).await;
        let is_removed = removed.map_err(unavailable)?;
        if is_removed {
            self.own().remove(name);
        }
        Ok(is_removed)
    }

    async fn set_timers(
        &self,
        name: &str,
        expect: Expect,
        now: u64,
        due: u64,
    ) -> Result<(), StoreError> {
        for (kind, due) in [(DUE, due), (OVERDUE, due.saturating_add(LATE))] {
            self.set_timer(kind, name, expect, now, due).await?;
        }
        Ok(())
    }

    async fn set_timer(
        &self,
        kind: &str,
        name: &str,
        expect: Expect,
        now: u64,
        due: u64,
    ) -> Result<(), StoreError> {
        let timer = format!("{kind}:{name}");
        let wait = Some(after(now, due));
        let put = self.records.put(&timer, &(), expect, wait).await;
        put.map(drop).map_err(unavailable)
    }

    /// Makes sure that this broadcaster has not added as many entries as may be: those that it takes
    /// for there are looked at, a few with each one that is added, in turn.
    async fn make_room(&self, name: &str) -> Result<(), StoreError> {
        let limit = self.memory.limits().missed;
        for _ in 0..LOOKS {
            if !self.own().is_full(name, limit) {
                return Ok(());
            }
            let Some(one) = self.own().next() else {
                break;
            };
            if self.entry(&one).await?.is_none() {
                self.own().remove(&one);
            }
        }
        match self.own().is_full(name, limit) {
            true => Err(full(limit)),
            false => Ok(()),
        }
    }
}

/// How long it is until a time. A timer of no time at all would be none.
fn after(now: u64, then: u64) -> Duration {
    Duration::from_secs(then.saturating_sub(now).max(1))
}
