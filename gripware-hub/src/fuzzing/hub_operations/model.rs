//! What is known of items and clients from what was done, and what follows for what clients see.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::token::{Format, Token};
use crate::ConnectionKind;

/// The channels there are. Items that end holds, or have WebSockets ask the origin, are published on the last one only.
pub(super) const CHANNELS: [&str; 4] = ["a", "b", "c", "end"];
pub(super) const ENDING: usize = 3;

/// How long the hub waits for an item's predecessor, and remembers an id.
pub(super) const MESSAGE_WAIT: Duration = Duration::from_secs(2);
pub(super) const ID_MEMORY: Duration = Duration::from_secs(10);

/// What an item may take beyond the wait: the hub looks every 100 ms, and waits as long for slow
/// clients.
const SLACK: Duration = Duration::from_millis(500);

/// The order of what was done.
pub(super) type Step = usize;

/// A published item.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) step: Step,
    pub(super) at: Instant,
    pub(super) to: To,
    pub(super) id: Option<u32>,
    pub(super) prev_id: Option<u32>,
    pub(super) no_seq: bool,
    pub(super) is_duplicate: bool,
    pub(super) formats: Vec<Format>,
}

/// Whom an item, or an answer of the origin, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Channel(usize),
    Client(usize),
    /// Every stream with the next link that many have.
    Shared,
}

/// The body of an answer of the origin, and where the client is behind it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) to: To,
    pub(super) places: Places,
}

/// Where a client is in each channel.
pub(super) type Places = [Place; CHANNELS.len()];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// It may get any item.
    #[default]
    Any,
    /// The next item has to follow this one.
    After(u32),
}

#[derive(Debug, Default)]
pub(super) struct Channel {
    /// The id of the next item in order.
    pub(super) next: u32,
    /// An id that was left out.
    pub(super) skipped: Option<u32>,
    /// Whether the origin has said where the channel is, which the hub believes.
    pub(super) is_told: bool,
    /// The ids that are remembered.
    remembered: HashMap<u32, Instant>,
    /// Which item has an id, unless several have had it.
    by_id: HashMap<u32, Option<usize>>,
}

/// What is known of a client.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) number: usize,
    pub(super) kind: ConnectionKind,
    pub(super) subscriptions: Vec<Subscribed>,
    pub(super) has_shared_link: bool,
    pub(super) has_keep_alive: bool,
    /// From here on nothing that is published is for it.
    pub(super) closed_at: Option<Step>,
    /// Where it is in its channels, where that is known.
    pub(super) places: Option<Places>,
    /// How many tokens have been looked at.
    checked: usize,
    items: HashSet<usize>,
    pages: HashSet<usize>,
}

#[derive(Debug)]
pub(super) struct Subscribed {
    pub(super) channel: usize,
    pub(super) from: Step,
    pub(super) to: Option<Step>,
    /// Whether it ends when the hub has heard of it.
    is_ending: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) step: Step,
    pub(super) items: Vec<Item>,
    pub(super) pages: Vec<Page>,
    pub(super) channels: [Channel; CHANNELS.len()],
    pub(super) duplicates: u64,
}

impl Known {
    pub(super) fn new(number: usize, kind: ConnectionKind) -> Self {
        Self {
            number,
            kind,
            subscriptions: Vec::new(),
            has_shared_link: false,
            has_keep_alive: false,
            closed_at: None,
            places: None,
            checked: 0,
            items: HashSet::new(),
            pages: HashSet::new(),
        }
    }

    /// It may be subscribed to these channels from now on.
    pub(super) fn subscribe(&mut self, channels: &[usize], from: Step) {
        for channel in channels {
            let mut all = self.subscriptions.iter();
            if !all.any(|it| it.channel == *channel && !it.is_ending) {
                self.subscriptions.push(Subscribed {
                    channel: *channel,
                    from,
                    to: None,
                    is_ending: false,
                });
            }
        }
    }

    /// It is subscribed to none but these, once the hub has heard of it.
    pub(super) fn keep(&mut self, channels: &[usize]) {
        for subscribed in &mut self.subscriptions {
            subscribed.is_ending |= !channels.contains(&subscribed.channel);
        }
    }

    /// The hub has heard of everything that was done before this step.
    pub(super) fn settled(&mut self, step: Step) {
        for subscribed in self.subscriptions.iter_mut().filter(|it| it.is_ending) {
            subscribed.to.get_or_insert(step);
        }
    }

    pub(super) fn follows(&self, channel: usize) -> bool {
        let mut all = self.subscriptions.iter();
        all.any(|it| it.channel == channel && it.to.is_none())
    }
}

impl Item {
    /// Whether it may wait for another one.
    fn may_wait(&self) -> bool {
        self.prev_id.is_some() && !self.no_seq
    }

    /// Whether it has not to wait any more.
    fn is_due(&self, now: Instant) -> bool {
        !self.may_wait() || now >= self.at + MESSAGE_WAIT + SLACK
    }
}

