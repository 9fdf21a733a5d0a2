//! The bounded queue of one endpoint, and the task that empties it.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    batch::{Batch, Entry},
    delivery::Delivery,
    endpoint::Endpoint,
    failure::{EndpointFailure, FailureReason, OnFailure, UnreportedFailures},
    trace,
};

/// The queue of one endpoint, with a task that empties it, one request after the other.
///
/// The task is started by whoever puts an item in an idle queue, and ends when the queue is empty.
/// So the queue belongs to no runtime, and costs nothing while nobody publishes.
pub(crate) struct EndpointQueue {
    name: Arc<str>,
    /// As it was added.
    endpoint: Endpoint,
    delivery: Delivery,
    /// Room in the queue, in bytes, where each item takes at least `least_cost`. So one number
    /// bounds both bytes and items.
    room: Semaphore,
    capacity: u32,
    least_cost: u32,
    state: Mutex<State>,
    /// Told when a batch is done.
    progress: Notify,
    on_failure: OnFailure,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Entry>,
    is_running: bool,
    /// How many items have been put in, ever.
    pushed: u64,
    /// How many of those are done, ever. They are the first ones, while nothing is `stopping`.
    done: u64,
    /// How many were in a queue whose task was dropped, and have not been reported yet.
    stopping: u64,
    /// Failures that nobody waited for and nobody has been told of.
    unreported: UnreportedFailures,
}

/// The bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl EndpointQueue {
    pub(crate) fn new(
        delivery: Delivery,
        endpoint: &Endpoint,
        bounds: Bounds,
        on_failure: OnFailure,
    ) -> Self {
        // A semaphore hands out at most `u32::MAX` at once.
        let capacity = u32::try_from(bounds.bytes).unwrap_or(u32::MAX / 2);
        let items = u32::try_from(bounds.items).unwrap_or(u32::MAX).max(1);
        Self {
            name: delivery.name().into(),
            delivery,
            endpoint: endpoint.clone(),
            room: Semaphore::new(capacity as usize),
            capacity,
            least_cost: capacity.div_ceil(items).max(1),
            state: Mutex::default(),
            progress: Notify::new(),
            on_failure,
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn max_body(&self) -> usize {
        self.endpoint.max_body
    }

    pub(crate) fn max_items(&self) -> usize {
        self.endpoint.max_items
    }

    /// The longest item that may be sent, as JSON.
    pub(crate) fn max_item(&self) -> usize {
        self.endpoint.max_item
    }

    pub(crate) fn room(&self) -> &Semaphore {
        &self.room
    }

    /// The room that an item of so many bytes takes.
    pub(crate) fn cost(&self, length: usize) -> u32 {
        u32::try_from(length)
            .unwrap_or(u32::MAX)
            .clamp(self.least_cost, self.capacity)
    }

    /// Puts an item at the end of the queue. Its room has been taken.
    pub(crate) fn push(&self, entry: Entry) {
        let mut state = self.state();
        state.pushed += 1;
        state.queue.push_back(entry);
    }

    /// Sees to it that a task empties the queue.
    pub(crate) fn start(self: &Arc<Self>, runtime: &Handle) {
        let mut state = self.state();
        if state.is_running || state.queue.is_empty() {
            return;
        }
        state.is_running = true;
        drop(state);
        let running = Running {
            endpoint: Arc::clone(self),
            in_flight: 0,
            is_finished: false,
        };
        runtime.spawn(running.run());
    }

    /// How many items have been put in, ever.
    pub(crate) fn pushed(&self) -> u64 {
        self.state().pushed
    }

    /// Waits until so many items, ever, have been answered or given up, and their failures have
    /// been reported.
    pub(crate) async fn wait_for(&self, target: u64) {
        loop {
            // Made before it is looked, so that no progress is missed between.
            let progress = self.progress.notified();
            if self.is_done(target) {
                return;
            }
            progress.await;
        }
    }

    fn is_done(&self, target: u64) -> bool {
        let state = self.state();
        state.done >= target && state.stopping == 0
    }

    /// Whether everything that was put in is done.
    pub(crate) fn is_idle(&self) -> bool {
        let target = self.pushed();
        self.is_done(target)
    }

    pub(crate) fn has_unreported(&self) -> bool {
        self.state().unreported.is_some()
    }

    /// Whether it was made for an endpoint that differs in nothing from this one.
    pub(crate) fn is_of(&self, endpoint: &Endpoint) -> bool {
        self.endpoint.is_same(endpoint)
    }

    /// The failures that nobody waited for, taken out.
    pub(crate) fn unreported(&self) -> Option<EndpointFailure> {
        self.state().unreported.take()
    }

    /// The failure of an item whose task was dropped.
    pub(crate) fn stopped(&self) -> Arc<EndpointFailure> {
        Arc::new(EndpointFailure {
            endpoint: Arc::clone(&self.name),
            items: 1,
            attempts: 0,
            reason: FailureReason::Stopped,
        })
    }

    /// Tells of a failure; nobody waits for `unreported` of its items.
    pub(crate) fn report(&self, failure: &EndpointFailure, unreported: usize) {
        self.state().unreported.add(failure, unreported);
        trace::warning!(
            endpoint = %self.name,
            items = failure.items,
            attempts = failure.attempts,
            reason = %failure.reason,
            "items were not published"
        );
        self.on_failure.call(failure);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done where a panic could strike.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EndpointQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointQueue")
            .field("name", &self.name)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// The task that empties a queue. It may be dropped at any `await`, with its runtime. What is in the queue
/// has then failed, since those who wait for it would wait for ever.
struct Running {
    endpoint: Arc<EndpointQueue>,
    in_flight: u64,
    is_finished: bool,
}

impl Running {
    async fn run(mut self) {
        let endpoint = Arc::clone(&self.endpoint);
        while let Some(batch) = self.next(&endpoint) {
            endpoint.delivery.deliver(batch).await;
        }
    }

    /// Returns the next batch; `None` if the queue is empty, which is then idle.
    fn next<'a>(&mut self, endpoint: &'a EndpointQueue) -> Option<Batch<'a>> {
        let mut state = endpoint.state();
        state.done += mem::take(&mut self.in_flight);
        let expired = Batch::take_expired(endpoint, &mut state.queue, Instant::now());
        let batch = Batch::take(endpoint, &mut state.queue);
        self.in_flight = (expired.len() + batch.len()) as u64;
        if self.in_flight == 0 {
            state.is_running = false;
            self.is_finished = true;
        }
        drop(state);
        endpoint.progress.notify_waiters();
        if self.is_finished {
            return None;
        }
        let after = endpoint.delivery.give_up_after;
        expired.fail(0, FailureReason::Expired { after });
        Some(batch)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let endpoint = &self.endpoint;
        let mut state = endpoint.state();
        // What was being sent has been reported: its batch was dropped before this. The queue is
        // counted when it has been, and until then whoever flushes waits, although what is put in
        // from now on may be sent and done already.
        state.done += self.in_flight;
        let queue = mem::take(&mut state.queue);
        let stopping = queue.len() as u64;
        state.stopping += stopping;
        state.is_running = false;
        drop(state);
        drop(Batch::new(endpoint, queue.into()));
        let mut state = endpoint.state();
        state.stopping -= stopping;
        state.done += stopping;
        drop(state);
        endpoint.progress.notify_waiters();
    }
}
