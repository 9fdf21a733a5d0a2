//! Which channels are followed, and in which order items are delivered on them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use gripware_core::proxy::{Dialect, Sequenced, Sequencer};

use crate::Published;

/// The channels, each with its order. A channel without subscribers has none, as in Pushpin.
///
/// No time passes: ids are remembered for good, and an item waits until it is told that it has
/// waited long enough.
#[derive(Debug)]
pub(super) struct Order {
    channels: BTreeMap<String, Followed>,
    now: Instant,
}

/// A channel that somebody is subscribed to, or on which something came.
#[derive(Debug)]
struct Followed {
    sequencer: Sequencer<Published>,
    subscribers: usize,
    /// Long-polls come back, so their channels are followed in between.
    lingers: bool,
}

impl Followed {
    fn is_followed(&self) -> bool {
        self.subscribers > 0 || self.lingers
    }
}

impl Default for Order {
    fn default() -> Self {
        Self {
            channels: BTreeMap::new(),
            now: Instant::now(),
        }
    }
}

impl Order {
    /// Takes an item, and returns those that are to be delivered now.
    pub(super) fn accept(&mut self, published: Published) -> Vec<Published> {
        let now = self.now;
        let channel = self.channel(published.channel());
        let may_wait = channel.is_followed();
        let sequenced = channel
            .sequencer
            .accept(published, may_wait, now, Duration::MAX);
        if !may_wait {
            channel.sequencer.forget_order();
        }
        match sequenced {
            Sequenced::Ready(ready) => ready,
            Sequenced::Waits | Sequenced::Dropped => Vec::new(),
        }
    }

    /// Returns the items that waited, as a proxy does after 5 s.
    pub(super) fn expire(&mut self) -> Vec<Published> {
        let channels = self.channels.values_mut();
        channels
            .flat_map(|channel| channel.sequencer.expire(self.now, Duration::ZERO))
            .collect()
    }

    /// Adds a subscriber. Returns whether nobody followed the channel before.
    pub(super) fn subscribe(&mut self, channel: &str, lingers: bool) -> bool {
        let channel = self.channel(channel);
        let is_first = !channel.is_followed();
        channel.subscribers += 1;
        channel.lingers |= lingers;
        is_first
    }

    /// Removes a subscriber, and with the last one the order.
    pub(super) fn unsubscribe(&mut self, channel: &str) {
        let channel = self.channel(channel);
        channel.subscribers = channel.subscribers.saturating_sub(1);
        if !channel.is_followed() {
            channel.sequencer.forget_order();
        }
    }

    /// Whether the last id of a channel is another than the one that an origin goes on from. It is
    /// then forgotten, so that the origin's word counts the next time.
    pub(super) fn contradicts(&mut self, channel: &str, prev_id: Option<&str>) -> bool {
        let sequencer = &mut self.channel(channel).sequencer;
        let last_id = sequencer.last_id();
        let contradicts = prev_id.is_some() && last_id.is_some() && last_id != prev_id;
        if contradicts {
            sequencer.forget_last();
        }
        contradicts
    }

    /// Forgets the last id of a channel.
    pub(super) fn forget_last(&mut self, channel: &str) {
        self.channel(channel).sequencer.forget_last();
    }

    fn channel(&mut self, name: &str) -> &mut Followed {
        let now = self.now;
        let unknown = || Followed {
            sequencer: Sequencer::new(Dialect::Pushpin, now),
            subscribers: 0,
            lingers: false,
        };
        self.channels.entry(name.to_owned()).or_insert_with(unknown)
    }
}

#[cfg(test)]
mod tests {
    use gripware_core::{Item, WsMessage};

    use super::*;

    fn item(id: &str, prev_id: &str) -> Published {
        let item = Item::from(WsMessage::text(id)).id(id).prev_id(prev_id);
        Published::new("a", item.into_parts().unwrap())
    }

    fn ids(published: &[Published]) -> Vec<&str> {
        let ids = published.iter().map(|it| it.parts().id.as_deref());
        ids.map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn only_channels_with_subscribers_are_ordered() {
        let mut order = Order::default();
        assert_eq!(ids(&order.accept(item("1", "0"))), ["1"]);
        assert_eq!(ids(&order.accept(item("3", "2"))), ["3"]);
        assert!(order.accept(item("3", "2")).is_empty());
        assert!(order.subscribe("a", false));
        assert_eq!(ids(&order.accept(item("5", "4"))), ["5"]);
        assert!(order.accept(item("7", "6")).is_empty());
        assert_eq!(ids(&order.expire()), ["7"]);
    }

    #[test]
    fn the_last_subscriber_takes_the_order_along_unless_it_is_a_long_poll() {
        for (lingers, first_again) in [(false, true), (true, false)] {
            let mut order = Order::default();
            order.subscribe("a", lingers);
            order.accept(item("1", "0"));
            order.unsubscribe("a");
            assert_eq!(order.subscribe("a", lingers), first_again);
            assert_eq!(order.contradicts("a", Some("0")), lingers);
            assert!(!order.contradicts("a", Some("0")), "once");
        }
    }
}
