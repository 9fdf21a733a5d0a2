//! A shard that runs on the thread of a test or a fuzzer, which can look into it.

use std::{rc::Rc, sync::Arc};

use tokio::{sync::mpsc::UnboundedReceiver, task::spawn_local};

use super::{Message, Shard, Shared, isolate::FAULTS};

/// A shard in the thread and the runtime of who plays with it.
pub(crate) struct Here {
    shard: Rc<Shard>,
    faults: usize,
}

/// What a shard has. With no client held it is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) connections: usize,
    pub(crate) ids: usize,
    pub(crate) channels: usize,
    pub(crate) timers: usize,
    pub(crate) fetches: usize,
    pub(crate) unwritten: usize,
    pub(crate) telling: usize,
    pub(crate) pressed: usize,
    pub(crate) queued: usize,
}

impl Here {
    /// Starts a shard, which ends with the [`LocalSet`](tokio::task::LocalSet) or a
    /// [`Message::Stop`].
    pub(crate) fn start(
        index: usize,
        shared: Arc<Shared>,
        inbox: UnboundedReceiver<Message>,
    ) -> Self {
        let shard = Rc::new(Shard::new(index, shared));
        spawn_local(Rc::clone(&shard).run(inbox));
        Self {
            shard,
            faults: FAULTS.get(),
        }
    }

    pub(crate) fn left(&self) -> Left {
        let shard = &self.shard;
        Left {
            connections: shard.connections.borrow().len(),
            ids: shard.by_id.borrow().len(),
            channels: shard.followers.borrow().len(),
            timers: shard.timers.borrow().len(),
            fetches: shard.fetches.borrow().len(),
            unwritten: shard.unwritten.borrow().len(),
            telling: shard.telling.get(),
            pressed: shard.pressed.get(),
            queued: shard.shared.queued(shard.index).value(),
        }
    }

    /// Returns how many faults of the hub it has survived.
    pub(crate) fn faults(&self) -> usize {
        FAULTS.get() - self.faults
    }
}
