//! The items of one request to an endpoint, between its queue and its delivery.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    endpoint_queue::EndpointQueue,
    failure::{EndpointFailure, FailureReason},
};

/// What opens and ends a request, around items with commas between them.
const OPEN: &[u8] = b"{\"items\":[";
const CLOSE: &[u8] = b"]}";
/// How many bytes a request has beside its items, each of which counts for one more.
const ENVELOPE: usize = OPEN.len() + CLOSE.len();

/// How whoever published an item hears what became of it.
pub(crate) type Reply = oneshot::Sender<Result<(), Arc<EndpointFailure>>>;

/// An item in the queue of one endpoint.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) json: Bytes,
    /// Whether it has an id, so that a proxy drops it when it comes twice.
    pub(crate) is_repeatable: bool,
    /// The room it takes in the queue.
    pub(crate) cost: u32,
    /// When it is given up where it still stands in the queue.
    pub(crate) give_up_at: Instant,
    /// None for an item that nobody asks about.
    pub(crate) reply: Option<Reply>,
    /// Whether somebody waits for it now, and is not to wait for long.
    pub(crate) is_urgent: bool,
}

impl Entry {
    fn is_awaited(&self) -> bool {
        self.is_urgent && self.reply.as_ref().is_some_and(|reply| !reply.is_closed())
    }
}

/// Items that go in one request. Those that are still in it when it is dropped have failed: that
/// happens where the runtime is shut down.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    endpoint: &'a EndpointQueue,
    entries: Vec<Entry>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(endpoint: &'a EndpointQueue, entries: Vec<Entry>) -> Self {
        Self { endpoint, entries }
    }

    /// Takes from the front of `queue` what has stood there for too long.
    pub(crate) fn take_expired(
        endpoint: &'a EndpointQueue,
        queue: &mut VecDeque<Entry>,
        now: Instant,
    ) -> Self {
        let mut entries = Vec::new();
        while queue.front().is_some_and(|entry| entry.give_up_at <= now) {
            entries.extend(queue.pop_front());
        }
        Self { endpoint, entries }
    }

    /// Takes from the front of `queue` what fits one request: at least one item, if there is any.
    pub(crate) fn take(endpoint: &'a EndpointQueue, queue: &mut VecDeque<Entry>) -> Self {
        let mut entries = Vec::with_capacity(queue.len().min(endpoint.max_items()));
        let mut length = ENVELOPE;
        while entries.len() < endpoint.max_items() {
            let Some(next) = queue.front() else { break };
            length += next.json.len() + 1;
            if length > endpoint.max_body() + 1 && !entries.is_empty() {
                break;
            }
            entries.extend(queue.pop_front());
        }
        Self { endpoint, entries }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The items, each as JSON.
    #[cfg(feature = "zeromq")]
    pub(crate) fn items(&self) -> impl Iterator<Item = &Bytes> {
        self.entries.iter().map(|entry| &entry.json)
    }

    /// The body of a request with all items.
    pub(crate) fn to_json(&self) -> Bytes {
        let items = self.entries.iter().map(|entry| entry.json.len() + 1);
        let mut body = Vec::with_capacity(ENVELOPE + items.sum::<usize>());
        body.extend_from_slice(OPEN);
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&entry.json);
        }
        body.extend_from_slice(CLOSE);
        Bytes::from(body)
    }

    /// The second half, taken out.
    pub(crate) fn split(&mut self) -> Self {
        Self {
            endpoint: self.endpoint,
            entries: self.entries.split_off(self.entries.len() / 2),
        }
    }

    pub(crate) fn accept(mut self) {
        self.endpoint.room().add_permits(cost(&self.entries));
        for entry in self.entries.drain(..) {
            if let Some(reply) = entry.reply {
                // Whoever waited may have gone, and there is nothing to tell.
                let _ = reply.send(Ok(()));
            }
        }
    }

    pub(crate) fn fail(mut self, attempts: u32, reason: FailureReason) {
        let entries = std::mem::take(&mut self.entries);
        fail(self.endpoint, entries, attempts, reason);
    }

    /// Fails the items that may not come twice, and keeps the others.
    pub(crate) fn fail_unrepeatable(&mut self, attempts: u32, reason: &FailureReason) {
        self.keep(attempts, reason, |entry| entry.is_repeatable);
    }

    /// Fails the items that somebody waits for, and keeps the others.
    pub(crate) fn fail_awaited(&mut self, attempts: u32, reason: &FailureReason) {
        self.keep(attempts, reason, |entry| !entry.is_awaited());
    }

    fn keep(&mut self, attempts: u32, reason: &FailureReason, keep: impl Fn(&Entry) -> bool) {
        if self.entries.iter().all(&keep) {
            return;
        }
        let entries = std::mem::take(&mut self.entries);
        let (kept, failed) = entries.into_iter().partition(keep);
        self.entries = kept;
        fail(self.endpoint, failed, attempts, reason.clone());
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        fail(self.endpoint, entries, 0, FailureReason::Stopped);
    }
}

fn cost(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.cost as usize).sum()
}

fn fail(endpoint: &EndpointQueue, entries: Vec<Entry>, attempts: u32, reason: FailureReason) {
    if entries.is_empty() {
        return;
    }
    let failure = Arc::new(EndpointFailure {
        endpoint: endpoint.name().clone(),
        items: entries.len(),
        attempts,
        reason,
    });
    endpoint.room().add_permits(cost(&entries));
    let mut unreported = 0;
    for entry in entries {
        let is_reported = entry
            .reply
            .is_some_and(|reply| reply.send(Err(Arc::clone(&failure))).is_ok());
        unreported += usize::from(!is_reported);
    }
    endpoint.report(&failure, unreported);
}
