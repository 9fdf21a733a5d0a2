use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const MEMORY: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_secs(5);

/// An item; an empty text is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Item {
    number: usize,
    id: String,
    prev_id: String,
    no_seq: bool,
}

impl Sequential for Item {
    fn channel(&self) -> &str {
        "news"
    }

    fn id(&self) -> Option<&str> {
        Some(&*self.id).filter(|id| !id.is_empty())
    }

    fn prev_id(&self) -> Option<&str> {
        Some(&*self.prev_id).filter(|id| !id.is_empty())
    }

    fn no_seq(&self) -> bool {
        self.no_seq
    }

    fn cost(&self) -> usize {
        1 + self.number % 7
    }
}

fn item(id: &str, prev_id: &str) -> Item {
    Item {
        id: id.to_owned(),
        prev_id: prev_id.to_owned(),
        ..Item::default()
    }
}

fn names(items: &[Item]) -> String {
    let names: Vec<_> = items.iter().map(|it| it.id().unwrap_or("-")).collect();
    names.join(" ")
}

struct Script {
    sequencer: Sequencer<Item>,
    now: Instant,
}

impl Script {
    fn new(dialect: Dialect) -> Self {
        let now = Instant::now();
        Self {
            sequencer: Sequencer::new(dialect, now),
            now,
        }
    }

    fn gets(&mut self, id: &str, prev_id: &str) -> String {
        self.accepts(item(id, prev_id), true)
    }

    fn accepts(&mut self, item: Item, may_wait: bool) -> String {
        match self.sequencer.accept(item, may_wait, self.now, MEMORY) {
            Sequenced::Dropped => "dropped".to_owned(),
            Sequenced::Waits => "waits".to_owned(),
            Sequenced::Ready(items) => names(&items),
        }
    }

    fn after(&mut self, time: Duration) -> String {
        self.now += time;
        names(&self.sequencer.expire(self.now, WAIT))
    }
}

#[test]
fn items_are_put_in_order() {
    for dialect in [Dialect::Hub, Dialect::Pushpin] {
        let mut it = Script::new(dialect);
        assert_eq!(it.gets("1", ""), "1");
        assert_eq!(it.gets("3", "2"), "waits");
        assert_eq!(it.gets("4", "3"), "waits");
        assert_eq!(it.gets("2", "1"), "2 3 4");
        assert_eq!(it.gets("5", "4"), "5");
    }
}

#[test]
fn an_item_without_an_id_leaves_the_order_alone_at_the_hub() {
    for (dialect, then) in [(Dialect::Hub, "waits"), (Dialect::Pushpin, "3")] {
        let mut it = Script::new(dialect);
        it.gets("1", "");
        assert_eq!(it.gets("", ""), "-");
        assert_eq!(it.gets("3", "2"), then);
    }
}

#[test]
fn no_seq_leaves_the_order_alone() {
    let mut it = Script::new(Dialect::Pushpin);
    it.gets("1", "");
    let mut aside = item("x", "9");
    aside.no_seq = true;
    assert_eq!(it.accepts(aside, true), "x");
    assert_eq!(it.gets("x", "1"), "dropped");
    assert_eq!(it.gets("2", "1"), "2");
}

#[test]
fn an_id_that_came_a_moment_ago_is_a_duplicate() {
    let mut it = Script::new(Dialect::Hub);
    assert_eq!(it.gets("1", ""), "1");
    assert_eq!(it.gets("1", ""), "dropped");
    assert_eq!(it.after(MEMORY), "");
    assert_eq!(it.gets("1", ""), "1");
}

#[test]
fn a_gap_is_given_up_after_a_while() {
    let mut it = Script::new(Dialect::Hub);
    it.gets("1", "");
    assert_eq!(it.gets("3", "2"), "waits");
    it.now += Duration::from_secs(2);
    assert_eq!(it.gets("5", "4"), "waits");
    assert_eq!(it.after(Duration::from_secs(2)), "");
    assert_eq!(it.after(Duration::from_secs(1)), "3");
    assert_eq!(it.gets("4", "3"), "4 5");
}

