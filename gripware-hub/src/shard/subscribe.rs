//! Which connections of the shard follow which channel.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use gripware_core::{Channel, Filter};

use super::{
    Message, Shard,
    connection::{Connection, State},
    timers::ConnectionKey,
};
use crate::{channels::shrink::shrink, session::subscription::Subscription};

/// The connections of a shard by channel.
#[derive(Debug, Default)]
pub(super) struct Followers {
    channels: HashMap<Arc<str>, Vec<Follower>>,
    last_mark: u16,
}

/// One subscription, as its channel knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower {
    /// The connection's place among the shard's connections.
    pub(super) key: u32,
    /// The subscription's place among the connection's, of which there are 10 000 at most.
    pub(super) index: u16,
    /// The mark that it waits for, or 0: no item that was published before it came is for it.
    mark: u16,
}

/// A place in the shard's inbox: what came before it was published before a channel was followed.
///
/// A hold takes its place in the inbox by itself. What the origin answers to the shard does not, and
/// without a mark it would overtake items that the inbox has already: the client would get, behind an
/// answer, what the origin knew when it made it.
#[derive(Debug)]
pub(crate) struct Mark {
    connection: ConnectionKey,
    channel: Arc<str>,
    number: u16,
}

/// A connection was to follow more channels than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverLimit;

impl Followers {
    pub(super) fn of(&self, channel: &str) -> &[Follower] {
        self.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    /// How many channels have any.
    #[cfg(any(test, fuzzing))]
    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    /// Returns a number for a mark. Numbers come again after so many that the one before is gone.
    fn next_mark(&mut self) -> u16 {
        self.last_mark = self.last_mark.checked_add(1).unwrap_or(1);
        self.last_mark
    }

    /// Adds one; gives its position.
    fn insert(&mut self, channel: &Arc<str>, follower: Follower) -> u32 {
        let list = self.channels.entry(Arc::clone(channel)).or_default();
        list.push(follower);
        (list.len() - 1) as u32
    }

    /// Removes the one at a position. Gives the one that has the position now, and whether the
    /// channel has none any more.
    fn remove(&mut self, channel: &Arc<str>, position: u32) -> (Option<Follower>, bool) {
        let Some(list) = self.channels.get_mut(channel) else {
            return (None, true);
        };
        let position = position as usize;
        if position < list.len() {
            list.swap_remove(position);
        }
        let moved = list.get(position).copied();
        let is_empty = list.is_empty();
        if is_empty {
            self.channels.remove(channel);
        } else if list.len() < list.capacity() / 4 {
            list.shrink_to(list.len() * 2);
        }
        (moved, is_empty)
    }

    /// Gives back the room that more channels needed.
    pub(super) fn shrink(&mut self) {
        shrink(&mut self.channels);
    }

    /// Lets one have items from now on, if this is the mark that it waits for.
    fn reach(&mut self, channel: &str, position: u32, mark: u16) {
        let list = self.channels.get_mut(channel);
        let follower = list.and_then(|list| list.get_mut(position as usize));
        if let Some(follower) = follower.filter(|it| it.mark == mark) {
            follower.mark = 0;
        }
    }

    fn renumber(&mut self, channel: &Arc<str>, position: u32, index: u16) {
        let list = self.channels.get_mut(channel);
        if let Some(follower) = list.and_then(|list| list.get_mut(position as usize)) {
            follower.index = index;
        }
    }
}

impl Follower {
    /// Whether items are for it that are handed out now.
    pub(super) fn is_reached(&self) -> bool {
        self.mark == 0
    }
}

impl Shard {
    /// Follows a channel, from the place that the origin names. Gives the last id that was
    /// published there, or an error if the connection follows as many as it may.
    pub(super) fn subscribe(
        &self,
        connection: &Connection,
        state: &mut State,
        channel: &Channel,
    ) -> Result<Option<Box<str>>, OverLimit> {
        let filters: Box<[Filter]> = channel.filters().into();
        let place = channel.prev_id().map(Into::into);
        let mut known = state.session.client.subscriptions.iter_mut();
        if let Some(known) = known.find(|it| *it.channel == *channel.name()) {
            known.filters = filters;
            known.place = place;
            return Ok(None);
        }
        let limit = self.shared.settings.max_channels;
        if state.session.client.subscriptions.len() >= limit {
            return Err(OverLimit);
        }
        let kind = state.session.kind();
        let registry = &self.shared.registry;
        let mark = self.mark(connection, channel.name());
        let (name, last) = registry.subscribe(channel.name(), self.index, kind);
        self.shared.metrics.subscriptions.of(kind).add(1);
        let follower = Follower {
            key: connection.key.key,
            index: state.session.client.subscriptions.len() as u16,
            mark,
        };
        let position = self.followers.borrow_mut().insert(&name, follower);
        // Most have one, and none has many.
        state.session.client.subscriptions.reserve_exact(1);
        state.session.client.subscriptions.push(Subscription {
            channel: name,
            filters,
            place,
            position,
        });
        Ok(last)
    }

