use std::{collections::BTreeSet, sync::Arc};

use gripware_state::{Expect, State};

use super::*;
use crate::store::tests;

async fn open(state: &State, limits: StoreLimits) -> RecordsStore {
    RecordsStore::open(state.records(), limits).await.unwrap()
}

/// Calls a store as the broadcaster does, where it may block.
async fn blocking(call: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(call).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_broadcaster_is_told_the_others_know() {
    let state = State::memory();
    let (one, two) = (
        open(&state, StoreLimits::default()).await,
        open(&state, StoreLimits::default()).await,
    );
    blocking(move || {
        let (url, recovery) = (tests::url("a"), tests::url("r"));
        let topic = Topic::try_from("t").unwrap();
        let refresh = |store: &RecordsStore| {
            store.runtime.block_on(store.refresh().unwrap());
        };
        let pattern = tests::pattern("t*");
        assert!(one.subscribe(&url, &pattern, Some(&recovery)).unwrap());
        assert!(!two.subscribe(&url, &pattern, None).unwrap(), "it is there");
        let known = [Match::new(url.clone(), Some(recovery.clone()))];
        assert_eq!(two.matching(&topic), known);
        assert!(two.unsubscribe(&url, &pattern).unwrap());
        assert_eq!(one.matching(&topic), known, "it has not looked");
        refresh(&one);
        assert!(one.matching(&topic).is_empty());

        // More changes than are remembered, and one that starts later.
        for number in 0..300 {
            let pattern = tests::pattern(&number.to_string());
            assert!(one.subscribe(&url, &pattern, None).unwrap());
        }
        refresh(&two);
        assert_eq!(two.list(&url), one.list(&url));
        let three = two.runtime.block_on(open(&state, StoreLimits::default()));
        assert_eq!(three.list(&url).len(), 300);
        two.replace(&url, &SubscriptionList::default()).unwrap();
        assert!(one.list(&url).is_empty());
        let four = two.runtime.block_on(open(&state, StoreLimits::default()));
        assert!(four.list(&url).is_empty());
    })
    .await;
}

/// That of the test, which the state goes by.
struct Paused(Handle);

impl tests::Clock for Paused {
    fn pass(&self, seconds: u64) {
        let passes = tokio::time::advance(Duration::from_secs(seconds));
        self.0.block_on(passes);
    }
}

#[tokio::test(start_paused = true)]
async fn it_tells_what_was_missed_as_a_store_does() {
    for test in [
        tests::tells_what_was_missed as fn(&dyn Store, &Paused),
        tests::knows_who_is_reached,
    ] {
        let (state, clock) = (State::memory(), Paused(Handle::current()));
        let one = open(&state, StoreLimits::default()).await;
        blocking(move || test(&one, &clock)).await;
        let (state, clock) = (State::memory(), Paused(Handle::current()));
        let stores = [
            open(&state, StoreLimits::default()).await,
            open(&state, StoreLimits::default()).await,
        ];
        let in_turn = tests::InTurn::new(stores);
        blocking(move || test(&in_turn, &clock)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_that_look_at_once_one_has_the_lease() {
    const ENTRIES: usize = 50;
    let state = State::memory();
    let now = 1_700_000_000;
    let stores = [
        open(&state, StoreLimits::default()).await,
        open(&state, StoreLimits::default()).await,
        open(&state, StoreLimits::default()).await,
    ];
    let leased = Arc::new(sync::Mutex::new(Vec::new()));
    let looking = stores.into_iter().map(|store| {
        let leased = Arc::clone(&leased);
        blocking(move || {
            for entry in 0..ENTRIES {
                let topic = entry.to_string();
                let missed = Missed {
                    since: now,
                    ..tests::missed("a", &topic, now)
                };
                // All of them miss it.
                store.missed(&missed).unwrap();
            }
            while leased.lock().unwrap().len() < ENTRIES {
                let due = store.due(now, now + 600, 7);
                leased.lock().unwrap().extend(due);
            }
        })
    });
    let looking: Vec<_> = looking.map(tokio::spawn).collect();
    for one in looking {
        one.await.unwrap();
    }
    let leased = leased.lock().unwrap();
    let topics: BTreeSet<_> = leased.iter().map(|one| one.topic.clone()).collect();
    assert_eq!((topics.len(), leased.len()), (ENTRIES, ENTRIES));
}

#[tokio::test(start_paused = true)]
async fn an_entry_outlives_the_broadcaster_that_has_taken_its_timer() {
    use tests::{Clock, START};

    let (state, clock) = (State::memory(), Paused(Handle::current()));
    let store = open(&state, StoreLimits::default()).await;
    blocking(move || {
        let missed = Missed {
            since: START,
            ..tests::missed("a", "t", START + 3)
        };
        assert!(store.missed(&missed).unwrap());
        clock.pass(3);
        let take = |kind| {
            let taking = store.records.take_expired(kind, 9);
            store.runtime.block_on(taking).unwrap().len()
        };
        assert_eq!(take("topics-due"), 1);
        assert!(store.due(START + 3, START + 90, 9).is_empty());
        clock.pass(60);
        let leased = store.due(START + 63, START + 163, 9);
        assert_eq!(leased.len(), 1);
        store
            .postpone(
                &Missed {
                    due: START + 70,
                    ..leased[0].clone()
                },
                START + 64,
            )
            .unwrap();

        // Without any for a day both timers are lost, and the next message brings them back.
        clock.pass(1_000);
        assert_eq!((take("topics-due"), take("topics-overdue")), (1, 1));
        assert!(
            !store
                .missed(&Missed {
                    since: START + 1_064,
                    ..missed
                })
                .unwrap()
        );
        clock.pass(1);
        let leased = store.due(START + 1_065, START + 1_165, 9);
        assert_eq!((leased[0].attempts, leased[0].since), (2, START));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_being_missed_does_not_keep_an_entry_from_being_told() {
    use tests::{Clock, START};

    let (state, clock) = (State::memory(), Paused(Handle::current()));
    let store = open(&state, StoreLimits::default()).await;
    blocking(move || {
        let miss = |topic, now| {
            let missed = Missed {
                since: START + now,
                ..tests::missed("a", topic, START + now + 2)
            };
            store.missed(&missed).unwrap()
        };
        let due = |now| store.due(START + now, START + now + 100, 9).len();
        // Both timers have expired, and wait to be taken.
        assert!(miss("t", 0));
        clock.pass(200);
        assert!(!miss("t", 200));
        assert_eq!(due(200), 1);

        // Both are lost, and more is missed with each second.
        assert!(miss("u", 200));
        clock.pass(200);
        for kind in ["topics-due", "topics-overdue"] {
            let taking = store.records.take_expired(kind, 9);
            store.runtime.block_on(taking).unwrap();
        }
        assert!(!miss("u", 400));
        clock.pass(1);
        assert!(!miss("u", 401));
        assert_eq!(due(401), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_change_at_once_lose_nothing() {
    let state = State::memory();
    let url = tests::url("a");
    let mut changing = Vec::new();
    for node in 0..4 {
        let store = open(&state, StoreLimits::default()).await;
        let url = url.clone();
        changing.push(tokio::task::spawn_blocking(move || {
            for number in 0..50 {
                let pattern = tests::pattern(&format!("{node}-{number}"));
                assert!(store.subscribe(&url, &pattern, None).unwrap());
            }
        }));
    }
    for one in changing {
        one.await.unwrap();
    }
    let store = open(&state, StoreLimits::default()).await;
    blocking(move || assert_eq!(store.list(&url).len(), 200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_no_more_than_its_limits() {
    let store = open(&State::memory(), tests::limits()).await;
    blocking(move || tests::holds_no_more_than_its_limits(&store)).await;
    let none = open(&State::memory(), tests::no_missed()).await;
    blocking(move || tests::holds_nothing_with_a_limit_of_none(&none)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_told_by_another_broadcaster_makes_room() {
    use tests::{Clock, START};

    let (state, clock) = (State::memory(), Paused(Handle::current()));
    let (one, two) = (
        open(&state, tests::limits()).await,
        open(&state, tests::limits()).await,
    );
    blocking(move || {
        let missed = |name| Missed {
            since: START,
            ..tests::missed(name, "t", START + 3)
        };
        assert!(one.missed(&missed("a")).unwrap());
        assert!(!one.missed(&missed("a")).unwrap(), "it is there");
        assert!(matches!(
            one.missed(&missed("b")),
            Err(StoreError::Full { limit: 1, .. })
        ));
        clock.pass(3);
        let leased = two.due(START + 3, START + 90, 9);
        two.forget(&leased[0], START + 3).unwrap();
        assert!(one.missed(&missed("b")).unwrap());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn room_is_found_whichever_entry_was_told() {
    const ENTRIES: usize = 17;
    for told in 0..ENTRIES {
        let limits = StoreLimits {
            missed: ENTRIES,
            ..StoreLimits::default()
        };
        let (state, clock) = (State::memory(), Paused(Handle::current()));
        let (one, two) = (open(&state, limits).await, open(&state, limits).await);
        blocking(move || {
            use tests::{Clock, START};

            let missed = |topic: &str| Missed {
                since: START,
                ..tests::missed("a", topic, START + 3)
            };
            for entry in 0..ENTRIES {
                assert!(one.missed(&missed(&entry.to_string())).unwrap());
            }
            clock.pass(3);
            let leased = two.due(START + 3, START + 90, ENTRIES);
            two.forget(&leased[told], START + 3).unwrap();
            // A few are looked at with each try.
            let is_new = one.missed(&missed("new"));
            let is_new = is_new.or_else(|_| one.missed(&missed("new")));
            assert!(is_new.unwrap(), "{told}");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_reached_by_several_was_reached_when_the_last_one_has() {
    use tests::START;

    let state = State::memory();
    let (one, two) = (
        open(&state, StoreLimits::default()).await,
        open(&state, StoreLimits::default()).await,
    );
    blocking(move || {
        let url = tests::url("a");
        one.reached(&url, START);
        two.reached(&url, START + 5);
        assert!(two.due(START + 6, START + 6, 0).is_empty());
        assert!(one.due(START + 6, START + 6, 0).is_empty());
        let last = one.runtime.block_on(one.last_reached(url.as_str()));
        assert_eq!(last.unwrap(), Some(START + 5));

        // At the end all are written, however many they are.
        let urls = (0..200).map(|name| tests::url(&name.to_string()));
        let urls: Vec<_> = urls.chain([url]).collect();
        for url in &urls {
            one.reached(url, START + 7);
        }
        one.finish(START + 8).unwrap();
        for url in &urls {
            let last = two.runtime.block_on(two.last_reached(url.as_str()));
            assert_eq!(last.unwrap(), Some(START + 7));
        }
    })
    .await;
}

#[tokio::test]
async fn an_entry_of_another_shape_under_the_name_of_before_is_left_alone() {
    let state = State::memory();
    let store = open(&state, StoreLimits::default()).await;
    let missed = tests::missed("a", "t", 3);
    let key = format!("topics-missed:{}", missed::name(&missed));
    let before = serde_json::json!({
        "url": missed.url.as_str(), "recovery": "http://r/", "topic": "dA==",
        "attempts": 1, "since": 1, "due": 3,
    });
    let put = store.records.put(&key, &before, Expect::Absent, None);
    put.await.unwrap();
    blocking(move || assert!(store.missed(&missed).unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn no_delivery_waits_for_a_change_that_is_under_way() {
    let store = open(&State::memory(), StoreLimits::default()).await;
    let _changing = store.changing.lock().await;
    let looked = timeout(Duration::from_secs(60), store.look()).await;
    looked.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_does_not_fit_leaves_nothing_behind() {
    let (state, full) = (State::memory(), State::memory());
    let store = open(&state, StoreLimits::default()).await;
    // As many names as may be in each index.
    for index in 0..=255 {
        let names: BTreeSet<_> = (0..430).map(|name| format!("{name:032}-63")).collect();
        let key = format!("topics-index:{index}");
        let put = full.records();
        put.put(&key, &names, Expect::Any, None).await.unwrap();
    }
    let is_full = open(&full, StoreLimits::default()).await;
    blocking(move || {
        let url = tests::url("a");
        let refused = is_full.subscribe(&url, &tests::pattern("t"), None);
        assert!(
            matches!(refused, Err(StoreError::Full { limit: 430, .. })),
            "{refused:?}"
        );
        assert!(is_full.list(&url).is_empty());
        for part in 0..64 {
            let key = lists::ListName::new(&url, part).key();
            let list = is_full.records.get::<serde_json::Value>(&key);
            assert_eq!(is_full.runtime.block_on(list).unwrap(), None);
        }
        let again = is_full
            .runtime
            .block_on(open(&full, StoreLimits::default()));
        assert!(again.list(&url).is_empty());

        // More subscriptions in one list than fit: those before them stay, here and elsewhere.
        let other = store.runtime.block_on(open(&state, StoreLimits::default()));
        let mut list = tests::list(&[("t", None)]);
        store.replace(&url, &list).unwrap();
        for number in 0..40_000 {
            list.insert(tests::pattern(&format!("{number:064}")), None);
        }
        let refused = store.replace(&url, &list);
        assert!(
            matches!(refused, Err(StoreError::Full { limit: 16_384, .. })),
            "{refused:?}"
        );
        let left = store.list(&url);
        assert!(left.len() < list.len());
        assert_eq!(other.list(&url), left);
        let third = store.runtime.block_on(open(&state, StoreLimits::default()));
        assert_eq!(third.list(&url), left);
    })
    .await;
}
