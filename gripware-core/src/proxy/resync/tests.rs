use proptest::prelude::*;

use super::*;

/// The item of a channel after `n - 1` others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    channel: &'static str,
    id: String,
    prev_id: String,
}

impl Sequential for Item {
    fn channel(&self) -> &str {
        self.channel
    }

    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn prev_id(&self) -> Option<&str> {
        Some(&self.prev_id)
    }

    fn no_seq(&self) -> bool {
        false
    }

    fn cost(&self) -> usize {
        1
    }
}

fn item(channel: &'static str, n: usize) -> Item {
    Item {
        channel,
        id: n.to_string(),
        prev_id: (n - 1).to_string(),
    }
}

#[test]
fn nothing_is_buffered_unless_the_origin_is_asked() {
    let mut resync = Resync::default();
    assert!(!resync.buffer(&item("a", 1)));
    assert!(!resync.ask());
    resync.want();
    assert!(resync.buffer(&item("a", 2)));
    assert!(resync.ask());
    assert!(!resync.ask(), "once");
    assert_eq!(resync.resume(|_| Some(true)), [item("a", 2)]);
    assert_eq!(resync.state(), ResyncState::Synced);
}

#[test]
fn an_answer_is_too_old_if_more_was_missed_meanwhile() {
    let mut resync = Resync::default();
    resync.want();
    resync.ask();
    assert!(resync.buffer(&item("a", 2)));
    resync.want();
    assert_eq!(resync.resume(|_| Some(true)), []);
    assert_eq!(resync.state(), ResyncState::Wanted);
}

#[test]
fn what_is_too_much_is_asked_for() {
    let mut resync = Resync::default();
    resync.want();
    for n in 1..=MAX_BUFFERED + 1 {
        assert!(resync.buffer(&item("a", n)));
    }
    // The answer to a request that goes out now has them all.
    resync.ask();
    assert_eq!(resync.resume(|_| Some(true)), []);
    assert_eq!(resync.state(), ResyncState::Synced);
    resync.want();
    resync.ask();
    for n in 1..=MAX_BUFFERED + 1 {
        assert!(resync.buffer(&item("a", n)));
    }
    assert_eq!(resync.resume(|_| Some(true)), []);
    assert_eq!(resync.state(), ResyncState::Wanted);
}

#[test]
fn what_is_buffered_waits_for_the_last_page() {
    let mut resync = Resync::default();
    resync.want();
    resync.ask();
    assert!(resync.buffer(&item("a", 2)));
    resync.want_page();
    assert!(resync.ask());
    assert_eq!(resync.resume(|_| Some(true)), [item("a", 2)]);
}

#[test]
fn each_channel_goes_on_from_its_own_place() {
    let mut resync = Resync::default();
    resync.want();
    resync.ask();
    let (one, other) = (|n| item("a", n), |n| item("b", n));
    for item in [one(4), other(8), one(5), item("c", 1), other(9), one(6)] {
        assert!(resync.buffer(&item));
    }
    let ready = resync.resume(|item| match item.channel {
        "a" => Some(item.prev_id == "4"),
        "b" => Some(item.prev_id == "7"),
        _ => None,
    });
    assert_eq!(ready, [other(8), one(5), other(9), one(6)]);
}

/// What happens between an origin, its proxy and one client that is held.
#[derive(Clone, Copy, Debug)]
enum Operation {
    /// The origin notes an item for one of two channels, and publishes it. It may be lost.
    Publish { channel: usize, arrives: bool },
    /// The request goes out, and the origin answers with all that it has.
    Ask,
    /// The answer arrives.
    Answer,
    /// A part of it arrives, which says where the rest is.
    Page,
    /// An item asks for it, or the time of a next link has run out.
    Want,
}

fn operation() -> impl Strategy<Value = Operation> {
    let arrives = prop::bool::weighted(0.8);
    prop_oneof![
        8 => (0..2_usize, arrives)
            .prop_map(|(channel, arrives)| Operation::Publish { channel, arrives }),
        2 => Just(Operation::Ask),
        2 => Just(Operation::Answer),
        1 => Just(Operation::Page),
        1 => Just(Operation::Want),
    ]
}

const CHANNELS: [&str; 2] = ["a", "b"];

#[derive(Debug, Default)]
struct Play {
    resync: Resync<Item>,
    /// How many items of each channel the origin has.
    origin: [usize; 2],
    /// How many it had when it answered last.
    answer: [usize; 2],
    /// How many of each the client has got: they are numbered, and come in order.
    client: [usize; 2],
    /// How many there were when it was last found that the client misses something.
    missed: [usize; 2],
}

impl Play {
    fn arrives(&mut self, item: &Item) {
        if self.resync.buffer(item) {
            return;
        }
        let place = &mut self.client[usize::from(item.channel == "b")];
        if item.prev_id == place.to_string() {
            *place += 1;
        } else {
            self.want();
        }
    }

    fn want(&mut self) {
        self.resync.want();
        self.missed = self.origin;
    }

    fn ask(&mut self) {
        if self.resync.ask() {
            self.answer = self.origin;
        }
    }

    fn page(&mut self) {
        if self.resync.state() != ResyncState::Asked {
            return;
        }
        for (place, there) in self.client.iter_mut().zip(self.answer) {
            *place += (there - *place) / 2;
        }
        self.resync.want_page();
    }

    fn answer(&mut self) {
        if self.resync.state() != ResyncState::Asked {
            return;
        }
        for (place, there) in self.client.iter_mut().zip(self.answer) {
            assert!(there >= *place, "the client was ahead of an answer");
            *place = there;
        }
        let places = self.client;
        let ready = self.resync.resume(|item| {
            let place = places[usize::from(item.channel == "b")];
            Some(item.prev_id == place.to_string())
        });
        for channel in CHANNELS {
            let first = ready.iter().find(|item| item.channel == channel);
            let place = self.client[usize::from(channel == "b")].to_string();
            assert!(first.is_none_or(|item| item.prev_id == place), "{first:?}");
        }
        if self.resync.state() == ResyncState::Synced {
            let mut both = self.client.iter().zip(self.missed);
            assert!(both.all(|(place, missed)| *place >= missed), "{self:?}");
        }
        for item in ready {
            self.arrives(&item);
        }
    }
}

proptest! {
    #[test]
    fn a_client_gets_each_item_once_and_in_order(
        operations in prop::collection::vec(operation(), 1..300),
    ) {
        let mut play = Play::default();
        for operation in operations {
            match operation {
                Operation::Publish { channel, arrives } => {
                    play.origin[channel] += 1;
                    if arrives {
                        play.arrives(&item(CHANNELS[channel], play.origin[channel]));
                    }
                }
                Operation::Ask => play.ask(),
                Operation::Answer => play.answer(),
                Operation::Page => play.page(),
                Operation::Want => play.want(),
            }
        }
        // Once nothing is published any more, one request brings the rest: two, where the answer
        // to one before is too old.
        play.want();
        for _ in 0..2 {
            play.ask();
            play.answer();
        }
        prop_assert_eq!(play.resync.state(), ResyncState::Synced);
        prop_assert_eq!(play.client, play.origin);
    }
}
