//! What every store does.

use std::sync::atomic::{AtomicUsize, Ordering};

use gripware_topics::{Address, Glob, Pattern, SubscriptionList, Topic};

use super::{Match, Missed, Store, StoreError, StoreLimits};

pub(crate) fn url(name: &str) -> Address {
    Address::new(format!("http://{name}/v1/receive#1")).unwrap()
}

/// A glob where there is a star.
pub(crate) fn pattern(text: &str) -> Pattern {
    match text.contains('*') {
        true => Pattern::Glob(Glob::new(text).unwrap()),
        false => Pattern::Exact(topic(text)),
    }
}

pub(crate) fn list(patterns: &[(&str, Option<&str>)]) -> SubscriptionList {
    let mut list = SubscriptionList::default();
    for (text, recovery) in patterns {
        list.insert(pattern(text), recovery.map(url));
    }
    list
}

pub(crate) fn missed(name: &str, text: &str, due: u64) -> Missed {
    Missed {
        url: url(name),
        recovery: Some(url("r")),
        topic: topic(text),
        attempts: 0,
        since: 1,
        due,
        lease: 0,
    }
}

pub(super) fn limits() -> StoreLimits {
    StoreLimits {
        subscriptions: 3,
        per_url: 2,
        missed: 1,
    }
}

/// For [`holds_nothing_with_a_limit_of_none`].
pub(super) fn no_missed() -> StoreLimits {
    StoreLimits {
        missed: 0,
        ..limits()
    }
}

fn topic(text: &str) -> Topic {
    Topic::try_from(text).unwrap()
}

pub(super) fn does_what_a_store_does(store: &dyn Store) {
    let matching = |text: &str| {
        let mut found: Vec<_> = store
            .matching(&topic(text))
            .into_iter()
            .map(|Match { url, recovery }| {
                let name = |url: Address| url.uri().host().unwrap().to_owned();
                (name(url), recovery.map(name))
            })
            .collect();
        found.sort();
        found
    };
    let own = |name: &str| (name.to_owned(), None);
    let subscribe = |name, text, recovery: Option<&str>| {
        let recovery = recovery.map(url);
        store.subscribe(&url(name), &pattern(text), recovery.as_ref())
    };
    assert!(subscribe("a", "foo/bar", None).unwrap());
    assert!(!subscribe("a", "foo/bar", Some("r")).unwrap());
    assert!(subscribe("a", "foo/*", Some("r")).unwrap());
    assert!(subscribe("b", "foo/*", None).unwrap());
    assert!(subscribe("c", "*", None).unwrap());
    assert!(subscribe("c", "*bar", None).unwrap());

    // Each URL once, with a recovery URL where any of its patterns has one.
    let a = ("a".to_owned(), Some("r".to_owned()));
    assert_eq!(matching("foo/bar"), [a.clone(), own("b"), own("c")]);
    assert_eq!(matching("foo/baz"), [a, own("b"), own("c")]);
    assert_eq!(matching("fo"), [own("c")]);
    assert!(
        store
            .matching(&Topic::try_from(b"\xff").unwrap())
            .is_empty()
    );

    assert!(store.unsubscribe(&url("c"), &pattern("*")).unwrap());
    assert!(!store.unsubscribe(&url("c"), &pattern("*")).unwrap());
    assert!(store.unsubscribe(&url("c"), &pattern("*bar")).unwrap());
    assert!(store.unsubscribe(&url("b"), &pattern("foo/*")).unwrap());
    assert!(store.list(&url("c")).is_empty());
    assert!(matching("fo").is_empty());

    // All is replaced, recovery URLs as well.
    let next = list(&[("foo/bar", Some("s")), ("x", None)]);
    store.replace(&url("a"), &next).unwrap();
    assert_eq!(store.list(&url("a")), next);
    assert_eq!(
        matching("foo/bar"),
        [("a".to_owned(), Some("s".to_owned()))]
    );
    assert!(matching("foo/baz").is_empty());
    store.replace(&url("a"), &list(&[])).unwrap();
    assert!(matching("foo/bar").is_empty());
}

/// Lets time pass, where a store has a clock of its own.
pub(crate) trait Clock {
    fn pass(&self, seconds: u64);
}

/// Of a store that is told what time it is.
impl Clock for () {
    fn pass(&self, _: u64) {}
}

/// Far from 1970, as the time is.
pub(crate) const START: u64 = 1_700_000_000;

/// Stores of broadcasters that share what they have, and are asked in turn.
#[derive(Debug)]
pub(crate) struct InTurn {
    stores: Vec<Box<dyn Store>>,
    turn: AtomicUsize,
    leased: AtomicUsize,
}

