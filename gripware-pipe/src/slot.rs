use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use crate::link::Link;

/// The place of one other end: connected, or not.
#[derive(Debug)]
pub(crate) struct Slot {
    link: watch::Sender<Option<Arc<Link>>>,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            link: watch::Sender::new(None),
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Link>> {
        self.link.borrow().clone()
    }

    /// Waits for a connection other than one that was lost.
    pub(crate) async fn wait(&self, lost: Option<u64>, limit: Duration) -> Option<Arc<Link>> {
        let is_other = |link: &Arc<Link>| Some(link.generation) != lost;
        if let Some(link) = self.current().filter(is_other) {
            return Some(link);
        }
        if limit.is_zero() {
            return None;
        }
        let mut links = self.link.subscribe();
        let found = links.wait_for(|link| link.as_ref().is_some_and(is_other));
        timeout(limit, found).await.ok()?.ok()?.clone()
    }

    /// Waits until it is connected. Safe to cancel.
    pub(crate) async fn connected(&self) {
        let mut links = self.link.subscribe();
        // The sender is in `self`.
        let _ = links.wait_for(Option::is_some).await;
    }

    /// Returns the connection whose place this one takes.
    pub(crate) fn put(&self, link: Arc<Link>) -> Option<Arc<Link>> {
        self.link.send_replace(Some(link))
    }

    /// Empties the place, unless another connection has it by now.
    pub(crate) fn remove(&self, generation: u64) -> bool {
        self.link.send_if_modified(|link| {
            let is_it = link.as_ref().is_some_and(|it| it.generation == generation);
            if is_it {
                *link = None;
            }
            is_it
        })
    }
}
