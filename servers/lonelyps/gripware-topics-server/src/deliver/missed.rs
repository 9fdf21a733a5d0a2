//! Tells subscribers that they have missed something, with exponential backoff over days, and
//! unsubscribes those that are not reached for so long.

use std::{sync::Arc, time::Duration};

use gripware_core::ErrorChain;
use gripware_topics::{Address, Pattern};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Deliverer, DeliveryError, Outcome};
use crate::{broadcaster::blocking, clock::now, store::Missed};

/// How often it is looked who is due. The shortest wait is two seconds.
const TICK: Duration = Duration::from_secs(1);

/// Most that are told at a time.
const BATCH: usize = 256;

/// For how long an entry is leased beyond what a delivery may take, in seconds.
const SPARE: u64 = 60;

/// 2^13 seconds, somewhat over two hours: the longest wait between two tries.
const LONGEST: u32 = 13;

/// The same for one that was not tried: somewhat over four minutes.
const LONGEST_UNTRIED: u32 = 8;

/// Starts it. It ends when the deliverer is gone.
pub(crate) fn spawn(deliverer: &Arc<Deliverer>) {
    let deliverer = Arc::downgrade(deliverer);
    tokio::spawn(async move {
        let mut under_way = JoinSet::new();
        loop {
            sleep(TICK).await;
            let Some(deliverer) = deliverer.upgrade() else {
                return;
            };
            deliverer.tell_due(&mut under_way, now()).await;
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
    /// Begins to tell those who are due, as many as there is room for beside those that are told already:
    /// whoever does not answer keeps no others waiting.
    pub(super) async fn tell_due(self: &Arc<Self>, under_way: &mut JoinSet<()>, now: u64) {
        while under_way.try_join_next().is_some() {}
        let entered = self.enter();
        let room = BATCH.saturating_sub(under_way.len());
        if room == 0 || self.ending.is_cut() {
            return;
        }
        let longest = self.settings.delivery_timeout.as_secs();
        let until = now.saturating_add(longest).saturating_add(SPARE);
        let due = blocking(&self.store, move |store| Ok(store.due(now, until, room))).await;
        for missed in due.unwrap_or_default() {
            let (this, entered) = (Arc::clone(self), entered.clone());
            under_way.spawn(async move {
                this.tell(missed, now).await;
                drop(entered);
            });
        }
    }

    /// As [`tell_due`](Self::tell_due), to the end.
    #[cfg(test)]
    pub(super) async fn tell_all(self: &Arc<Self>, now: u64) {
        let mut under_way = JoinSet::new();
        self.tell_due(&mut under_way, now).await;
        while under_way.join_next().await.is_some() {}
    }

    async fn tell(&self, mut missed: Missed, now: u64) {
        let (url, topic) = (missed.url.clone(), missed.topic.clone());
        let begun = Instant::now();
        let told = match &missed.recovery {
            Some(recovery) => self.attempt_missed(recovery, &topic).await,
            None => Err(DeliveryError::NoRecovery),
        };
        let now = now + begun.elapsed().as_secs();
        let is_over = match told {
            Ok(Outcome::Confirmed(_)) => {
                tracing::debug!(%url, %topic, "told that it has missed something");
                self.store.reached(&url, now);
                true
            }
            Ok(Outcome::Unsubscribe) => {
                self.unsubscribe(&url, &topic).await;
                true
            }
            // Its lane is full of others, say: it was not tried. It does not wait as long as one that was.
            Err(error) if !error.is_tried() => {
                missed.due = now + delay(missed.attempts.min(LONGEST_UNTRIED));
                tracing::debug!(%url, %topic, error = %ErrorChain(&error), "not told now");
                false
            }
            Err(_) if now.saturating_sub(missed.since) >= self.settings.missed_for.as_secs() => {
                let is_changed = match missed.recovery {
                    Some(_) => self.unsubscribe(&url, &topic).await,
                    None => {
                        let is_of = |_: &Pattern, recovery: Option<&Address>| recovery.is_none();
                        self.unsubscribe_from(&url, is_of).await
                    }
                };
                if is_changed {
                    tracing::warn!(%url, %topic, "not reached for so long that it is unsubscribed");
                }
                true
            }
            Err(error) => {
                missed.due = now + delay(missed.attempts);
                let attempts = missed.attempts;
                tracing::debug!(%url, %topic, attempts, error = %ErrorChain(&error), "not told yet");
                false
            }
        };
        let kept = blocking(&self.store, move |store| match is_over {
            true => store.forget(&missed, now),
            false => store.postpone(&missed, now),
        });
        if let Err(error) = kept.await {
            tracing::error!(%url, error = %ErrorChain(&error), "whom to tell is not kept");
        }
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
