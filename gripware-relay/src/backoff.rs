//! Pauses between attempts, which grow, and differ between nodes.

use std::time::Duration;

use crate::name::random;

/// Pauses that double from 50 ms to 2 s, each cut by up to half at random, so that nodes that lost
/// a broker together do not come back together.
///
/// ```
/// use std::time::Duration;
///
/// use gripware_relay::Backoff;
///
/// let mut backoff = Backoff::new();
/// assert!(backoff.next_pause() <= Duration::from_millis(50));
/// assert!(backoff.next_pause() <= Duration::from_millis(100));
/// backoff.reset();
/// assert!(backoff.next_pause() <= Duration::from_millis(50));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

/// The first pause.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause: short beside the [`SILENCE`](crate::SILENCE) that makes a node deaf.
const LONGEST: Duration = Duration::from_secs(2);

impl Backoff {
    /// Returns one that begins with the shortest pause.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the next pause, which is longer than the one before, up to 2 s.
    pub fn next_pause(&mut self) -> Duration {
        let pause = FIRST
            .saturating_mul(1 << self.attempts.min(10))
            .min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        // The quotient is below one, and loses nothing that matters.
        let share = (random() >> 40) as f64 / f64::from(1_u32 << 24);
        pause.mul_f64(0.5 + share / 2.0)
    }

    /// Begins with the shortest pause again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_never_vanish() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..40).map(|_| backoff.next_pause()).collect();
        assert!(
            pauses
                .iter()
                .all(|pause| (FIRST / 2..=LONGEST).contains(pause))
        );
        assert!(pauses.last() >= Some(&(LONGEST / 2)));
    }
}