#[test]
fn two_items_that_wait_for_the_same_one_are_one_for_pushpin() {
    for (dialect, again) in [(Dialect::Hub, "waits"), (Dialect::Pushpin, "dropped")] {
        let mut it = Script::new(dialect);
        it.gets("1", "");
        assert_eq!(it.gets("3", "2"), "waits");
        assert_eq!(it.gets("3b", "2"), again);
        assert_eq!(it.gets("2", "1"), "2 3");
    }
}

#[test]
fn no_more_items_wait_than_there_is_room_for() {
    for (dialect, last) in [(Dialect::Hub, "w0"), (Dialect::Pushpin, "dropped")] {
        let mut it = Script::new(dialect);
        it.gets("0", "");
        for n in 0..MAX_WAITING {
            assert_eq!(it.gets(&format!("w{n}"), &format!("x{n}")), "waits");
        }
        assert_eq!(it.gets("last", "x"), last);
        assert_eq!(it.sequencer.waiting.len(), MAX_WAITING);
    }
}

#[test]
fn a_gap_is_lost_at_once_if_nobody_may_wait() {
    let mut it = Script::new(Dialect::Hub);
    it.accepts(item("1", ""), false);
    assert_eq!(it.accepts(item("3", "2"), false), "3");
    assert_eq!(it.sequencer.last_id(), Some("3"));
}

#[test]
fn a_forgotten_order_begins_anew_and_knows_its_ids() {
    let mut it = Script::new(Dialect::Pushpin);
    it.gets("1", "");
    assert_eq!(it.gets("3", "2"), "waits");
    it.sequencer.forget_order();
    assert!(!it.sequencer.is_waiting());
    assert_eq!(it.sequencer.waiting_bytes(), 0);
    assert_eq!(it.gets("9", "8"), "9");
    assert_eq!(it.gets("3", "9"), "dropped");
}

/// What is done to a sequencer.
#[derive(Clone, Debug)]
enum Operation {
    Accept { item: Item, may_wait: bool },
    Pass(Duration),
    Expire,
    ForgetLast,
    Sweep,
}

fn operation() -> impl Strategy<Value = Operation> {
    // Few ids, so that they meet; an empty one is none.
    let id = || prop_oneof![1 => Just(String::new()), 8 => (0..12_u8).prop_map(|n| n.to_string())];
    let accept = (
        id(),
        id(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.9),
    );
    prop_oneof![
        10 => accept.prop_map(|(id, prev_id, no_seq, may_wait)| Operation::Accept {
            item: Item { number: 0, id, prev_id, no_seq },
            may_wait,
        }),
        2 => (0..40_u64).prop_map(|seconds| Operation::Pass(Duration::from_secs(seconds))),
        2 => Just(Operation::Expire),
        1 => Just(Operation::ForgetLast),
        1 => Just(Operation::Sweep),
    ]
}

/// What has to hold of a sequencer, whatever it does: which items came when, and what went out.
#[derive(Debug)]
struct Model {
    dialect: Dialect,
    now: Instant,
    /// When each id came that counted.
    seen: HashMap<String, Instant>,
    /// What waits, and since when, by the number of the item.
    waiting: HashMap<usize, (Instant, Item)>,
    last_id: Option<String>,
}

