//! What a subscription is to be told that it has missed. It is kept beside the queue of messages, so
//! that a full one loses nothing of it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use crate::Topic;

/// Most topics that are told one by one; with the longest ones they take 4 MiB. Of more than that, it
/// is told that any may have been missed.
const MAX: usize = 64;

/// Topics of which messages were missed, each once.
#[derive(Debug, Default)]
pub(super) struct MissedTopics {
    missed: Mutex<Missed>,
    waker: AtomicWaker,
}

#[derive(Debug)]
enum Missed {
    Of(BTreeSet<Topic>),
    OfAny,
}

impl Default for Missed {
    fn default() -> Self {
        Self::Of(BTreeSet::new())
    }
}

impl MissedTopics {
    /// Messages of a topic were missed; `None`: of any.
    pub(super) fn note(&self, topic: Option<&Topic>) {
        let mut missed = self.lock();
        match (&mut *missed, topic) {
            (Missed::OfAny, _) => (),
            (Missed::Of(topics), Some(topic)) if topics.len() < MAX || topics.contains(topic) => {
                topics.insert(topic.clone());
            }
            (missed, _) => *missed = Missed::OfAny,
        }
        drop(missed);
        self.waker.wake();
    }

    /// Takes a topic; `None`: any. Wakes the task when there is one.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Option<Topic>> {
        // Before the look, so that what comes behind it wakes.
        self.waker.register(cx.waker());
        let mut missed = self.lock();
        match &mut *missed {
            Missed::OfAny => {
                *missed = Missed::default();
                Poll::Ready(None)
            }
            Missed::Of(topics) => match topics.pop_first() {
                Some(topic) => Poll::Ready(Some(topic)),
                None => Poll::Pending,
            },
        }
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
