//! An item reaches those who follow its channel.

use std::{rc::Rc, sync::Arc};

use super::{
    Shard,
    batch::Batch,
    connection::{Connection, State},
    deliver::Delivery,
};
use crate::{
    channels::encoded_item::EncodedItem,
    clock,
    session::{Effect, Session, subscription::Subscription},
    ws::Action,
};

impl Shard {
    /// Hands items of one channel to all who follow it.
    pub(super) fn fan_out(self: &Rc<Self>, items: &[Arc<EncodedItem>]) {
        let Some(first) = items.first() else {
            return;
        };
        let now = clock::now();
        let run = Batch::new(items);
        let mut after = Vec::new();
        {
            let followers = self.followers.borrow();
            let connections = self.connections.borrow();
            let mut delivery = Delivery::new(self, now);
            for follower in followers.of(&first.channel) {
                let Some(connection) = connections.get(follower.key as usize) else {
                    continue;
                };
                let mut state = connection.state.borrow_mut();
                let index = usize::from(follower.index);
                match delivery.take(&run, connection, &mut state, index) {
                    Effect::Idle => {}
                    Effect::Write => self.has_to_write(connection),
                    then => {
                        let actions = std::mem::take(&mut delivery.actions);
                        after.push((Rc::clone(connection), then, actions));
                    }
                }
            }
        }
        for (connection, then, actions) in after {
            self.guard(&connection, || self.follow_up(&connection, then, actions));
        }
    }

    /// Hands an item to one connection, whatever it is subscribed to; whether it had a format for
    /// it.
    pub(super) fn hand_over(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        item: &Arc<EncodedItem>,
    ) -> bool {
        let mut state = connection.state.borrow_mut();
        let has_format = match state.sink {
            Session::Response(_) => item.response.is_some(),
            Session::Stream(_) => item.stream.is_some(),
            Session::WebSocket(_) => item.socket.is_some(),
        };
        if !has_format || state.end.is_some() || connection.is_gone.get() {
            return false;
        }
        // As if by a subscription of its own, which has no filters and no place.
        let index = state.subscriptions.len();
        state.subscriptions.push(Subscription {
            channel: Arc::clone(&item.channel),
            filters: Box::default(),
            place: None,
            position: 0,
        });
        let (then, actions) = self.deliver_to(connection, &mut state, item, index);
        state.subscriptions.truncate(index);
        drop(state);
        self.follow_up(connection, then, actions);
        true
    }

    /// Hands an item to one connection, for one of its subscriptions.
    pub(super) fn deliver_to(
        &self,
        connection: &Connection,
        state: &mut State,
        item: &Arc<EncodedItem>,
        index: usize,
    ) -> (Effect, Vec<Action>) {
        let mut delivery = Delivery::new(self, clock::now());
        let then = delivery.take_each(std::slice::from_ref(item), connection, state, index);
        (then, std::mem::take(&mut delivery.actions))
    }

    /// Does what a connection needs after something came for it.
    pub(super) fn follow_up(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        then: Effect,
        actions: Vec<Action>,
    ) {
        match then {
            Effect::Idle => {}
            Effect::Write => self.has_to_write(connection),
            Effect::Ask => {
                self.has_to_write(connection);
                self.ask(connection);
            }
            Effect::Converse => self.act(connection, actions),
            Effect::End => self.finish_answered(connection),
            Effect::Cut => self.cut(connection),
        }
    }
}