impl Model {
    /// Notes an item. Whether its id is remembered is known only where the channel was followed all
    /// the time.
    pub(super) fn published(&mut self, mut item: Item) -> usize {
        let number = self.items.len();
        if let (To::Channel(channel), Some(id)) = (item.to, item.id) {
            let channel = &mut self.channels[channel];
            let remembered = channel.remembered.get(&id);
            item.is_duplicate = remembered.is_some_and(|it| item.at - *it < ID_MEMORY);
            if item.is_duplicate {
                self.duplicates += 1;
            } else {
                channel.remembered.insert(id, item.at);
            }
            let known = channel.by_id.entry(id);
            known.and_modify(|it| *it = None).or_insert(Some(number));
        }
        self.items.push(item);
        number
    }

    /// Whether an item has been handed out by now, if its channel is followed.
    pub(super) fn is_due(&self, number: usize, now: Instant) -> bool {
        let item = &self.items[number];
        item.is_due(now) || self.is_released(item, now)
    }

    /// Whether the one that an item waited for has come, and no other item waited for it.
    fn is_released(&self, item: &Item, now: Instant) -> bool {
        let (To::Channel(channel), Some(prev_id)) = (item.to, item.prev_id) else {
            return false;
        };
        let Some(Some(awaited)) = self.channels[channel].by_id.get(&prev_id) else {
            return false;
        };
        let awaited = &self.items[*awaited];
        let same = self.items.iter();
        let same = same.filter(|it| it.to == item.to && it.prev_id == item.prev_id);
        awaited.step > item.step && !awaited.no_seq && awaited.is_due(now) && same.count() == 1
    }

    /// Looks at what a client was told since the last time.
    pub(super) fn check(&self, known: &mut Known, tokens: &[Token], is_followed: bool) {
        for token in &tokens[known.checked..] {
            match *token {
                Token::Item(number, format) => {
                    self.check_item(known, number, format, is_followed);
                }
                Token::Page(number) => self.check_page(known, number),
                Token::Stored(number) => {
                    assert_eq!(number, known.number, "another one's stored response");
                }
                Token::KeepAlive => assert!(known.has_keep_alive),
            }
        }
        known.checked = tokens.len();
    }

    fn check_item(&self, known: &mut Known, number: usize, format: Format, is_followed: bool) {
        let item = &self.items[number];
        let kind = match format {
            Format::Stream => ConnectionKind::Stream,
            Format::Response => ConnectionKind::Response,
            Format::Message => ConnectionKind::WebSocket,
        };
        assert_eq!(kind, known.kind, "{item:?}");
        assert!(known.items.insert(number), "twice: {item:?}");
        assert!(!is_followed || !item.is_duplicate, "a duplicate: {item:?}");
        let closed = known.closed_at;
        assert!(
            closed.is_none_or(|closed| item.step <= closed),
            "behind the end: {item:?}"
        );
        match item.to {
            To::Client(client) => assert_eq!(client, known.number, "{item:?}"),
            To::Channel(channel) => {
                Self::check_subscription(known, item, channel);
                self.check_order(known, item, channel);
                Self::check_place(known, item, channel);
            }
            To::Shared => unreachable!(),
        }
    }

    /// Somebody was subscribed when it was handed out.
    fn check_subscription(known: &Known, item: &Item, channel: usize) {
        let is_subscribed = known.subscriptions.iter().any(|it| {
            it.channel == channel
                && it.to.is_none_or(|to| item.step <= to)
                && (item.may_wait() || it.from <= item.step)
        });
        assert!(is_subscribed, "{item:?} is not for {known:?}");
    }

    /// None that follows it, and was published later, has come before it.
    fn check_order(&self, known: &Known, item: &Item, channel: usize) {
        let Some(id) = item.id else {
            return;
        };
        let is_unique = matches!(self.channels[channel].by_id.get(&id), Some(Some(_)));
        if !is_unique || self.channels[channel].is_told {
            return;
        }
        for number in &known.items {
            let other = &self.items[*number];
            assert!(
                other.to != item.to
                    || other.prev_id != Some(id)
                    || other.no_seq
                    || other.step <= item.step,
                "{other:?} has come before {item:?}"
            );
        }
    }

    /// It follows what the client has seen.
    fn check_place(known: &mut Known, item: &Item, channel: usize) {
        let Some(places) = &mut known.places else {
            return;
        };
        if item.no_seq {
            return;
        }
        let place = &mut places[channel];
        if let Place::After(id) = *place {
            assert_eq!(item.prev_id, Some(id), "{item:?} does not follow");
            *place = item.id.map_or(Place::Any, Place::After);
        }
    }

    fn check_page(&self, known: &mut Known, number: usize) {
        let page = &self.pages[number];
        let is_its = match page.to {
            To::Client(client) => client == known.number,
            To::Shared => known.has_shared_link,
            To::Channel(_) => false,
        };
        assert!(is_its, "{page:?} is not for {known:?}");
        assert!(known.pages.insert(number), "twice: {page:?}");
        if known.places.is_some() {
            known.places = Some(page.places);
        }
    }
}
