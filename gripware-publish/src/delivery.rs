use std::time::Duration;

use tokio::time::{sleep, timeout};

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
    pub(crate) way: Way,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
}

/// How a batch reaches an endpoint.
#[derive(Debug)]
pub(crate) enum Way {
    Http(ControlApi),
    #[cfg(feature = "zeromq")]
    ZeroMq(Push),
}

/// One attempt that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) reason: FailureReason,
    pub(crate) retry: Retry,
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
    Apart,
}

impl Delivery {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a batch until it has been answered or given up. One that is refused for what is in
    /// it is halved until the item to blame stands alone, so that no other is lost with it.
    pub(crate) async fn deliver(&self, batch: Batch<'_>) {
        let mut batches = vec![batch];
        while let Some(mut batch) = batches.pop() {
            match self.send(&mut batch).await {
                Ok(()) => batch.accept(),
                Err((_, failed)) if failed.retry == Retry::Apart && batch.len() > 1 => {
                    let rest = batch.split();
                    batches.push(rest);
                    batches.push(batch);
                }
                Err((attempts, failed)) => batch.fail(attempts, failed.reason),
            }
        }
    }

    /// Sends a batch, again and again where that may help. An error comes with the number of
    /// attempts.
    async fn send(&self, batch: &mut Batch<'_>) -> Result<(), (u32, Failed)> {
        let mut attempts = 1;
        loop {
            let Err(failed) = self.attempt(batch).await else {
                return Ok(());
            };
            let may_retry = match failed.retry {
                Retry::Never | Retry::Apart => false,
                Retry::Always | Retry::WithId => attempts <= self.retries,
            };
            if !may_retry {
                return Err((attempts, failed));
            }
            if failed.retry == Retry::WithId {
                batch.fail_unrepeatable(attempts, &failed.reason);
                if batch.is_empty() {
                    return Ok(());
                }
            }
            let delay = delay(attempts);
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

    async fn attempt(&self, batch: &Batch<'_>) -> Result<(), Failed> {
        let attempt = async {
            match &self.way {
                Way::Http(api) => api.post(batch.to_json()).await,
                #[cfg(feature = "zeromq")]
                Way::ZeroMq(push) => push.send(batch.items()).await,
            }
        };
        let late = Failed {
            reason: FailureReason::TimedOut {
                after: self.timeout,
            },
            retry: Retry::WithId,
        };
        timeout(self.timeout, attempt).await.unwrap_or(Err(late))
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