impl InTurn {
    pub(crate) fn new(stores: impl IntoIterator<Item = impl Store>) -> Self {
        let stores = stores.into_iter();
        Self {
            stores: stores
                .map(|store| Box::new(store) as Box<dyn Store>)
                .collect(),
            turn: AtomicUsize::new(0),
            leased: AtomicUsize::new(0),
        }
    }

    /// How many entries were leased.
    pub(crate) fn leased(&self) -> usize {
        self.leased.load(Ordering::Relaxed)
    }

    fn next(&self) -> &dyn Store {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &*self.stores[turn % self.stores.len()]
    }
}

impl Store for InTurn {
    fn matching(&self, topic: &Topic) -> Vec<Match> {
        self.next().matching(topic)
    }

    fn list(&self, url: &Address) -> SubscriptionList {
        self.next().list(url)
    }

    fn subscribe(
        &self,
        url: &Address,
        pattern: &Pattern,
        recovery: Option<&Address>,
    ) -> Result<bool, StoreError> {
        self.next().subscribe(url, pattern, recovery)
    }

    fn unsubscribe(&self, url: &Address, pattern: &Pattern) -> Result<bool, StoreError> {
        self.next().unsubscribe(url, pattern)
    }

    fn replace(&self, url: &Address, list: &SubscriptionList) -> Result<(), StoreError> {
        self.next().replace(url, list)
    }

    fn missed(&self, missed: &Missed) -> Result<bool, StoreError> {
        self.next().missed(missed)
    }

    fn due(&self, now: u64, until: u64, most: usize) -> Vec<Missed> {
        // What any was told of is known to all.
        for store in &self.stores {
            assert!(store.due(now, until, 0).is_empty());
        }
        let leased = self.next().due(now, until, most);
        self.leased.fetch_add(leased.len(), Ordering::Relaxed);
        leased
    }

    fn postpone(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        self.next().postpone(missed, now)
    }

    fn forget(&self, missed: &Missed, now: u64) -> Result<(), StoreError> {
        self.next().forget(missed, now)
    }

    fn reached(&self, url: &Address, now: u64) {
        self.next().reached(url, now);
    }

    fn finish(&self, now: u64) -> Result<(), StoreError> {
        self.stores.iter().try_for_each(|store| store.finish(now))
    }
}

fn at(name: &str, text: &str, since: u64, due: u64) -> Missed {
    Missed {
        since: START + since,
        ..missed(name, text, START + due)
    }
}

/// Whom entries are of, how often it was tried, and since when they are.
fn told(leased: &[Missed]) -> Vec<(String, u32, u64)> {
    let told = leased.iter().map(|missed| {
        let name = missed.url.uri().host().unwrap().to_owned();
        (name, missed.attempts, missed.since - START)
    });
    told.collect()
}

/// What every store does of those who have missed something.
pub(super) fn tells_what_was_missed(store: &dyn Store, clock: &impl Clock) {
    let due = |now: u64, most| store.due(START + now, START + now + 100, most);
    let one = |name: &str, attempts, since| (name.to_owned(), attempts, since);
    assert!(store.missed(&at("a", "t", 0, 20)).unwrap());
    assert!(store.missed(&at("b", "t", 0, 15)).unwrap());
    // What is missed again does not begin to wait anew, nor sooner.
    assert!(!store.missed(&at("a", "t", 1, 10)).unwrap());
    assert!(!store.missed(&at("a", "t", 1, 99)).unwrap());
    clock.pass(14);
    assert!(due(14, 9).is_empty());
    clock.pass(6);
    let b = due(20, 1);
    assert_eq!(told(&b), [one("b", 1, 0)], "the longest due");
    let a = due(20, 9);
    assert_eq!(told(&a), [one("a", 1, 0)], "the other is leased");

    // It waits again, with its attempts, whatever is missed.
    let later = |missed: &Missed, due| Missed {
        due: START + due,
        ..missed.clone()
    };
    assert!(!store.missed(&at("b", "t", 20, 22)).unwrap());
    store.postpone(&later(&b[0], 30), START + 20).unwrap();
    assert!(!store.missed(&at("b", "t", 21, 23)).unwrap());
    clock.pass(9);
    assert!(due(29, 9).is_empty());
    clock.pass(1);
    assert!(!store.missed(&at("b", "t", 30, 32)).unwrap());
    let b = due(30, 9);
    assert_eq!(told(&b), [one("b", 2, 0)]);

    // What was told is gone.
    store.forget(&b[0], START + 30).unwrap();
    // A lease that ends by itself: its broadcaster has.
    clock.pass(89);
    assert!(due(119, 9).is_empty());
    clock.pass(1);
    let again = due(120, 9);
    assert_eq!(told(&again), [one("a", 2, 0)]);
    // A stale lease changes nothing.
    store.postpone(&later(&a[0], 121), START + 120).unwrap();
    store.forget(&a[0], START + 120).unwrap();
    clock.pass(1);
    assert!(due(121, 9).is_empty());

    // What is missed while it is told is told as well.
    assert!(!store.missed(&at("a", "t", 121, 125)).unwrap());
    assert!(!store.missed(&at("a", "t", 122, 126)).unwrap());
    store.forget(&again[0], START + 122).unwrap();
    clock.pass(4);
    let more = due(125, 9);
    assert_eq!(told(&more), [one("a", 1, 121)]);
    store.forget(&more[0], START + 125).unwrap();
    store.forget(&more[0], START + 125).unwrap();
    clock.pass(10_000);
    assert!(due(10_125, 9).is_empty());
    // Nobody is due twice, and what is new begins anew.
    assert!(store.missed(&at("a", "t", 10_125, 10_127)).unwrap());
    clock.pass(2);
    let a = due(10_127, 9);
    assert_eq!(told(&a), [one("a", 1, 10_125)]);
    store.forget(&a[0], START + 10_127).unwrap();
}

