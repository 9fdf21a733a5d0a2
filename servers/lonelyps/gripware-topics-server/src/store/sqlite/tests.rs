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
