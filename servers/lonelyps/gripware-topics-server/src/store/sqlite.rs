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
mod tests {
    use gripware_topics::{Glob, Topic};
    use proptest::prelude::*;

    use super::*;
    use crate::store::tests;

    proptest! {
        #[test]
        fn its_own_glob_matches_what_a_glob_matches(pattern in "[ab5*?\\[\\]^-]{0,9}", text in "[ab5\\[\\]^-]{0,5}") {
            let theirs: bool = Connection::open_in_memory()
                .unwrap()
                .query_row("SELECT ?1 GLOB ?2", [&text, &pattern], |row| row.get(0))
                .unwrap();
            let glob = Glob::new(pattern).unwrap();
            prop_assert_eq!(glob.matches(&Topic::try_from(text.as_str()).unwrap()), theirs);
        }
    }

    #[test]
    fn it_does_what_a_store_does() {
        let open = || {
            let memory = Connection::open_in_memory().unwrap();
            SqliteStore::load(memory, StoreLimits::default()).unwrap()
        };
        tests::does_what_a_store_does(&open());
        tests::tells_what_was_missed(&open(), &());
        tests::knows_who_is_reached(&open(), &());
    }

    #[test]
    fn it_holds_no_more_than_its_limits() {
        let open = |limits| {
            let memory = Connection::open_in_memory().unwrap();
            SqliteStore::load(memory, limits).unwrap()
        };
        tests::holds_no_more_than_its_limits(&open(tests::limits()));
        tests::holds_nothing_with_a_limit_of_none(&open(tests::no_missed()));
    }

