//! A store in a SQLite file: what [`MemoryStore`] has, written through.

use std::{
    collections::HashMap,
    iter, mem,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gripware_core::ErrorChain;
use gripware_topics::{Address, Glob, Pattern, SubscriptionList, Topic};
use rusqlite::{Connection, params};

use super::{
    Match, MemoryStore, Missed, Store, StoreError, StoreLimits, missed::Change, reached::Reached,
};

/// The version of the tables, in the file's `user_version`; 0 is a new file. In version 1 every entry of
/// who has missed something has a recovery URL.
const VERSION: i64 = 2;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS subscriptions (
        url TEXT NOT NULL, is_glob INTEGER NOT NULL, pattern BLOB NOT NULL, recovery TEXT,
        PRIMARY KEY (url, is_glob, pattern)
    ) WITHOUT ROWID;
    -- Who has no recovery URL has an empty one.
    CREATE TABLE IF NOT EXISTS missed (
        url TEXT NOT NULL, recovery TEXT NOT NULL, topic BLOB NOT NULL,
        attempts INTEGER NOT NULL, since INTEGER NOT NULL, due INTEGER NOT NULL,
        PRIMARY KEY (url, recovery, topic)
    ) WITHOUT ROWID;
    -- When those that have missed something have last confirmed something.
    CREATE TABLE IF NOT EXISTS reached (url TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    DELETE FROM reached WHERE url NOT IN (SELECT url FROM missed);
";

/// Keeps everything in a SQLite file, and reads it at the start: a message needs no look at the disk.
///
/// The file belongs to one broadcaster at a time, whose lock on it is exclusive: another one is
/// refused, as it would not see what this one is told.
#[derive(Debug)]
pub struct SqliteStore {
    memory: MemoryStore,
    connection: Mutex<Connection>,
    unwritten: Mutex<Unwritten>,
}

/// What is shown before it is written, so that no delivery waits for the disk.
#[derive(Debug, Default)]
struct Unwritten {
    /// Which URLs were reached, of those that have missed something.
    reached: Reached,
    /// Entries that are gone with that, by their URL and topic: none has a recovery URL. So there are no
    /// more than subscribers, however often one misses something and is reached.
    gone: HashMap<(Address, Topic), Missed>,
}

impl SqliteStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// Where it cannot be opened, is in use, or is of another program or version.
    pub fn open(path: impl AsRef<Path>, limits: StoreLimits) -> Result<Self, StoreError> {
        Self::load(Connection::open(path).map_err(unavailable)?, limits)
    }

    fn load(mut connection: Connection, limits: StoreLimits) -> Result<Self, StoreError> {
        // The file has one user: there is nothing to wait for.
        connection
            .busy_timeout(Duration::ZERO)
            .map_err(unavailable)?;
        // In WAL mode a commit is a write without a wait for the disk: after a loss of power the last
        // subscriptions may be missing, and subscribers bring them back.
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = NORMAL;",
            )
            .map_err(unavailable)?;
        let transaction = connection.transaction().map_err(unavailable)?;
        let version: i64 = transaction
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(unavailable)?;
        if !(0..=VERSION).contains(&version) {
            let text = format!("the tables are of version {version}, and this is {VERSION}");
            return Err(StoreError::Unavailable(text.into()));
        }
        transaction.execute_batch(TABLES).map_err(unavailable)?;
        transaction
            .pragma_update(None, "user_version", VERSION)
            .map_err(unavailable)?;
        transaction.commit().map_err(unavailable)?;
        let memory = MemoryStore::new(limits);
        read_subscriptions(&connection, &memory)?;
        read_missed(&connection, &memory)?;
        Ok(Self {
            memory,
            connection: Mutex::new(connection),
            unwritten: Mutex::default(),
        })
    }

    /// Writes who was reached and is to be written by a time.
    fn write_reached(&self, by: u64, now: u64) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let (gone, reached) = {
            let mut unwritten = self.unwritten();
            let reached = iter::from_fn(|| unwritten.reached.take(by, now)).collect();
            (mem::take(&mut unwritten.gone), reached)
        };
        let written = self.write(&mut connection, &gone, &reached);
        if written.is_err() {
            let mut unwritten = self.unwritten();
            for (url, at) in reached {
                unwritten.reached.put_back(&url, at);
            }
            unwritten.gone.extend(gone);
        }
        written
    }

    fn write(
        &self,
        connection: &mut Connection,
        gone: &HashMap<(Address, Topic), Missed>,
        reached: &Vec<(Address, u64)>,
    ) -> Result<(), StoreError> {
        if gone.is_empty() && reached.is_empty() {
            return Ok(());
        }
        let transaction = connection.transaction().map_err(unavailable)?;
        // What was missed again meanwhile stays.
        for missed in gone
            .values()
            .filter(|missed| !self.memory.is_missed(missed))
        {
            write_change(&transaction, missed, &Change::Removed)?;
        }
        for (url, at) in reached {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO reached VALUES (?, ?)")
                .and_then(|mut insert| insert.execute(params![url.as_str(), number(*at)]))
                .map_err(unavailable)?;
        }
        transaction.commit().map_err(unavailable)
    }

    /// Nothing panics while it is held.
    fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing panics while it is held.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Subscriptions that change are first written and then shown, under one lock: what is asked at the
