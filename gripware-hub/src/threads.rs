//! The runtimes that connections are spread over.
//!
//! In front of an application in this process connections are tasks of its runtime. In front of one
//! at an address they are tasks of the hub's own threads, each of which has a runtime to itself: what
//! a request needs (its client, its connection to the origin, and the hold that may come of it) is on
//! one thread, and no other is woken for it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::runtime::Handle;

/// Runtimes that take turns. Clones take turns together.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    /// At least one.
    runtimes: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

impl Threads {
    /// The runtime that this is called on, whose threads share its tasks.
    pub(crate) fn of_caller() -> Self {
        Self::new([Handle::current()].into())
    }

    /// These runtimes, or that of the caller if there are none.
    pub(crate) fn of_hub(runtimes: &Arc<[Handle]>) -> Self {
        match runtimes.is_empty() {
            true => Self::of_caller(),
            false => Self::new(Arc::clone(runtimes)),
        }
    }

    fn new(runtimes: Arc<[Handle]>) -> Self {
        let next = Arc::default();
        Self { runtimes, next }
    }

    /// The runtime whose turn it is.
    pub(crate) fn next(&self) -> &Handle {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        // There is at least one.
        #[allow(clippy::indexing_slicing)]
        &self.runtimes[next % self.runtimes.len()]
    }

    /// The runtime of the caller if it is one of these, and otherwise the one whose turn it is.
    pub(crate) fn here(&self) -> &Handle {
        let here = index_of_caller(&self.runtimes).and_then(|index| self.runtimes.get(index));
        here.unwrap_or_else(|| self.next())
    }
}

/// Which of these runtimes the caller is on.
pub(crate) fn index_of_caller(runtimes: &[Handle]) -> Option<usize> {
    let caller = Handle::try_current().ok()?.id();
    runtimes.iter().position(|runtime| runtime.id() == caller)
}
