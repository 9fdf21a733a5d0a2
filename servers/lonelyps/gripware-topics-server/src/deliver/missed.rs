//! Tells subscribers that they have missed something, with exponential backoff over days.

use std::{sync::Arc, time::Duration};

use gripware_core::ErrorChain;
use tokio::{task::JoinSet, time::sleep};

use super::{Deliverer, Outcome};
use crate::{
    broadcaster::blocking,
    clock::now,
    store::{Match, Missed, StoreError},
};

/// How often it is looked who is due. The shortest wait is two seconds.
const TICK: Duration = Duration::from_secs(1);

/// Most that are told at a time.
const BATCH: usize = 256;

/// 2^13 seconds, somewhat over two hours: the longest wait between two tries.
const LONGEST: u32 = 13;

/// Starts it. It ends when the deliverer is gone.
pub(crate) fn spawn(deliverer: &Arc<Deliverer>) {
    let deliverer = Arc::downgrade(deliverer);
    tokio::spawn(async move {
        loop {
            sleep(TICK).await;
            let Some(deliverer) = deliverer.upgrade() else {
                return;
            };
            deliverer.tell_all(now()).await;
        }
    });
}

/// Seconds until the next try, after so many: 2^n, one more, and at random up to two, so that
/// subscribers that went at once do not all come back at once.
pub(super) fn delay(attempts: u32) -> u64 {
    let mut random = [0];
    // Without randomness it is the shortest, which does no harm.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    (1 << attempts.min(LONGEST)) + 1 + u64::from(random % 3)
}

impl Deliverer {
    /// Tells those who are due.
    async fn tell_all(self: &Arc<Self>, now: u64) {
        let mut under_way = JoinSet::new();
        let due = blocking(&self.store, move |store| Ok(store.due(now, BATCH))).await;
        for missed in due.unwrap_or_default() {
            let this = Arc::clone(self);
            under_way.spawn(async move { this.tell(missed, now).await });
        }
        // Those who do not answer keep the others waiting for no longer than a delivery may take.
        while under_way.join_next().await.is_some() {}
    }

    async fn tell(&self, mut missed: Missed, now: u64) {
        let url = missed.url.clone();
        let topic = missed.topic.clone();
        let told = self.attempt_missed(&missed.recovery, &topic).await;
        let as_match = Match::new(url.clone(), None);
        let kept = match told {
            Ok(Outcome::Confirmed(_)) => {
                tracing::debug!(%url, %topic, "told that it has missed something");
                self.forget(missed).await
            }
            Ok(Outcome::Unsubscribe) => {
                self.unsubscribe(&as_match, &topic).await;
                self.forget(missed).await
            }
            Err(_) if now.saturating_sub(missed.since) >= self.settings.missed_for.as_secs() => {
                tracing::warn!(%url, %topic, "not reached for so long that it is unsubscribed");
                self.unsubscribe(&as_match, &topic).await;
                self.forget(missed).await
            }
            Err(error) => {
                missed.attempts = missed.attempts.saturating_add(1);
                missed.due = now + delay(missed.attempts);
                let attempts = missed.attempts;
                tracing::debug!(%url, %topic, attempts, error = %ErrorChain(&error), "not told yet");
                blocking(&self.store, move |store| store.postpone(&missed)).await
            }
        };
        if let Err(error) = kept {
            tracing::error!(%url, error = %ErrorChain(&error), "whom to tell is not kept");
        }
    }

    async fn forget(&self, missed: Missed) -> Result<(), StoreError> {
        blocking(&self.store, move |store| store.forget(&missed)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_some_hours() {
        for (attempts, least) in [(0, 2), (1, 3), (5, 33), (13, 8193), (40, 8193)] {
            let delay = delay(attempts);
            assert!((least..=least + 2).contains(&delay), "{attempts}: {delay}");
        }
    }
}