    /// Puts a mark into the inbox, unless what is done now has its place there. Returns its number.
    fn mark(&self, connection: &Connection, channel: &str) -> u16 {
        if self.is_in_turn.get() {
            return 0;
        }
        let number = self.followers.borrow_mut().next_mark();
        self.shared.send(
            self.index,
            Message::Mark(Mark {
                connection: connection.key,
                channel: channel.into(),
                number,
            }),
        );
        number
    }

    /// Everything has been handed out that was published before a channel was followed.
    pub(super) fn reach(&self, mark: &Mark) {
        let connections = self.connections.borrow();
        let connection = connections.get(mark.connection.key as usize);
        let Some(connection) = connection.filter(|it| it.key == mark.connection) else {
            return;
        };
        connection.with(|state| {
            let mut all = state.session.client.subscriptions.iter();
            if let Some(found) = all.find(|it| it.channel == mark.channel) {
                let mut followers = self.followers.borrow_mut();
                followers.reach(&mark.channel, found.position, mark.number);
            }
        });
    }

    /// Follows a channel no longer.
    pub(super) fn unsubscribe(&self, connection: &Connection, state: &mut State, index: usize) {
        if index >= state.session.client.subscriptions.len() {
            return;
        }
        let removed = state.session.client.subscriptions.swap_remove(index);
        let (moved, is_empty) = {
            let mut followers = self.followers.borrow_mut();
            if let Some(moved) = state.session.client.subscriptions.get(index) {
                followers.renumber(&moved.channel, moved.position, index as u16);
            }
            followers.remove(&removed.channel, removed.position)
        };
        if let Some(moved) = moved {
            self.reposition(connection, state, moved, removed.position);
        }
        let kind = state.session.kind();
        let registry = &self.shared.registry;
        registry.unsubscribe(&removed.channel, self.index, kind, is_empty);
        self.shared.metrics.subscriptions.of(kind).sub(1);
    }

    pub(super) fn unsubscribe_all(&self, connection: &Connection, state: &mut State) {
        while let Some(last) = state.session.client.subscriptions.len().checked_sub(1) {
            self.unsubscribe(connection, state, last);
        }
        state.session.client.subscriptions = Vec::new();
    }

    /// Follows these channels, and no others.
    pub(super) fn resubscribe(
        self: &Rc<Self>,
        connection: &Connection,
        state: &mut State,
        channels: &[Channel],
    ) -> Result<bool, OverLimit> {
        // First what is followed no longer, so that it does not count.
        self.unsubscribe_others(connection, state, channels);
        let mut contradicts = false;
        for channel in channels {
            let last = self.subscribe(connection, state, channel)?;
            contradicts |= match (&last, channel.prev_id()) {
                (Some(last), Some(prev_id)) => **last != *prev_id,
                _ => false,
            };
        }
        Ok(contradicts)
    }

    fn unsubscribe_others(&self, connection: &Connection, state: &mut State, channels: &[Channel]) {
        let mut index = 0;
        while let Some(subscription) = state.session.client.subscriptions.get(index) {
            if channels
                .iter()
                .any(|it| *it.name() == *subscription.channel)
            {
                index += 1;
            } else {
                self.unsubscribe(connection, state, index);
            }
        }
    }

    /// Tells a subscription where it stands in the list of its channel.
    fn reposition(
        &self,
        connection: &Connection,
        state: &mut State,
        moved: Follower,
        position: u32,
    ) {
        let set = |state: &mut State| {
            if let Some(subscription) = state
                .session
                .client
                .subscriptions
                .get_mut(usize::from(moved.index))
            {
                subscription.position = position;
            }
        };
        if moved.key == connection.key.key {
            set(state);
        } else if let Some(other) = self.connections.borrow().get(moved.key as usize) {
            other.with(set);
        }
    }
}
