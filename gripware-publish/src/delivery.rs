//! Sends batches to one endpoint: retries with backoff, and bisection of what is refused.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

#[cfg(feature = "zeromq")]
use crate::zeromq::Push;
use crate::{batch::Batch, failure::FailureReason, http::ControlApi, random::jittered, trace};

/// How long is waited before the first retry; twice as long before each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Brings batches to one endpoint, as often as it takes and may be done.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    /// How long a batch may take in all.
    pub(crate) give_up_after: Duration,
    /// Whether the last batch was given up without an answer. Until there is one, items that
    /// somebody waits for are tried once.
    pub(crate) is_out_of_reach: AtomicBool,
}

/// How a batch reaches an endpoint.
#[derive(Debug)]
pub(crate) enum Protocol {
    Http(ControlApi),
    #[cfg(feature = "zeromq")]
    ZeroMq(Push),
}

/// One attempt that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) reason: FailureReason,
    pub(crate) retry: Retry,
    /// How long the endpoint wants to be left alone, where it says so.
    pub(crate) wait: Option<Duration>,
}

impl Failed {
    pub(crate) fn new(reason: FailureReason, retry: Retry) -> Self {
        Self {
            reason,
            retry,
            wait: None,
        }
    }
}

/// What may be done after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    /// The endpoint has not seen it.
    Always,
    /// The endpoint may have taken it: only items with an id may come again.
    WithId,
    /// The endpoint refused all of it, maybe for one item.
    Bisect,
}

impl Delivery {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a batch until it has been answered or given up. One that is refused for what is in
    /// it is halved until the item to blame stands alone, so that no other is lost with it.
    pub(crate) async fn deliver(&self, batch: Batch<'_>) {
        let mut budget = RetryBudget {
            may_retry: self.retries > 0,
            retries: self.retries,
            give_up_at: Instant::now() + self.give_up_after,
        };
        let mut refusals = Refusals::default();
        let mut last: Option<FailureReason> = None;
        let mut batches = vec![batch];
        while let Some(mut batch) = batches.pop() {
            if batch.is_empty() {
                continue;
            }
            // The parts that have not been sent yet fail as the last did.
            if let Some(reason) = last.as_ref().filter(|_| budget.is_over()) {
                batch.fail(0, reason.clone());
                continue;
            }
            let (attempts, failed) = match self.send(&mut batch, &mut budget).await {
                Ok(()) => {
                    refusals = Refusals::default();
                    batch.accept();
                    continue;
                }
                Err(failed) => failed,
            };
            let bisects = failed.retry == Retry::Bisect;
            last = Some(failed.reason.clone());
            if bisects && batch.len() > 1 && !refusals.blame_no_item() {
                let rest = batch.split();
                batches.push(rest);
                batches.push(batch);
                continue;
            }
            if bisects && batch.len() == 1 {
                refusals.add(&failed.reason);
            }
            batch.fail(attempts, failed.reason);
        }
    }

    /// Sends a batch, again and again where that may help. An error comes with the number of
    /// attempts. Where none is left to be sent again, the batch is empty.
    async fn send(
        &self,
        batch: &mut Batch<'_>,
        budget: &mut RetryBudget,
    ) -> Result<(), (u32, Failed)> {
        let was_out_of_reach = self.is_out_of_reach.load(Ordering::Relaxed);
        let mut attempts = 1;
        loop {
            let attempt = self.attempt(batch, budget).await;
            let is_answered = !matches!(&attempt, Err(failed) if failed.reason.is_silence());
            if is_answered {
                self.is_out_of_reach.store(false, Ordering::Relaxed);
            }
            let Err(failed) = attempt else {
                return Ok(());
            };
            // Whoever was told the same time as others does not come back together with them.
            let told = failed.wait.map(|wait| wait.saturating_add(delay(1)));
            let delay = delay(attempts).max(told.unwrap_or_default());
            let may_retry = match failed.retry {
                Retry::Never | Retry::Bisect => false,
                Retry::Always | Retry::WithId if told.is_some() => budget.allows(delay),
                Retry::Always | Retry::WithId => budget.takes(delay),
            };
            if !may_retry {
                self.is_out_of_reach.store(!is_answered, Ordering::Relaxed);
                return Err((attempts, failed));
            }
            if failed.retry == Retry::WithId {
                batch.fail_unrepeatable(attempts, &failed.reason);
            }
            if was_out_of_reach && !is_answered {
                batch.fail_awaited(attempts, &failed.reason);
            }
            if batch.is_empty() {
                return Ok(());
            }
            trace::debug!(
                endpoint = %self.name,
                items = batch.len(),
                attempt = attempts,
                reason = %failed.reason,
                delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                "publishing is tried again"
            );
            sleep(delay).await;
            attempts += 1;
        }
    }

    async fn attempt(&self, batch: &Batch<'_>, budget: &RetryBudget) -> Result<(), Failed> {
        let attempt = async {
            match &self.protocol {
                Protocol::Http(api) => api.post(batch.to_json()).await,
                #[cfg(feature = "zeromq")]
                Protocol::ZeroMq(push) => push.send(batch.items()).await,
            }
        };
        let after = self.timeout.min(budget.left());
        let late = Failed::new(FailureReason::TimedOut { after }, Retry::WithId);
        timeout(after, attempt).await.unwrap_or(Err(late))
    }
}

/// What may still be spent on a batch and on the parts it is cut into.
#[derive(Debug)]
struct RetryBudget {
    may_retry: bool,
    retries: u32,
    give_up_at: Instant,
}

impl RetryBudget {
    fn left(&self) -> Duration {
        self.give_up_at.saturating_duration_since(Instant::now())
    }

    fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Whether a retry that the endpoint asked for would not come too late. Such are not counted:
    /// the waits between them grow, so that the time for the batch bounds them.
    fn allows(&self, delay: Duration) -> bool {
        self.may_retry && delay < self.left()
    }

    /// Takes one retry, if there is one and it would not come too late.
    fn takes(&mut self, delay: Duration) -> bool {
        if delay >= self.left() {
            return false;
        }
        let left = self.retries.checked_sub(1);
        self.retries = left.unwrap_or_default();
        left.is_some()
    }
}

/// Refusals of items that stood alone, one after the other.
///
/// Where the endpoint says the same to two in a row, none of them may be to blame: it refuses
/// whatever it gets. What is left is then tried as it is, and not cut up any more, until something
/// is accepted.
#[derive(Debug, Default)]
struct Refusals {
    last: Option<FailureReason>,
    in_a_row: u32,
}

impl Refusals {
    fn add(&mut self, reason: &FailureReason) {
        if self.last.as_ref() != Some(reason) {
            self.in_a_row = 0;
            self.last = Some(reason.clone());
        }
        self.in_a_row += 1;
    }

    fn blame_no_item(&self) -> bool {
        self.in_a_row > 1
    }
}

/// The wait after so many attempts.
fn delay(attempts: u32) -> Duration {
    let factor = 1_u32
        .checked_shl(attempts.saturating_sub(1))
        .unwrap_or(u32::MAX);
    jittered(FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        for (attempts, longest) in [(1, 100), (2, 200), (3, 400), (7, 5000), (40, 5000)] {
            let longest = Duration::from_millis(longest);
            let delay = delay(attempts);
            assert!(
                delay >= longest / 2 && delay <= longest,
                "{attempts}: {delay:?}"
            );
        }
    }
}