    #[test]
    fn one_that_is_full_opens_again_wherever_it_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("topics.db");
        let nowhere = |name| Missed {
            recovery: None,
            ..tests::missed(name, "t", 5)
        };
        {
            let store = SqliteStore::open(&path, tests::limits()).unwrap();
            assert!(store.missed(&nowhere("a")).unwrap());
            store.reached(&tests::url("a"), 2);
            assert!(store.missed(&nowhere("b")).unwrap());
        }
        let store = SqliteStore::open(&path, tests::limits()).unwrap();
        assert!(matches!(
            store.missed(&nowhere("c")),
            Err(StoreError::Full { limit: 1, .. })
        ));
        let due = store.due(5, 9, 9);
        assert!(due.iter().any(|missed| missed.url == tests::url("b")));
    }

    #[test]
    fn what_is_unwritten_is_of_each_entry_once() {
        let memory = Connection::open_in_memory().unwrap();
        let store = SqliteStore::load(memory, StoreLimits::default()).unwrap();
        let missed = Missed {
            recovery: None,
            ..tests::missed("a", "t", 5)
        };
        for now in 2..5 {
            assert!(store.missed(&missed).unwrap());
            store.reached(&missed.url, now);
        }
        assert_eq!(store.unwritten().gone.len(), 1);
        assert!(store.due(5, 9, 9).is_empty());
        assert_eq!(store.unwritten().gone.len(), 0);
        let rows = store
            .connection()
            .query_row("SELECT count(*) FROM missed", [], |row| row.get(0));
        assert_eq!(rows, Ok(0));
    }

    /// The tables of version 1 as they were made first.
    const FIRST_TABLES: &str = "
        CREATE TABLE subscriptions (
            url TEXT NOT NULL, is_glob INTEGER NOT NULL, pattern BLOB NOT NULL, recovery TEXT,
            PRIMARY KEY (url, is_glob, pattern)
        ) WITHOUT ROWID;
        CREATE TABLE missed (
            url TEXT NOT NULL, recovery TEXT NOT NULL, topic BLOB NOT NULL,
            attempts INTEGER NOT NULL, since INTEGER NOT NULL, due INTEGER NOT NULL,
            PRIMARY KEY (url, recovery, topic)
        ) WITHOUT ROWID;
        PRAGMA user_version = 1;
        INSERT INTO subscriptions VALUES ('http://a/v1/receive#1', 0, CAST('t' AS BLOB), NULL);
        INSERT INTO subscriptions VALUES
            ('http://a/v1/receive#1', 1, CAST('u*' AS BLOB), 'http://r/v1/receive#1');
        INSERT INTO missed VALUES
            ('http://a/v1/receive#1', 'http://r/v1/receive#1', CAST('t' AS BLOB), 4, 1, 5);
    ";

    #[test]
    fn a_file_of_the_version_before_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("topics.db");
        let first = Connection::open(&path).unwrap();
        first.execute_batch(FIRST_TABLES).unwrap();
        drop(first);
        for _ in 0..2 {
            let store = SqliteStore::open(&path, StoreLimits::default()).unwrap();
            let list = tests::list(&[("t", None), ("u*", Some("r"))]);
            assert_eq!(store.list(&tests::url("a")), list);
            let leased = store.due(5, 9, 9);
            let expected = Missed {
                attempts: 5,
                due: 9,
                lease: 1,
                ..tests::missed("a", "t", 5)
            };
            assert_eq!(leased, [expected]);
        }
        // A program that knows no entries without a recovery URL says that the file is too new.
        let file = Connection::open(&path).unwrap();
        let version = file.query_row("PRAGMA user_version", [], |row| row.get(0));
        assert_eq!(version, Ok(2));
        file.execute_batch("PRAGMA user_version = 3").unwrap();
        drop(file);
        let refused = SqliteStore::open(&path, StoreLimits::default()).unwrap_err();
        let source = std::error::Error::source(&refused).unwrap().to_string();
        assert!(source.contains("version 3"), "{source}");
    }

    #[test]
    fn it_has_after_a_start_what_it_had_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("topics.db");
        let (url, recovery) = (tests::url("a"), tests::url("r"));
        let list = tests::list(&[("t", Some("r")), ("u*", None)]);
        let missed = tests::missed("a", "t", 7);
        let more = Missed {
            since: 12,
            ..tests::missed("c", "t", 14)
        };
        let nowhere = Missed {
            recovery: None,
            ..tests::missed("d", "t", 20)
        };
        {
            let store = SqliteStore::open(&path, StoreLimits::default()).unwrap();
            store.replace(&url, &list).unwrap();
            store
                .subscribe(&recovery, &tests::pattern("gone"), None)
                .unwrap();
            store
                .unsubscribe(&recovery, &tests::pattern("gone"))
                .unwrap();
            for name in ["b", "c", "e"] {
                store.missed(&tests::missed(name, "t", 5)).unwrap();
            }
            let leased = store.due(5, 99, 9);
            store.missed(&more).unwrap();
            for missed in &leased {
                store.forget(missed, 6).unwrap();
            }
            store.missed(&missed).unwrap();
            store.missed(&nowhere).unwrap();
            let reached = tests::missed("f", "t", 21);
            store.missed(&reached).unwrap();
            store
                .missed(&Missed {
                    recovery: None,
                    ..reached.clone()
                })
                .unwrap();
            store.reached(&reached.url, 6);
            // It is leased as this ends, and that is of no matter for the next start.
            assert_eq!(store.due(7, 1_000, 1)[0].topic, missed.topic);
            let second = SqliteStore::open(&path, StoreLimits::default());
            assert!(second.is_err(), "a second broadcaster on the same file");
        }
        let store = SqliteStore::open(&path, StoreLimits::default()).unwrap();
        assert_eq!(store.list(&url), list);
        assert!(store.list(&recovery).is_empty());
        let due = store.due(99, 1_000, 9);
        let due: Vec<_> = due
            .into_iter()
            .map(|missed| {
                assert_eq!(missed.attempts, 1);
                let name = missed.url.uri().host().unwrap().to_owned();
                (name, missed.recovery.is_some(), missed.since)
            })
            .collect();
        let one = |name: &str, recovery, since| (name.to_owned(), recovery, since);
        let expected = [
            one("a", true, 1),
            one("c", true, 12),
            one("d", false, 1),
            one("f", true, 6),
        ];
        assert_eq!(due, expected);
    }
}