/// same time sees them as they were or as they will be after the next start. A lease is in memory alone,
/// as it ends with the process: who is leased then is due after the next start.
impl Store for SqliteStore {
    fn matching(&self, topic: &Topic) -> Vec<Match> {
        self.memory.matching(topic)
    }

    fn list(&self, url: &Address) -> SubscriptionList {
        self.memory.list(url)
    }

    fn subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<bool, StoreError> {
        let connection = self.connection();
        if !self.memory.may_subscribe(url, pattern)? {
            return Ok(false);
        }
        insert(&connection, url, pattern, recovery)?;
        self.memory.subscribe(url, pattern, recovery)
    }

    fn unsubscribe(&self, url: &Address, pattern: &Pattern) -> Result<bool, StoreError> {
        let connection = self.connection();
        if !self.memory.has(url, pattern) {
            return Ok(false);
        }
        connection
            .prepare_cached(
                "DELETE FROM subscriptions WHERE url = ? AND is_glob = ? AND pattern = ?",
            )
            .and_then(|mut delete| {
                delete.execute(params![url.as_str(), is_glob(pattern), pattern.as_bytes()])
            })
            .map_err(unavailable)?;
        self.memory.unsubscribe(url, pattern)
    }

    fn replace(&self, url: &Address, list: &SubscriptionList) -> Result<(), StoreError> {
        let mut connection = self.connection();
        self.memory.may_replace(url, list)?;
        let transaction = connection.transaction().map_err(unavailable)?;
        transaction
            .execute(
                "DELETE FROM subscriptions WHERE url = ?",
                params![url.as_str()],
            )
            .map_err(unavailable)?;
        for (pattern, recovery) in list.iter() {
            insert(&transaction, url, &pattern, recovery)?;
        }
        transaction.commit().map_err(unavailable)?;
        self.memory.replace(url, list)
    }

    fn missed(&self, missed: &Missed) -> Result<bool, StoreError> {
        let connection = self.connection();
        self.unwritten().reached.miss(&missed.url);
        if self.memory.may_miss(missed)? {
            put_missed(&connection, missed)?;
        }
        self.memory.missed(missed)
    }

    fn due(&self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        if let Err(error) = self.write_reached(now, now) {
            let error = ErrorChain(&error);
            tracing::warn!(%error, "that subscribers were reached is not kept");
        }
        self.memory.due(now, until, most)
    }

    fn postpone(&self, missed: &Missed, _: u64) -> Result<(), StoreError> {
        let connection = self.connection();
        write_change(&connection, missed, &self.memory.postponed(missed))
    }

    fn forget(&self, missed: &Missed, _: u64) -> Result<(), StoreError> {
        let connection = self.connection();
        write_change(&connection, missed, &self.memory.forgotten(missed))
    }

