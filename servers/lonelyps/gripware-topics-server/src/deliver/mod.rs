//! Delivery: a message goes to all its subscribers at the same time, within bounds.
//!
//! Each subscriber has a *lane*: so many deliveries at a time, so many that wait, and what is more is
//! missed. A place among all deliveries is taken only by one that has its place in the lane, so that a
//! slow subscriber holds no more of them than its own (head-of-line blocking). What a subscriber has
//! not confirmed in time, it has missed. Whoever has missed something is in the store until it is told.

mod attempt;
mod ending;
mod lane;
mod message;
pub(crate) mod missed;

use std::{fmt, sync::Arc};

use gripware_core::ErrorChain;
use gripware_topics::{
    Address, Pattern, Topic,
    auth::{Credential, Verifier},
};
use tokio::{sync::Semaphore, task::JoinSet};

pub(crate) use self::message::{Encoded, LEVEL, Message};
use self::{
    attempt::{DeliveryError, Outcome},
    ending::Ending,
    lane::Lanes,
};
use crate::{
    Settings,
    broadcaster::blocking,
    clock::now,
    dial::Sender,
    socket::Sockets,
    store::{Match, Missed, Store, StoreError},
};

pub(crate) struct Deliverer {
    store: Arc<dyn Store>,
    /// What comes back is signed with.
    to_broadcaster: Arc<Verifier>,
    to_subscriber: Credential,
    sender: Sender,
    sockets: Arc<Sockets>,
    lanes: Lanes,
    all: Semaphore,
    ending: Ending,
    settings: Settings,
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer").finish_non_exhaustive()
    }
}

impl Deliverer {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        to_broadcaster: Arc<Verifier>,
        to_subscriber: Credential,
        sender: Sender,
        sockets: Arc<Sockets>,
        settings: Settings,
    ) -> Self {
        let all = settings.deliveries.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            store,
            to_broadcaster,
            to_subscriber,
            sender,
            sockets,
            lanes: Lanes::new(&settings),
            all: Semaphore::new(all),
            ending: Ending::default(),
            settings,
        }
    }

    pub(crate) fn to_subscriber(&self) -> &Credential {
        &self.to_subscriber
    }

    pub(crate) fn sockets(&self) -> &Arc<Sockets> {
        &self.sockets
    }

    /// Waits until deliveries are cut short.
    pub(crate) async fn cut(&self) {
        self.ending.cut().await;
    }

    /// Delivers a message, and returns for how many subscribers it was confirmed.
    pub(crate) async fn deliver(self: Arc<Self>, message: Message) -> u32 {
        let _under_way = self.enter();
        if let Some(refresh) = self.store.refresh() {
            refresh.await;
        }
        let mut matches = self.store.matching(&message.topic);
        matches.retain(|to| !self.sockets.are_at(&to.url));
        let message = Arc::new(message);
        let over_sockets = self.sockets.deliver(&message).await;
        // One alone needs no task of its own.
        if let [only] = matches.as_slice()
            && over_sockets.is_empty()
        {
            return self.deliver_to(only, &message).await;
        }
        let mut under_way = JoinSet::new();
        for to in matches {
            let (this, message) = (Arc::clone(&self), Arc::clone(&message));
            under_way.spawn(async move { this.deliver_to(&to, &message).await });
        }
        // The message is theirs alone now, and gone with the last of them.
        drop(message);
        let time = self.settings.delivery_timeout;
        let confirmed = self.sockets.confirmed(over_sockets, time, self.cut());
        let mut confirmed = confirmed.await;
        while let Some(done) = under_way.join_next().await {
            confirmed = confirmed.saturating_add(done.unwrap_or(0));
        }
        confirmed
    }

    async fn deliver_to(&self, to: &Match, message: &Message) -> u32 {
        let error = match self.attempt(to, message).await {
            Ok(Outcome::Confirmed(subscribers)) => {
                self.store.reached(&to.url, now());
                return subscribers;
            }
            Ok(Outcome::Unsubscribe) => {
                tracing::info!(url = %to.url, topic = %message.topic, "unsubscribed as it answered");
                self.unsubscribe(&to.url, &message.topic).await;
                return 0;
            }
            Err(error) => error,
        };
        let new = self.note_missed(to, &message.topic).await;
        let (url, topic) = (&to.url, &message.topic);
        match new {
            // A subscriber that is gone is told of once, and not with each message.
            Ok(false) => {
                tracing::debug!(%url, %topic, error = %ErrorChain(&error), "not delivered");
            }
            Ok(true) => tracing::warn!(%url, %topic, error = %ErrorChain(&error), "not delivered"),
            Err(store) => tracing::error!(
                %url, %topic, error = %ErrorChain(&error), store = %ErrorChain(&store),
                "not delivered, and it will not be told"
            ),
        }
        0
    }

    async fn note_missed(&self, to: &Match, topic: &Topic) -> Result<bool, StoreError> {
        let (now, recovery) = (now(), to.recovery.clone());
        // Of one that cannot be told there is one entry, whatever it misses.
        let topic = recovery.as_ref().map(|_| topic.clone());
        let missed = Missed {
            url: to.url.clone(),
            recovery,
            topic: topic.unwrap_or_default(),
            attempts: 0,
            since: now,
            due: now + missed::delay(0),
            lease: 0,
        };
        blocking(&self.store, move |store| store.missed(&missed)).await
    }

    /// Takes a subscriber out of whatever made it get messages of a topic. `false` if that is nothing.
    async fn unsubscribe(&self, url: &Address, topic: &Topic) -> bool {
        let topic = topic.clone();
        let is_of = move |pattern: &Pattern, _: Option<&Address>| pattern.matches(&topic);
        self.unsubscribe_from(url, is_of).await
    }

    /// Takes a subscriber out of some of what it is subscribed to. `false` if that is nothing.
    async fn unsubscribe_from(
        &self,
        url: &Address,
        is_of: impl Fn(&Pattern, Option<&Address>) -> bool + Send + 'static,
    ) -> bool {
        let from = url.clone();
        let done = blocking(&self.store, move |store| {
            let list = store.list(&from);
            let chosen = list.iter().filter(|(one, recovery)| is_of(one, *recovery));
            let chosen: Vec<Pattern> = chosen.map(|(pattern, _)| pattern).collect();
            for pattern in &chosen {
                store.unsubscribe(&from, pattern)?;
            }
            Ok(!chosen.is_empty())
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(%url, error = %ErrorChain(&error), "not unsubscribed");
            false
        })
    }
}

impl DeliveryError {
    fn of(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

#[cfg(test)]
mod tests;
