//! The endpoints of a publisher, which change while it runs.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    BuildError, Endpoint, endpoint_factory::EndpointFactory, endpoint_queue::EndpointQueue,
    failure::EndpointFailure,
};

/// The queues that an item is put in, as they are at one moment.
pub(crate) type Queues = Arc<[Arc<EndpointQueue>]>;

/// The endpoints of a publisher.
pub(crate) struct Endpoints {
    factory: EndpointFactory,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queues: Queues,
    /// Those that were removed and are not done, or have failures to tell of.
    leaving: Vec<Arc<EndpointQueue>>,
}

impl Endpoints {
    pub(crate) fn none(factory: EndpointFactory) -> Self {
        Self {
            factory,
            state: Mutex::default(),
        }
    }

    /// Makes the first ones.
    pub(crate) fn new(
        factory: EndpointFactory,
        endpoints: &[Endpoint],
    ) -> Result<Self, BuildError> {
        let queues: Result<Queues, _> = endpoints.iter().map(|it| factory.queue(it)).collect();
        Ok(Self {
            factory,
            state: Mutex::new(State {
                queues: queues?,
                leaving: Vec::new(),
            }),
        })
    }

    /// Returns those that items are sent to now.
    pub(crate) fn queues(&self) -> Queues {
        Arc::clone(&self.state().queues)
    }

    /// Adds one, in place of any at the same address.
    pub(crate) fn add(&self, endpoint: &Endpoint) -> Result<(), BuildError> {
        let queue = self.factory.queue(endpoint)?;
        let mut state = self.state();
        let (old, mut queues) = state.partition(|it| it.name() == queue.name());
        queues.push(queue);
        state.change(queues, old);
        Ok(())
    }

    /// Removes all at an address. Returns `false` if there was none.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut state = self.state();
        let (old, queues) = state.partition(|it| **it.name() == *name);
        let is_found = !old.is_empty();
        state.change(queues, old);
        is_found
    }

    /// Has these and no others. One that differs in nothing keeps its queue.
    pub(crate) fn apply(&self, endpoints: &[Endpoint]) -> Result<(), BuildError> {
        let mut state = self.state();
        let mut old = state.queues.to_vec();
        let mut queues = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let kept = old.iter().position(|queue| queue.is_of(endpoint));
            queues.push(match kept {
                Some(kept) => old.swap_remove(kept),
                None => self.factory.queue(endpoint)?,
            });
        }
        state.change(queues, old);
        Ok(())
    }

    /// Returns those that whoever flushes waits for: the present ones, and those that leave.
    pub(crate) fn to_flush(&self) -> Vec<Arc<EndpointQueue>> {
        let state = self.state();
        state.queues.iter().chain(&state.leaving).cloned().collect()
    }

    /// Takes out what the queues that left have failed with, and forgets those that are done.
    pub(crate) fn forget_left(&self) -> Vec<EndpointFailure> {
        let mut state = self.state();
        let (done, leaving) = state.leaving.drain(..).partition(|queue| queue.is_idle());
        state.leaving = leaving;
        let done: Vec<Arc<EndpointQueue>> = done;
        done.iter().filter_map(|queue| queue.unreported()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn partition(
        &self,
        goes: impl Fn(&EndpointQueue) -> bool,
    ) -> (Vec<Arc<EndpointQueue>>, Vec<Arc<EndpointQueue>>) {
        self.queues.iter().cloned().partition(|queue| goes(queue))
    }

    /// Those that leave go on sending what they have.
    fn change(&mut self, queues: Vec<Arc<EndpointQueue>>, old: Vec<Arc<EndpointQueue>>) {
        self.queues = queues.into();
        // A list that changes often does not grow for it.
        self.leaving
            .retain(|queue| !queue.is_idle() || queue.has_unreported());
        self.leaving.extend(old);
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.queues().iter()).finish()
    }
}
