use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Presence, node::RENEW_INTERVAL, presence::log};
use crate::StateError;

/// How often a node sweeps.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The most that one step of a sweep removes, so that it holds up the engine for less than 5 ms.
const SWEEP_LIMIT: usize = 100;

/// The most steps of one sweep. What is left is swept at the next, after what else there is to do.
const SWEEP_STEPS: usize = 100;

/// How long connections come and go before it is said that nobody sweeps: an application that
/// starts has begun to by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether anybody sweeps, of those who have clones of one handle.
#[derive(Debug, Default)]
pub(super) struct Sweepers {
    have_begun: AtomicBool,
    first_use: OnceLock<Instant>,
    is_told: AtomicBool,
}

impl Sweepers {
    fn begin(&self) {
        self.have_begun.store(true, Ordering::Relaxed);
    }

    /// Says once in the log that nobody sweeps, where connections have come and gone for a while.
    pub(super) fn used(&self, now: Instant) {
        if self.are_missed(now) {
            tell();
        }
    }

    /// Returns `true` once, where nobody has swept [`PATIENCE`] after the first use.
    fn are_missed(&self, now: Instant) -> bool {
        if self.have_begun.load(Ordering::Relaxed) {
            return false;
        }
        let first = *self.first_use.get_or_init(|| now);
        now.saturating_duration_since(first) >= PATIENCE
            && !self.is_told.swap(true, Ordering::Relaxed)
    }
}

fn tell() {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "gripware",
        "presence: nobody runs Presence::run on this handle or a clone of it: users who have gone \
         stay in the lists, and no leave is told"
    );
}

impl Presence {
    /// Renews this node's lease and sweeps, until `stopped` is there; then the lease is ended, so
    /// that other nodes need not wait for it. Every node of an application runs it, in a task of its
    /// own: without it nobody is found to have gone.
    ///
    /// While the backend fails it goes on, and what has failed is logged.
    ///
    /// # Cancel safety
    /// When the future is dropped, the lease ends by itself, after
    /// [`LEASE_TTL`](super::LEASE_TTL).
    pub async fn run(&self, stopped: impl Future<Output = ()>) {
        self.sweepers.begin();
        let mut ticks = interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = std::pin::pin!(stopped);
        let mut renewed: Option<Instant> = None;
        loop {
            tokio::select! {
                () = &mut stopped => break,
                _ = ticks.tick() => {}
            }
            if let Some(node) = &self.node
                && renewed.is_none_or(|at| at.elapsed() >= RENEW_INTERVAL)
            {
                match node.renew(self).await {
                    Ok(()) => renewed = Some(Instant::now()),
                    Err(error) => log(&error),
                }
            }
            if let Err(error) = self.sweep().await {
                log(&error);
            }
        }
        if let Some(lease) = self.node.as_ref().and_then(|node| node.lease())
            && let Err(error) = self.backend.end_lease(&lease).await
        {
            log(&error);
        }
    }

    /// Removes who has gone, once: what [`run`](Self::run) does each second. Returns how many
    /// connections, users and counts were due.
    ///
    /// # Errors
    /// Where the backend fails.
    pub async fn sweep(&self) -> Result<usize, StateError> {
        self.sweepers.begin();
        let mut due = 0;
        for _ in 0..SWEEP_STEPS {
            let swept = self.backend.sweep(SWEEP_LIMIT, self.grace).await?;
            due += swept.due;
            self.announce(&swept.announcements).await;
            if !swept.has_more {
                break;
            }
        }
        Ok(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_nobody_sweeps_is_told_once() {
        let (sweepers, start) = (Sweepers::default(), Instant::now());
        assert!(!sweepers.are_missed(start));
        assert!(!sweepers.are_missed(start + PATIENCE / 2));
        assert!(sweepers.are_missed(start + PATIENCE));
        assert!(!sweepers.are_missed(start + 2 * PATIENCE));
    }

    #[test]
    fn where_somebody_sweeps_nothing_is_told() {
        let (sweepers, start) = (Sweepers::default(), Instant::now());
        assert!(!sweepers.are_missed(start));
        sweepers.begin();
        assert!(!sweepers.are_missed(start + PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_runs_a_clone_sweeps() {
        let presence = crate::State::memory().presence();
        let running = presence.clone();
        tokio::spawn(async move { running.run(std::future::pending()).await });
        tokio::time::sleep(SWEEP_INTERVAL).await;
        assert!(presence.sweepers.have_begun.load(Ordering::Relaxed));

        let other = crate::State::memory().presence();
        assert!(!other.sweepers.have_begun.load(Ordering::Relaxed));
        other.sweep().await.unwrap();
        assert!(other.sweepers.have_begun.load(Ordering::Relaxed));
    }
}
