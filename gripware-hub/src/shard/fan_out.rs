//! An item reaches those who follow its channel.

use std::{rc::Rc, sync::Arc};

use super::{
    Shard,
    batch::Run,
    connection::{Connection, State},
    deliver::Taker,
};
use crate::{
    channels::encoded_item::Parcel,
    clock,
    session::{Sink, Then, subscription::Subscription},
    ws::Action,
};

impl Shard {
    /// Hands items of one channel to all who follow it.
    pub(super) fn fan_out(self: &Rc<Self>, parcels: &[Arc<Parcel>]) {
        let Some(first) = parcels.first() else {
            return;
        };
        let now = clock::now();
        let run = Run::new(parcels);
        let mut after = Vec::new();
        {
            let followers = self.followers.borrow();
            let connections = self.connections.borrow();
            let mut taker = Taker::new(self, now);
            for follower in followers.of(&first.channel) {
                let Some(connection) = connections.get(follower.key as usize) else {
                    continue;
                };
                let mut state = connection.state.borrow_mut();
                let index = usize::from(follower.index);
                match taker.take(&run, connection, &mut state, index) {
                    Then::Idle => {}
                    Then::Write => self.has_to_write(connection),
                    then => {
                        let actions = std::mem::take(&mut taker.actions);
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
        parcel: &Arc<Parcel>,
    ) -> bool {
        let mut state = connection.state.borrow_mut();
        let has_format = match state.sink {
            Sink::Response(_) => parcel.response.is_some(),
            Sink::Stream(_) => parcel.stream.is_some(),
            Sink::WebSocket(_) => parcel.socket.is_some(),
        };
        if !has_format || state.end.is_some() || connection.is_gone.get() {
            return false;
        }
        // As if by a subscription of its own, which has no filters and no place.
        let index = state.subscriptions.len();
        state.subscriptions.push(Subscription {
            channel: Arc::clone(&parcel.channel),
            filters: Box::default(),
            place: None,
            position: 0,
        });
        let (then, actions) = self.take_for(connection, &mut state, parcel, index);
        state.subscriptions.truncate(index);
        drop(state);
        self.follow_up(connection, then, actions);
        true
    }

    /// Hands an item to one connection, for one of its subscriptions.
    pub(super) fn take_for(
        &self,
        connection: &Connection,
        state: &mut State,
        parcel: &Arc<Parcel>,
        index: usize,
    ) -> (Then, Vec<Action>) {
        let mut taker = Taker::new(self, clock::now());
        let then = taker.take_each(std::slice::from_ref(parcel), connection, state, index);
        (then, std::mem::take(&mut taker.actions))
    }

    /// Does what a connection needs after something came for it.
    pub(super) fn follow_up(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        then: Then,
        actions: Vec<Action>,
    ) {
        match then {
            Then::Idle => {}
            Then::Write => self.has_to_write(connection),
            Then::Ask => {
                self.has_to_write(connection);
                self.ask(connection);
            }
            Then::Converse => self.act(connection, actions),
            Then::End => self.finish_answered(connection),
            Then::Cut => self.cut(connection),
        }
    }
}
