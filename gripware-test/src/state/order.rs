use std::collections::{BTreeMap, HashSet};

use crate::Published;

/// How many items of one channel wait for an earlier one.
const MAX_WAITING: usize = 100;

/// Sees to it that an item is delivered once, and after those before it (GRIP 3.6).
///
/// No time passes: ids are remembered for good, and an item waits until it is told that it has
/// waited long enough.
#[derive(Debug, Default)]
pub(super) struct Order {
    seen: HashSet<(String, String)>,
    channels: BTreeMap<String, Followed>,
    waiting: Vec<Published>,
}

/// A channel that somebody is subscribed to, or was a moment ago.
#[derive(Debug, Default)]
struct Followed {
    last_id: Option<String>,
    subscribers: usize,
    /// Long-polls come back, so their channels are followed in between.
    lingers: bool,
}

impl Order {
    /// Takes an item, and gives those that are to be delivered now.
    pub(super) fn accept(&mut self, published: Published) -> Vec<Published> {
        let parts = published.parts();
        let channel = published.channel().to_owned();
        if let Some(id) = &parts.id
            && !self.seen.insert((channel.clone(), id.clone()))
        {
            return Vec::new();
        }
        let Some(followed) = self.channels.get(&channel).filter(|_| !parts.no_seq) else {
            return vec![published];
        };
        if let (Some(last), Some(prev)) = (&followed.last_id, &parts.prev_id)
            && last != prev
        {
            let mut same = self.waiting.iter().filter(|it| it.channel() == channel);
            let is_taken = same.clone().any(|it| it.parts().prev_id == parts.prev_id);
            if !is_taken && same.nth(MAX_WAITING - 1).is_none() {
                self.waiting.push(published);
            }
            return Vec::new();
        }
        self.release(published)
    }

    /// Gives the items that waited, as a proxy does after 5 s.
    pub(super) fn expire(&mut self) -> Vec<Published> {
        let mut ready = Vec::new();
        while !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            ready.extend(self.release(next));
        }
        ready
    }

    /// An item whose turn it is, and those that waited for it.
    fn release(&mut self, published: Published) -> Vec<Published> {
        let channel = published.channel().to_owned();
        let mut ready = vec![published];
        loop {
            let id = ready.last().and_then(|it| it.parts().id.clone());
            if let Some(followed) = self.channels.get_mut(&channel) {
                followed.last_id.clone_from(&id);
            }
            let follows = |it: &Published| it.channel() == channel && it.parts().prev_id == id;
            let Some(next) = id
                .as_ref()
                .and_then(|_| self.waiting.iter().position(follows))
            else {
                return ready;
            };
            ready.push(self.waiting.remove(next));
        }
    }

    /// Somebody subscribes. Says whether nobody followed the channel before.
    pub(super) fn subscribe(&mut self, channel: &str, lingers: bool) -> bool {
        let is_first = !self.channels.contains_key(channel);
        let followed = self.channels.entry(channel.to_owned()).or_default();
        followed.subscribers += 1;
        followed.lingers |= lingers;
        is_first
    }

    /// A subscriber is gone. With the last one, all that is known of the channel is forgotten.
    pub(super) fn unsubscribe(&mut self, channel: &str) {
        if let Some(followed) = self.channels.get_mut(channel) {
            followed.subscribers = followed.subscribers.saturating_sub(1);
            if followed.subscribers == 0 && !followed.lingers {
                self.channels.remove(channel);
                self.waiting.retain(|it| it.channel() != channel);
            }
        }
    }

    /// Whether the last id of a channel is another than the one that an origin goes on from. It is
    /// then forgotten, so that the origin's word counts the next time.
    pub(super) fn contradicts(&mut self, channel: &str, prev_id: Option<&str>) -> bool {
        let Some(followed) = self.channels.get_mut(channel) else {
            return false;
        };
        let contradicts = prev_id.is_some()
            && followed.last_id.is_some()
            && followed.last_id.as_deref() != prev_id;
        if contradicts {
            followed.last_id = None;
        }
        contradicts
    }

    /// Forgets the last id of a channel.
    pub(super) fn forget_last(&mut self, channel: &str) {
        if let Some(followed) = self.channels.get_mut(channel) {
            followed.last_id = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use gripware_core::{Item, WsMessage};

    use super::*;

    fn item(id: &str, prev_id: &str) -> Published {
        let mut item = Item::from(WsMessage::text(id));
        if !id.is_empty() {
            item = item.id(id);
        }
        if !prev_id.is_empty() {
            item = item.prev_id(prev_id);
        }
        Published::new("a".to_owned(), item).unwrap()
    }

    fn ids(published: &[Published]) -> Vec<&str> {
        let ids = published.iter().map(|it| it.parts().id.as_deref());
        ids.map(Option::unwrap_or_default).collect()
    }

    fn followed() -> Order {
        let mut order = Order::default();
        assert!(order.subscribe("a", false));
        order
    }

    #[test]
    fn an_id_is_delivered_once() {
        let mut order = followed();
        assert_eq!(ids(&order.accept(item("1", ""))), ["1"]);
        assert!(order.accept(item("1", "")).is_empty());
    }

    #[test]
    fn a_gap_is_waited_for() {
        let mut order = followed();
        assert_eq!(ids(&order.accept(item("1", ""))), ["1"]);
        assert!(order.accept(item("3", "2")).is_empty());
        assert_eq!(ids(&order.accept(item("2", "1"))), ["2", "3"]);
        assert_eq!(ids(&order.accept(item("4", "3"))), ["4"]);
    }

    #[test]
    fn what_waited_long_enough_is_delivered() {
        let mut order = followed();
        order.accept(item("1", ""));
        order.accept(item("3", "2"));
        order.accept(item("4", "3"));
        assert_eq!(ids(&order.expire()), ["3", "4"]);
        assert_eq!(ids(&order.accept(item("5", "4"))), ["5"]);
    }

    #[test]
    fn only_channels_with_subscribers_are_ordered() {
        let mut order = Order::default();
        assert_eq!(ids(&order.accept(item("1", ""))), ["1"]);
        assert_eq!(ids(&order.accept(item("3", "2"))), ["3"]);
    }

    #[test]
    fn no_seq_leaves_the_order_alone() {
        let mut order = followed();
        order.accept(item("1", ""));
        let aside = Item::from(WsMessage::text("x"))
            .id("x")
            .prev_id("9")
            .no_seq();
        let aside = Published::new("a".to_owned(), aside).unwrap();
        assert_eq!(ids(&order.accept(aside)), ["x"]);
        assert_eq!(ids(&order.accept(item("2", "1"))), ["2"]);
    }

    #[test]
    fn the_last_subscriber_takes_the_order_along_unless_it_is_a_long_poll() {
        for (lingers, first_again) in [(false, true), (true, false)] {
            let mut order = Order::default();
            order.subscribe("a", lingers);
            order.accept(item("1", ""));
            order.unsubscribe("a");
            assert_eq!(order.subscribe("a", lingers), first_again);
            assert_eq!(order.contradicts("a", Some("0")), lingers);
            assert!(!order.contradicts("a", Some("0")), "once");
        }
    }
}