impl Model {
    fn accept(&mut self, item: &Item, may_wait: bool, got: &Sequenced<Item>) {
        if let Some(id) = item.id() {
            let is_known = |at: &Instant| self.now.duration_since(*at) < MEMORY;
            if self.seen.get(id).is_some_and(is_known) {
                assert_eq!(got, &Sequenced::Dropped, "{item:?} is a duplicate");
                return;
            }
            self.seen.insert(id.to_owned(), self.now);
        }
        let is_next = |last: &String| Some(&**last) == item.prev_id();
        let fits = item.prev_id().is_none() || self.last_id.as_ref().is_none_or(is_next);
        match got {
            Sequenced::Dropped => {
                let waits_for = |(_, it): &(Instant, Item)| it.prev_id == item.prev_id;
                assert_eq!(self.dialect, Dialect::Pushpin, "{item:?} is lost");
                assert!(!fits && may_wait && self.waiting.values().any(waits_for));
            }
            Sequenced::Waits => {
                assert!(
                    !fits && may_wait && !item.no_seq,
                    "{item:?} waits for nothing"
                );
                self.waiting.insert(item.number, (self.now, item.clone()));
            }
            Sequenced::Ready(ready) if item.no_seq => {
                assert_eq!(std::slice::from_ref(item), &**ready);
            }
            Sequenced::Ready(ready) => {
                assert!(fits || !may_wait, "{item:?} is not the next");
                assert_eq!(ready.first(), Some(item));
                self.deliver_run(ready);
            }
        }
    }

    /// One item, and those behind it, each of which waited for the one before it.
    fn deliver_run(&mut self, ready: &[Item]) {
        for (index, item) in ready.iter().enumerate() {
            if index > 0 {
                self.waiting.remove(&item.number).expect("it waited");
                assert_eq!(
                    item.prev_id(),
                    self.last_id.as_deref(),
                    "{item:?} does not follow"
                );
            }
            match item.id() {
                Some(id) => self.last_id = Some(id.to_owned()),
                None if self.dialect == Dialect::Pushpin => self.last_id = None,
                None => {}
            }
        }
        let end = ready.last().and_then(Item::id);
        let goes_on = |(_, it): &(Instant, Item)| end.is_some() && it.prev_id() == end;
        assert!(
            !self.waiting.values().any(goes_on),
            "more could have gone on"
        );
    }

    fn expire(&mut self, ready: &[Item]) {
        let mut rest = ready;
        while let [first, ..] = rest {
            let (since, _) = self.waiting.remove(&first.number).expect("it waited");
            assert!(
                self.now.duration_since(since) >= WAIT,
                "{first:?} is given up early"
            );
            let follows =
                |pair: &[Item]| pair[0].id().is_some() && pair[1].prev_id() == pair[0].id();
            let run = 1 + rest.windows(2).take_while(|pair| follows(pair)).count();
            self.deliver_run(&rest[..run]);
            rest = &rest[run..];
        }
        let is_over = |(since, _): &(Instant, Item)| self.now.duration_since(*since) >= WAIT;
        assert!(
            !self.waiting.values().any(is_over),
            "something waits too long"
        );
    }
}

proptest! {
    #[test]
    fn items_are_in_order_once_and_never_lost(
        dialect in prop_oneof![Just(Dialect::Hub), Just(Dialect::Pushpin)],
        operations in prop::collection::vec(operation(), 1..150),
    ) {
        let now = Instant::now();
        let mut sequencer = Sequencer::new(dialect, now);
        let (seen, waiting) = (HashMap::new(), HashMap::new());
        let mut model = Model { dialect, now, seen, waiting, last_id: None };
        for (number, operation) in operations.into_iter().enumerate() {
            match operation {
                Operation::Accept { item, may_wait } => {
                    let item = Item { number, ..item };
                    let got = sequencer.accept(item.clone(), may_wait, model.now, MEMORY);
                    model.accept(&item, may_wait, &got);
                }
                Operation::Pass(time) => model.now += time,
                Operation::Expire => model.expire(&sequencer.expire(model.now, WAIT)),
                Operation::ForgetLast => {
                    sequencer.forget_last();
                    model.last_id = None;
                }
                Operation::Sweep => sequencer.sweep(model.now, MEMORY),
            }
            prop_assert_eq!(sequencer.last_id(), model.last_id.as_deref());
            prop_assert_eq!(sequencer.is_waiting(), !model.waiting.is_empty());
            let bytes = model.waiting.values().map(|(_, item)| item.cost()).sum::<usize>();
            prop_assert_eq!(sequencer.waiting_bytes(), bytes);
        }
    }
}
