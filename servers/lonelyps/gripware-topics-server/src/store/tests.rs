//! What every store does.

use gripware_topics::{Address, Glob, Pattern, SubscriptionList, Topic};

use super::{Match, Missed, Store, StoreError, StoreLimits};

pub(super) fn url(name: &str) -> Address {
    Address::new(format!("http://{name}/v1/receive#1")).unwrap()
}

/// A glob where there is a star.
pub(super) fn pattern(text: &str) -> Pattern {
    match text.contains('*') {
        true => Pattern::Glob(Glob::new(text).unwrap()),
        false => Pattern::Exact(topic(text)),
    }
}

pub(super) fn list(patterns: &[(&str, Option<&str>)]) -> SubscriptionList {
    let mut list = SubscriptionList::default();
    for (text, recovery) in patterns {
        list.insert(pattern(text), recovery.map(url));
    }
    list
}

pub(super) fn missed(name: &str, text: &str, due: u64) -> Missed {
    Missed {
        url: url(name),
        recovery: url("r"),
        topic: topic(text),
        attempts: 0,
        since: 1,
        due,
    }
}

pub(super) fn limits() -> StoreLimits {
    StoreLimits {
        subscriptions: 3,
        per_url: 2,
        missed: 1,
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

    // What is missed again does not begin to wait anew.
    assert!(store.missed(&missed("a", "t", 20)).unwrap());
    assert!(!store.missed(&missed("a", "t", 10)).unwrap());
    assert!(store.missed(&missed("b", "t", 15)).unwrap());
    assert!(store.due(14, 9).is_empty());
    assert_eq!(
        store.due(20, 9),
        [missed("b", "t", 15), missed("a", "t", 20)]
    );
    assert_eq!(store.due(20, 1), [missed("b", "t", 15)]);
    store.postpone(&missed("b", "t", 30)).unwrap();
    store.postpone(&missed("nobody", "t", 5)).unwrap();
    assert_eq!(store.due(20, 9), [missed("a", "t", 20)]);
    store.forget(&missed("a", "t", 0)).unwrap();
    assert_eq!(store.due(99, 9), [missed("b", "t", 30)]);
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
