//! What records do.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::{ATTEMPTS, PAUSE, eventually, unique};
use crate::{Backends, Expect, Records, records::Expired};

const SHORT: Option<Duration> = Some(Duration::from_millis(30));
const LONG: Option<Duration> = Some(Duration::from_secs(600));

fn records(backends: &Backends) -> Records {
    Records::new(backends.records.clone())
}

async fn gone(records: &Records, key: &str) {
    eventually("the record expires", async || {
        records
            .get::<Value>(key)
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;
}

/// Compare-and-set, with any number of writers.
pub async fn of_two_changes_one_holds(backends: &Backends) {
    let (records, key) = (records(backends), unique("k"));
    assert_eq!(
        records
            .put(&key, &1, Expect::Version(7), None)
            .await
            .unwrap(),
        None
    );
    let first = records
        .put(&key, &1, Expect::Absent, LONG)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        records.put(&key, &2, Expect::Absent, None).await.unwrap(),
        None
    );

    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (records, key) = (records.clone(), key.clone());
        tasks.spawn(async move { records.put(&key, &n, Expect::Version(first), None).await });
    }
    let held: Vec<_> = tasks
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(held.len(), 1);
    assert_eq!(
        records.get::<u64>(&key).await.unwrap().unwrap().version,
        held[0]
    );
    assert!(!records.remove(&key, Expect::Version(first)).await.unwrap());
    assert!(
        records
            .put(&key, &json!({"a": "é\u{0}"}), Expect::Any, None)
            .await
            .unwrap()
            .is_some()
    );
    let record = records.get::<Value>(&key).await.unwrap().unwrap();
    assert_eq!(record.value, json!({"a": "é\u{0}"}));

    for key in ["", "a\nb", &"x".repeat(513)] {
        assert!(records.get::<Value>(key).await.unwrap_err().is_invalid());
    }
    let long = records
        .put("k", &"x".repeat(16 << 10), Expect::Any, None)
        .await;
    assert!(long.unwrap_err().is_invalid());
}

/// A key that is taken again is another record.
pub async fn a_version_is_never_used_again(backends: &Backends) {
    let (records, key) = (records(backends), unique("k"));
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let version = records
            .put(&key, &1, Expect::Absent, None)
            .await
            .unwrap()
            .unwrap();
        assert!(seen.insert(version));
        assert!(
            records
                .remove(&key, Expect::Version(version))
                .await
                .unwrap()
        );
        assert!(!records.remove(&key, Expect::Any).await.unwrap());
    }
}

/// By one of all who ask.
pub async fn an_expiry_is_seen_exactly_once(backends: &Backends) {
    let (records, kind) = (records(backends), unique("k"));
    for n in 0..50 {
        records
            .put(&format!("{kind}/{n}"), &n, Expect::Any, SHORT)
            .await
            .unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    let counted = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..4 {
        let (records, kind, counted) = (records.clone(), kind.clone(), counted.clone());
        tasks.spawn(async move {
            for _ in 0..ATTEMPTS {
                let taken = records.take_expired(&kind, 7).await.unwrap();
                assert!(taken.len() <= 7);
                if note(&counted, taken) >= 50 {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            panic!("some never expire");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let mut keys = BTreeSet::new();
    for Expired { key, value, .. } in counted.lock().unwrap().iter() {
        let value = std::str::from_utf8(value).unwrap();
        assert_eq!(*key, format!("{kind}/{value}"));
        assert!(keys.insert(key.clone()), "{key} twice");
    }
}

/// Notes what was taken, and returns how many there are.
fn note(counted: &Mutex<Vec<Expired>>, taken: Vec<Expired>) -> usize {
    let mut counted = counted.lock().unwrap();
    counted.extend(taken);
    counted.len()
}

/// Those of another kind stay for whoever asks for it.
pub async fn who_takes_what_has_expired_takes_one_kind(backends: &Backends) {
    let records = records(backends);
    let [one, other] = ["one", "other"].map(unique);
    let keys = [format!("{one}/1"), format!("{one}:2"), format!("{other}/1")];
    for key in &keys {
        records.put(key, &1, Expect::Any, SHORT).await.unwrap();
    }
    records.put(&one, &1, Expect::Any, LONG).await.unwrap();
    gone(&records, &keys[2]).await;
    let taken = async |kind: &str| {
        let taken = records.take_expired(kind, 10).await.unwrap();
        taken.into_iter().map(|it| it.key).collect::<Vec<_>>()
    };
    assert_eq!(taken(&one).await, keys[..2]);
    assert!(taken(&one).await.is_empty());
    assert_eq!(taken(&other).await, keys[2..]);
    let no_kind = records.take_expired(&keys[0], 10).await;
    assert!(no_kind.unwrap_err().is_invalid());
}

/// From now on.
pub async fn a_touched_record_lives_on(backends: &Backends) {
    let (records, key, canary) = (records(backends), unique("k"), unique("c"));
    // Long enough to be touched in time on any machine.
    let first = records
        .put(&key, &1, Expect::Any, Some(Duration::from_secs(5)))
        .await
        .unwrap();
    assert!(records.touch(&key, Duration::from_secs(600)).await.unwrap());
    records
        .put(&canary, &1, Expect::Any, Some(Duration::from_secs(5)))
        .await
        .unwrap();
    gone(&records, &canary).await;
    assert_eq!(
        records
            .get::<u64>(&key)
            .await
            .unwrap()
            .map(|record| record.version),
        first
    );
    assert!(
        !records
            .touch(&unique("other"), Duration::from_secs(1))
            .await
            .unwrap()
    );
}

/// Also before somebody took it.
pub async fn what_has_expired_is_absent(backends: &Backends) {
    let (records, key) = (records(backends), unique("k"));
    let version = records
        .put(&key, &1, Expect::Any, SHORT)
        .await
        .unwrap()
        .unwrap();
    gone(&records, &key).await;
    assert!(!records.touch(&key, Duration::from_secs(1)).await.unwrap());
    assert_eq!(
        records
            .put(&key, &2, Expect::Version(version), None)
            .await
            .unwrap(),
        None
    );
    assert!(
        records
            .put(&key, &2, Expect::Absent, None)
            .await
            .unwrap()
            .is_some()
    );
    // What took its place does not expire.
    assert_eq!(records.take_expired(&key, 500).await.unwrap(), []);
    assert_eq!(records.get::<u64>(&key).await.unwrap().unwrap().value, 2);
}

/// Nor is it seen.
pub async fn what_was_removed_does_not_expire(backends: &Backends) {
    let (records, key, canary) = (records(backends), unique("k"), unique("c"));
    records.put(&key, &1, Expect::Any, SHORT).await.unwrap();
    let removed = records.remove(&key, Expect::Any).await.unwrap();
    records.put(&canary, &1, Expect::Any, SHORT).await.unwrap();
    gone(&records, &canary).await;
    let taken = records.take_expired(&key, 500).await.unwrap();
    // On a slow machine it may have expired before it was removed.
    assert!(!removed || taken.is_empty());
}
