use std::time::Duration;

/// How long to wait between attempts: twice as long each time up to a limit, and up to half of it
/// less by chance (jitter), so that clients that were cut off together do not come back together.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    limit: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, limit: Duration) -> Self {
        Self {
            first,
            limit,
            failures: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next time to wait. `chance` is any number.
    pub(super) fn next(&mut self, chance: u32) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let whole = self.first.saturating_mul(factor).min(self.limit);
        whole.mul_f64(1.0 - f64::from(chance) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_up_to_a_limit() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let times: Vec<_> = (0..8).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(times, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        for _ in 0..100 {
            assert_eq!(backoff.next(u32::MAX), Duration::from_millis(2500));
        }
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX), Duration::from_millis(50));
    }
}