    fn reached(&self, url: &Address, now: u64) {
        if let Some(gone) = self.memory.reach(url, now) {
            let mut unwritten = self.unwritten();
            let most = self.memory.limits().missed;
            unwritten.reached.note(url, now, most);
            for missed in gone {
                let key = (missed.url.clone(), missed.topic.clone());
                unwritten.gone.insert(key, missed);
            }
        }
    }

    fn finish(&self, now: u64) -> Result<(), StoreError> {
        self.write_reached(u64::MAX, now)
    }
}

fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

fn is_glob(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Glob(_))
}

fn insert(
    connection: &Connection,
    url: &Address,
    pattern: &Pattern,
    recovery: Option<&Address>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO subscriptions VALUES (?, ?, ?, ?)")
        .and_then(|mut insert| {
            insert.execute(params![
                url.as_str(),
                is_glob(pattern),
                pattern.as_bytes(),
                recovery.map(Address::as_str)
            ])
        })
        .map(drop)
        .map_err(unavailable)
}

fn recovery_text(missed: &Missed) -> &str {
    missed.recovery.as_ref().map_or("", Address::as_str)
}

fn write_change(
    connection: &Connection,
    missed: &Missed,
    change: &Change,
) -> Result<(), StoreError> {
    match change {
        Change::None => Ok(()),
        Change::Put(missed) => put_missed(connection, missed),
        Change::Removed => connection
            .prepare_cached("DELETE FROM missed WHERE url = ? AND recovery = ? AND topic = ?")
            .and_then(|mut delete| {
                delete.execute(params![
                    missed.url.as_str(),
                    recovery_text(missed),
                    missed.topic.as_bytes()
                ])
            })
            .map(drop)
            .map_err(unavailable),
    }
}

/// SQLite has signed numbers. A time or a count that does not fit is as good as the largest.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn put_missed(connection: &Connection, missed: &Missed) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO missed VALUES (?, ?, ?, ?, ?, ?)")
        .and_then(|mut insert| {
            insert.execute(params![
                missed.url.as_str(),
                recovery_text(missed),
                missed.topic.as_bytes(),
                missed.attempts,
                number(missed.since),
                number(missed.due),
            ])
        })
        .map(drop)
        .map_err(unavailable)
}

/// Rows that cannot be read as what was written are an error: a store that lost subscribers in
/// silence would be worse.
fn read_subscriptions(connection: &Connection, memory: &MemoryStore) -> Result<(), StoreError> {
    let mut select = connection
        .prepare("SELECT url, is_glob, pattern, recovery FROM subscriptions")
        .map_err(unavailable)?;
    let mut rows = select.query([]).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        let read = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let url = Address::new(row.get::<_, String>(0)?)?;
            let bytes: Vec<u8> = row.get(2)?;
            let pattern = match row.get::<_, bool>(1)? {
                true => Pattern::Glob(Glob::new(String::from_utf8(bytes)?)?),
                false => Pattern::Exact(Topic::new(bytes)?),
            };
            let recovery = row.get::<_, Option<String>>(3)?;
            Ok((url, pattern, recovery.map(Address::new).transpose()?))
        };
        let (url, pattern, recovery) = read().map_err(StoreError::Unavailable)?;
        memory.subscribe(&url, &pattern, recovery.as_ref())?;
    }
    Ok(())
}

fn read_missed(connection: &Connection, memory: &MemoryStore) -> Result<(), StoreError> {
    let mut select = connection
        .prepare(
            "SELECT url, recovery, topic, attempts, max(since, coalesce(at, 0)), due
             FROM missed LEFT JOIN reached USING (url)",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([]).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        let read = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let recovery = Some(row.get::<_, String>(1)?).filter(|text| !text.is_empty());
            Ok(Missed {
                url: Address::new(row.get::<_, String>(0)?)?,
                recovery: recovery.map(Address::new).transpose()?,
                topic: Topic::new(row.get::<_, Vec<u8>>(2)?)?,
                attempts: row.get(3)?,
                since: u64::try_from(row.get::<_, i64>(4)?)?,
                due: u64::try_from(row.get::<_, i64>(5)?)?,
                lease: 0,
            })
        };
        memory.restore(&read().map_err(StoreError::Unavailable)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
