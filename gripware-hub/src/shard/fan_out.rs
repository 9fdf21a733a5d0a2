//! An item reaches those who follow its channel.

use std::{mem, rc::Rc, slice, sync::Arc};

use super::{
    Shard,
    batch::Batch,
    connection::{Connection, State},
    deliver::Deliverer,
};
use crate::{channels::encoded_item::EncodedItem, clock, session::Effect};

impl Shard {
    /// Hands items of one channel to all who follow it.
    pub(super) fn fan_out(self: &Rc<Self>, items: &[Arc<EncodedItem>]) {
        let Some(first) = items.first() else {
            return;
        };
        let batch = Batch::new(items);
        let mut after = Vec::new();
        {
            let followers = self.followers.borrow();
            let connections = self.connections.borrow();
            let mut deliverer = Deliverer::new(self, clock::now());
            let reached = followers.of(&first.channel).iter();
            for follower in reached.filter(|it| it.is_reached()) {
                let Some(connection) = connections.get(follower.key as usize) else {
                    continue;
                };
                let index = usize::from(follower.index);
                if connection.with(|state| deliverer.deliver(&batch, connection, state, index)) {
                    self.has_to_write(connection);
                }
                if !deliverer.effects.is_empty() {
                    after.push((Rc::clone(connection), mem::take(&mut deliverer.effects)));
                }
            }
        }
        for (connection, effects) in after {
            self.isolate(&connection, || self.act(&connection, effects));
        }
    }

    /// Hands an item to one connection, whatever it is subscribed to. Returns whether it has a
    /// format for it.
    pub(super) fn hand_over(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        item: &Arc<EncodedItem>,
    ) -> bool {
        let delivered = connection.with(|state| {
            let is_held = state.end.is_none() && !connection.is_gone.get();
            (is_held && state.session.has_format(item))
                .then(|| self.deliver_to(connection, state, item, None))
        });
        let Some((must_write, effects)) = delivered else {
            return false;
        };
        if must_write || !effects.is_empty() {
            self.act(connection, effects);
        }
        true
    }

    /// Hands an item to one connection, for one of its subscriptions or for it alone. Returns whether
    /// there is something to write, and what else is to be done.
    pub(super) fn deliver_to(
        &self,
        connection: &Connection,
        state: &mut State,
        item: &Arc<EncodedItem>,
        index: Option<usize>,
    ) -> (bool, Vec<Effect>) {
        let mut deliverer = Deliverer::new(self, clock::now());
        let must_write = deliverer.deliver_each(slice::from_ref(item), connection, state, index);
        (must_write, mem::take(&mut deliverer.effects))
    }
}
