//! Memory that many needed is given back when they have gone.

use std::{rc::Rc, time::Duration};

use slab::Slab;
use tokio::{
    task::{spawn_local, yield_now},
    time::sleep,
};

use super::Shard;
use crate::channels::shrink::shrink;

/// How often memory is looked for that can be given back.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Shard {
    /// Gives back what is needed no longer, now and then. The first shard does it for the registry
    /// too, map by map, so that others have their turn in between.
    pub(super) fn sweep_now_and_then(self: &Rc<Self>) {
        let shard = Rc::clone(self);
        spawn_local(async move {
            loop {
                sleep(SWEEP_EVERY).await;
                shard.shrink();
                if shard.index > 0 {
                    continue;
                }
                let registry = &shard.shared.registry;
                for stripe in 0..registry.stripes() {
                    if registry.sweep(stripe) {
                        yield_now().await;
                    }
                }
            }
        });
    }

    fn shrink(&self) {
        shrink(&mut self.by_id.borrow_mut());
        self.followers.borrow_mut().shrink();
        let mut connections = self.connections.borrow_mut();
        if connections.is_empty() && connections.capacity() > 0 {
            *connections = Slab::new();
        }
    }
}