/// Who confirms something is reached.
pub(super) fn knows_who_is_reached(store: &dyn Store, clock: &impl Clock) {
    let one = |name: &str, attempts, since| (name.to_owned(), attempts, since);
    let nowhere = |name: &str, since, due| Missed {
        recovery: None,
        ..at(name, "t", since, due)
    };
    let due = |now: u64| store.due(START + now, START + now + 100, 9);
    store.reached(&url("e"), START);
    assert!(store.missed(&at("a", "t", 1, 10)).unwrap());
    assert!(store.missed(&at("a", "u", 1, 11)).unwrap());
    assert!(store.missed(&nowhere("a", 1, 12)).unwrap());
    assert!(store.missed(&nowhere("b", 1, 13)).unwrap());
    assert!(store.missed(&at("d", "t", 1, 14)).unwrap());
    assert!(store.missed(&at("e", "t", 1, 15)).unwrap());
    store.reached(&url("a"), START + 5);
    store.reached(&url("c"), START + 5);
    assert!(store.due(START + 5, START + 5, 0).is_empty());
    clock.pass(20);
    let leased = due(20);
    let expected = [
        one("a", 1, 5),
        one("a", 1, 5),
        one("b", 1, 1),
        one("d", 1, 1),
        one("e", 1, 1),
    ];
    assert_eq!(told(&leased), expected);
    for missed in &leased {
        let missed = Missed {
            due: START + 30,
            ..missed.clone()
        };
        store.postpone(&missed, START + 20).unwrap();
    }
    store.reached(&url("b"), START + 21);
    store.reached(&url("d"), START + 22);
    assert!(store.due(START + 22, START + 22, 0).is_empty());
    clock.pass(10);
    let mut left = told(&due(30));
    left.sort();
    let expected = [
        one("a", 2, 5),
        one("a", 2, 5),
        one("d", 2, 22),
        one("e", 2, 1),
    ];
    assert_eq!(left, expected);
}

/// With [`limits`].
pub(super) fn holds_no_more_than_its_limits(store: &dyn Store) {
    let full = |result: Result<bool, StoreError>| matches!(result, Err(StoreError::Full { .. }));
    let subscribe = |name, text| store.subscribe(&url(name), &pattern(text), None);
    assert!(subscribe("a", "1").unwrap());
    assert!(subscribe("a", "2").unwrap());
    assert!(full(subscribe("a", "3")));
    assert!(subscribe("b", "1").unwrap());
    assert!(full(subscribe("b", "2")));
    // What is there is still no error.
    assert!(!subscribe("b", "1").unwrap());
    let three = list(&[("1", None), ("2", None), ("3", None)]);
    assert!(store.replace(&url("a"), &three).is_err());
    assert_eq!(store.list(&url("a")).len(), 2);
    let other = list(&[("4", None), ("5", None)]);
    store.replace(&url("a"), &other).unwrap();
    assert_eq!(store.list(&url("a")), other);

    assert!(store.missed(&missed("a", "t", 1)).unwrap());
    assert!(full(store.missed(&missed("b", "t", 1))));
}

/// Where there is to be no entry of missed messages.
pub(super) fn holds_nothing_with_a_limit_of_none(store: &dyn Store) {
    let refused = store.missed(&missed("a", "t", 1));
    assert!(
        matches!(refused, Err(StoreError::Full { limit: 0, .. })),
        "{refused:?}"
    );
}
