//! What other broadcasters have to know of the connections of this one.
//!
//! Several broadcasters share a store. One whose connections want messages subscribes itself to them, at
//! an address of its own, and hands out what the others POST there: each message goes to it once, and its
//! confirmation says for how many connections it is.

use std::{collections::BTreeSet, sync::Arc};

use gripware_topics::{
    Address, Pattern, SubscriptionList,
    http::{MISSED_FOR_WEBSOCKETS, RECEIVE_FOR_WEBSOCKETS},
};
use tokio::sync::Mutex;

use crate::{
    broadcaster::blocking,
    store::{Store, StoreError},
};

/// This broadcaster as others see it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) receive: Address,
    pub(crate) missed: Address,
    store: Arc<dyn Store>,
    /// `None` until what an earlier process has left in the store is gone.
    announced: Mutex<Option<Announced>>,
}

#[derive(Debug, Default)]
struct Announced {
    /// What is in the store.
    patterns: BTreeSet<Pattern>,
    /// What it had lost, until all is in it again.
    lost: BTreeSet<Pattern>,
}

impl Peer {
    pub(crate) fn new(host: &Address, store: Arc<dyn Store>) -> Self {
        Self {
            receive: host.join(RECEIVE_FOR_WEBSOCKETS),
            missed: host.join(MISSED_FOR_WEBSOCKETS),
            store,
            announced: Mutex::new(None),
        }
    }

    /// Subscribes this broadcaster to those patterns that connections want now, and unsubscribes it
    /// from the others.
    pub(super) async fn announce(
        &self,
        patterns: Vec<Pattern>,
        is_wanted: impl Fn(&Pattern) -> bool,
    ) -> Result<(), StoreError> {
        let mut announced = self.announced.lock().await;
        let Announced {
            patterns: there, ..
        } = match &mut *announced {
            Some(announced) => announced,
            none => {
                let url = self.receive.clone();
                let empty = SubscriptionList::default();
                blocking(&self.store, move |store| store.replace(&url, &empty)).await?;
                none.insert(Announced::default())
            }
        };
        for pattern in patterns {
            let is_added = is_wanted(&pattern);
            if is_added == there.contains(&pattern) {
                continue;
            }
            let (url, missed) = (self.receive.clone(), self.missed.clone());
            let changed = pattern.clone();
            blocking(&self.store, move |store| match is_added {
                true => store.subscribe(&url, &changed, Some(&missed)),
                false => store.unsubscribe(&url, &changed),
            })
            .await?;
            match is_added {
                true => there.insert(pattern),
                false => there.remove(&pattern),
            };
        }
        Ok(())
    }

    /// Looks whether the store still has what was announced, and announces it anew where not: the store
    /// was wiped, or this broadcaster was taken for gone. Returns the patterns that it had lost.
    pub(super) async fn reconcile(
        &self,
        is_wanted: impl Fn(&Pattern) -> bool,
    ) -> Result<Vec<Pattern>, StoreError> {
        let mut announced = self.announced.lock().await;
        let Some(Announced { patterns, lost }) = &mut *announced else {
            return Ok(Vec::new());
        };
        patterns.retain(is_wanted);
        let url = self.receive.clone();
        let there = blocking(&self.store, move |store| Ok(store.list(&url))).await?;
        let there: BTreeSet<_> = there.iter().map(|(pattern, _)| pattern).collect();
        // Where it is written in part, the rest is found the next time, and all of it was lost.
        lost.extend(patterns.difference(&there).cloned());
        if there != *patterns {
            let mut list = SubscriptionList::default();
            for pattern in patterns.iter() {
                list.insert(pattern.clone(), Some(self.missed.clone()));
            }
            let url = self.receive.clone();
            blocking(&self.store, move |store| store.replace(&url, &list)).await?;
        }
        Ok(std::mem::take(lost).into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
